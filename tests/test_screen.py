"""The live page as a person sees it: a real pty, and what stands on it after resizing, closing and stopping."""

import io
import logging
import signal
import threading
from pathlib import Path

import pytest
from mosquitto import Listener, Mosquitto, free_port
from rich.console import Console
from terminals import Terminal, shown

from edgehar.apps.screen import HISTORY, Screen
from edgehar.config.schema import Config, Gateway
from edgehar.config.worn import SimulatedWearer, Wearer
from edgehar.daemon.daemon import Daemon
from edgehar.types import Event

FOOTER = ("mosquitto_sub -p 1883 -t 'edgehar/#' -v", "Ctrl-C ends it")


def is_one_page(lines: list[str]) -> bool:
    """Tell whether a page stands in view once, whole and last."""
    edges = [line[0] for line in lines if line[0] in "╭╰"]
    return edges == ["╭", "╰"] and lines[-1][0] == "╰"


def test_the_footer_stands_in_a_line_of_80_columns_and_after_the_window_was_resized() -> None:
    with Terminal("demo", "--port", "0") as terminal:
        for columns, rows in ((80, 24), (64, 12), (120, 40), (80, 24)):
            terminal.resize(columns, rows)
            lines = terminal.until(
                lambda lines: is_one_page(lines) and len(lines[-1]) == terminal.columns - 2 and len(lines) > 6
            )
            assert "mosquitto_sub -p" in lines[-3]
            assert "-t 'edgehar/#' -v" in lines[-3]
            assert "Ctrl-C ends it" in lines[-2]


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_the_last_page_stays_with_what_was_last_seen(how: signal.Signals) -> None:
    with Terminal("demo", "--port", "0") as terminal:
        terminal.until(lambda lines: any(" began (was " in line for line in lines))
        if how == signal.SIGINT:
            terminal.type(b"\x03")
        else:
            terminal.program.send_signal(how)
        lines = [line for line in terminal.until_end() if "^C" not in line]
        assert terminal.program.returncode == (130 if how == signal.SIGINT else 0)
        page = "\n".join(lines)
        assert is_one_page(lines), page
        assert "NO SIGNAL" not in page
        assert "ended after 0 s" not in page
        assert " for " in page


async def test_a_daemon_on_a_terminal_shows_its_sensors_below_the_log_and_a_closed_window_ends_it(
    tmp_path: Path,
) -> None:
    config = tmp_path / "edgehar.toml"
    with Mosquitto(free_port(), tmp_path) as broker:
        config.write_text(
            f'[gateway]\nid = "gw"\n[mqtt]\nhost = "127.0.0.1"\nport = {broker.port}\n'
            '[[wearer]]\nid = "anna"\n[wearer.simulator]\nplacements = ["wrist"]\n'
            '[[wearer]]\nid = "bea"\n[[wearer.serial]]\nplacement = "chest"\nport = "/dev/ttyNOWHERE"\n'
        )
        listener = Listener(broker.port)
        with Terminal("run", "--config", str(config), columns=100, rows=40) as terminal:
            lines = terminal.until(
                lambda lines: is_one_page(lines) and any("broker up" in line for line in lines)
            )
            [top] = [i for i, line in enumerate(lines) if line.startswith("╭")]
            log, page = "\n".join(lines[:top]), "\n".join(lines[top:])
            assert "wearer anna: wrist (simulated)" in log
            assert "WARNING edgehar.sources.reconnect: bea: /dev/ttyNOWHERE does not exist" in log
            assert "chest: /dev/ttyNOWHERE does not exist" in page
            await listener.until(lambda: listener.on("edgehar/gw/anna/status")[-1:] == ["online"])
            terminal.close()
            await listener.until(lambda: listener.on("edgehar/gw/status")[-1:] == ["offline"])
            assert listener.on("edgehar/gw/anna/status")[-1] == "offline"
            assert terminal.program.wait(30) == 0
        listener.close()


def test_log_lines_never_tear_a_page_that_is_drawn_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = io.StringIO()
    seen.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setenv("TERM", "xterm-256color")
    handler = logging.StreamHandler(seen)
    monkeypatch.setattr(logging.getLogger(), "handlers", [handler])
    console = Console(file=seen, force_terminal=True, width=80, height=40, color_system=None)
    daemon = Daemon(Config(gateway=Gateway(id="gw"), wearer=[wearer_of("w0")]))
    screen, is_over = Screen(console, daemon, title="a title", footer=lambda: FOOTER), threading.Event()

    def draw() -> None:
        while not is_over.is_set():
            # Another height each time.
            screen._events.clear() if screen._events else screen.push(event(1))
            screen._live.refresh()

    drawing = threading.Thread(target=draw)
    with screen:
        drawing.start()
        for i in range(300):
            handler.stream.write(f"line {i}\n")
        is_over.set()
        drawing.join()
    lines = shown(seen.getvalue(), columns=80, rows=400)
    assert is_one_page(lines[lines.index("line 0") :]), lines
    assert [line for line in lines if line.startswith("line ")] == [f"line {i}" for i in range(300)]


def wearer_of(name: str) -> Wearer:
    return Wearer(id=name, simulator=SimulatedWearer(placements=["wrist"]))


def event(i: int) -> Event:
    return Event(f"w-{i}", "activity_started", "w0", "walking", "other", 0.9, i, i + 1.0, None, 1.0, "m@1")


@pytest.mark.parametrize("wearers", [1, 5])
@pytest.mark.parametrize("rows", [10, 14, 20, 40])
@pytest.mark.parametrize("columns", [50, 80, 200])
def test_a_page_fits_every_window_and_keeps_its_footer(wearers: int, rows: int, columns: int) -> None:
    worn = [
        Wearer(id=f"w{i}", simulator=SimulatedWearer(placements=["wrist", "chest"])) for i in range(wearers)
    ]
    daemon = Daemon(Config(gateway=Gateway(id="gw"), wearer=worn))
    drawn = io.StringIO()
    console = Console(file=drawn, force_terminal=True, width=columns, height=rows, color_system=None)
    screen = Screen(console, daemon, title="a title", footer=lambda: FOOTER)
    for i in range(HISTORY):
        screen.push(event(i))
    console.print(screen._draw())
    lines = drawn.getvalue().splitlines()
    assert len(lines) <= rows
    assert max(map(len, lines)) < columns
    assert FOOTER[0] in lines[-3]
    assert "w0" in lines[1]
    assert any("more" in line for line in lines) == (len(lines) - 5 < wearers * 3 and wearers > 1)


@pytest.mark.parametrize(("columns", "rows"), [(1, 1), (3, 3), (7, 2)])
def test_a_window_too_small_for_anything_is_no_fault(columns: int, rows: int) -> None:
    daemon = Daemon(
        Config(gateway=Gateway(id="gw"), wearer=[Wearer(id="w", simulator=SimulatedWearer(["wrist"]))])
    )
    console = Console(file=io.StringIO(), force_terminal=True, width=columns, height=rows)
    console.print(Screen(console, daemon, title="a title", footer=lambda: FOOTER)._draw())
