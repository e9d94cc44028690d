"""`edgehar-train prototype` as one uses it, and what a daemon tells then."""

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from labelled import record
from listening import until
from mosquitto import Mosquitto, free_port
from shell import run
from test_daemon_requests import ROOT, listening, running
from text_pairs import SQUATS, copied, make

from edgehar.cli import train as cli
from edgehar.config.schema import Config, Gateway, Model, Mqtt
from edgehar.config.worn import Replay, Wearer
from edgehar.daemon.daemon import Daemon
from edgehar.errors import ConfigError, ModelError
from edgehar.personal.fit import teach
from edgehar.personal.recognizer import personal
from edgehar.personal.takes import read_take
from edgehar.pipeline.manifest import read
from edgehar.pipeline.recognizer import load
from edgehar.training import prototype as prototypes
from edgehar.training.finetune import Finetune
from edgehar.training.finetune_recipe import FinetuneRecipe, Recordings, Tuning
from edgehar.training.prototype import label_of
from edgehar.training.texts import embeddings
from edgehar.types import NO_STATES

GYM = [("walking", 12.0), ("squatting", 20.0), ("sitting", 10.0)]
BIN = Path(sys.executable).parent


@pytest.fixture(scope="module")
def stem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("spoken"))


@pytest.fixture
def pair(stem: Path, tmp_path: Path) -> Path:
    return copied(stem, tmp_path)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(free_port(), tmp_path) as broker:
        yield broker


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Give a run of the verb that has to be refused, in one line, which is returned."""

    def verb(*arguments: str | Path) -> str:
        with pytest.raises(SystemExit) as ended:
            cli.main(["prototype", *map(str, arguments)])
        told = capsys.readouterr()
        assert (ended.value.code, told.out, told.err.count("\n")) == (78, "", 1), told
        return told.err

    return verb


def test_what_is_typed_is_told_in_a_replay_and_gone_when_it_is_removed(
    pair: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gym, before = record(tmp_path / "gym.ehr", GYM, {"squatting": "squats"}), pair.read_bytes()
    before_it = begun(gym, pair)
    assert "sitting" in before_it
    assert "squats" not in before_it
    added = subprocess.run(
        [BIN / "edgehar-train", "prototype", pair, SQUATS, "--label", "squats"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert added.stdout == f"{pair}: 16 labels, typed: squats\n", added.stderr
    assert {"sitting", "squats"} <= begun(gym, pair)
    described = " ".join(run("models", "info", pair)[1].split())
    assert f'typed, and never trained: squats ("{SQUATS}")' in described
    assert run("models", "verify", pair)[0] == 0
    with pytest.raises(SystemExit, match="0"):
        cli.main(["prototype", str(pair), f"{SQUATS}.", "--remove"])
    assert capsys.readouterr().out == f"{pair}: 15 labels, typed: none\n"
    assert pair.read_bytes() == before


def begun(recording: Path, pair: Path) -> set[str]:
    """Return the labels that a replay tells the beginning of."""
    code, out, err = run("replay", recording, "--model", pair)
    assert code == 0, err
    return {*re.findall(r"  (\w+) began$", out, re.MULTILINE)}


def test_a_copy_leaves_the_pair_as_it_is_and_can_be_typed_for_again(pair: Path, tmp_path: Path) -> None:
    before, out = pair.read_bytes(), tmp_path / "new" / "folder"
    text = "Clapping both hands together in front of the chest"
    prototypes.write(pair, prototypes.add(pair, text), out)
    assert pair.read_bytes() == before
    copy = out / "spoken.json"
    assert read(copy).labels[-1] == "clapping_both_hands_together_in_front_of_the_chest" == label_of(text)
    with pytest.raises(SystemExit, match="0"):
        cli.main(["prototype", str(copy), SQUATS, "--label", "squats"])
    assert read(copy).labels[-2:] == (label_of(text), "squats")


def test_what_cannot_be_typed_is_refused_in_one_line(
    pair: Path, tmp_path: Path, refused: Callable[..., str]
) -> None:
    assert "expected a pair that `edgehar-train study zero-shot --export` makes" in refused(
        "imu_tcn", "ironing"
    )
    assert "no model 'nothing'" in refused("nothing", "ironing")
    assert '"": expected a few words for what is done' in refused(pair, "  ")
    assert "got 500 characters" in refused(pair, "x" * 500)
    assert "walking: spoken@1 tells it already; --label takes another name" in refused(pair, "walking")
    assert "still: spoken@1 tells it already" in refused(pair, "ironing", "--label", "still")
    for own_word in ("not_worn", "withheld"):
        assert f"{own_word}: a word of edgehar's own" in refused(pair, "ironing", "--label", own_word)
    assert "got characters that cannot be printed" in refused(pair, "iron\x1b[31ming")
    assert "got characters that cannot be printed" in refused(pair, "iron\udcff")
    assert "got 300 characters" in refused(pair, "ironing", "--label", "x" * 300)
    assert "running: spoken@1 tells it already" in refused(pair, "ironing", "--label", "jogging")
    for mark in ("a/b", "a+b", "a#b", "a\nb", "it's", "\N{PARTY POPPER}", ""):
        assert "expected a label of small letters" in refused(pair, "ironing", f"--label={mark}")
    assert "expected a label of small letters" in refused(pair, "ironing", "--label", "ironing a shirt")
    assert "expected a typed label of spoken@1 (none)" in refused(pair, "ironing", "--remove")
    assert "--label names what is added" in refused(pair, "ironing", "--remove", "--label", "x")
    prototypes.write(pair, prototypes.add(pair, "Ironing."), None)
    assert "ironing: spoken@1 tells it already; --remove it first" in refused(
        pair, "sweeping the floor", "--label", "ironing"
    )
    assert '"IRONING": typed already, as ironing; --remove it first' in refused(
        pair, "IRONING", "--label", "pressing"
    )
    (tmp_path / "file").write_text("")
    assert "--out takes a folder" in refused(pair, "sweeping the floor", "--out", tmp_path / "file")


@pytest.mark.parametrize("word", NO_STATES)
def test_a_label_that_home_assistant_takes_for_none_is_refused(
    word: str, pair: Path, refused: Callable[..., str]
) -> None:
    assert f"{word}: Home Assistant takes it for no answer at all" in refused(
        pair, "ironing", "--label", word
    )


@pytest.mark.parametrize(
    ("label", "told"),
    [
        ("bu\N{COMBINING DIAERESIS}geln", "bügeln"),
        ("squat", "squatting"),
        ("Ironing", "ironing"),
        ("null", "null"),
    ],
)
def test_a_label_is_told_as_recordings_are_read(label: str, told: str, pair: Path) -> None:
    assert prototypes.add(pair, "ironing", label).labels[-1] == told


def test_of_a_pair_that_lacks_a_part_nothing_is_copied(
    pair: Path, tmp_path: Path, refused: Callable[..., str]
) -> None:
    prototypes.write(pair, prototypes.add(pair, "ironing"), None)
    pair.with_name("spoken.text.npz").unlink()
    assert "spoken.text.npz: cannot be read" in refused(
        pair, "ironing", "--remove", "--out", tmp_path / "new"
    )
    assert [*(tmp_path / "new").iterdir()] == []


def test_of_a_text_not_known_by_heart_it_is_told_how_it_was_read(caplog: pytest.LogCaptureFixture) -> None:
    [ironing] = embeddings(["ironing"])
    prototypes._tell_how_read("Ironing", ironing)
    assert not caplog.messages
    prototypes._tell_how_read("Bügeln", ironing)
    [line] = caplog.messages
    assert line.startswith('"Bügeln": read as English')
    assert "'ironing' is most like it of what edgehar knows by heart (cosine 1.00)" in line


def test_a_fine_tune_that_would_drop_what_was_typed_is_refused(pair: Path, tmp_path: Path) -> None:
    prototypes.write(pair, prototypes.add(pair, "ironing"), None)
    recipe = FinetuneRecipe("mine", "1", 0, "spoken", (Recordings(set="desk"),), Tuning(1))
    tuning = Finetune(recipe, tmp_path / "mine.toml", None, tmp_path, 1, "", lambda *_: None)
    with pytest.raises(ConfigError, match="base: spoken@1 shares a space with texts, which a fit would move"):
        tuning.spec()


def test_a_pair_without_its_text_tower_says_so(pair: Path, refused: Callable[..., str]) -> None:
    tower = pair.with_name("spoken.text.npz")
    content = tower.read_bytes()
    tower.write_bytes(content[:500])
    assert "spoken.text.npz: expected the projection of texts" in refused(pair, "ironing")
    tower.unlink()
    assert "spoken.text.npz: no such file" in refused(pair, "ironing")


def test_a_manifest_that_cannot_be_written_stays_as_it_is(pair: Path, refused: Callable[..., str]) -> None:
    before = pair.read_bytes()
    pair.with_name(".spoken.json.new").mkdir()  # stands where the new one would be put together
    assert "spoken.json: cannot be written" in refused(pair, "ironing")
    assert pair.read_bytes() == before


def test_states_of_a_typed_label_reach_the_broker(pair: Path, broker: Mosquitto, tmp_path: Path) -> None:
    prototypes.write(pair, prototypes.add(pair, SQUATS, "squats"), None)
    gym = record(tmp_path / "gym.ehr", GYM)
    config = Config(
        gateway=Gateway(id="gw"),
        mqtt=Mqtt(host="127.0.0.1", port=broker.port),
        model=Model(path=str(pair), labels=["squats", "still"]),
        wearer=[Wearer(id="anna", replay=Replay(path=str(gym), speed=20))],
    )

    async def watch() -> object:
        with listening(broker) as listener:
            async with running(Daemon(config)):
                await until(lambda: "squats" in listener.on(f"{ROOT}/anna/activity"))
            return [json.loads(info)["labels"] for info in listener.on(f"{ROOT}/info")][-1]

    labels = asyncio.run(watch())
    assert isinstance(labels, list)
    assert "squats" in labels


def test_a_head_that_was_taught_before_a_label_was_typed_is_refused(pair: Path, tmp_path: Path) -> None:
    box = record(tmp_path / "box.ehr", [("arm_work", 15.0), ("sitting", 10.0)], {"arm_work": "tape_box"})
    prototypes.write(pair, prototypes.add(pair, SQUATS, "squats"), None)
    network = load(pair)
    head = teach(network, [read_take(box)])
    assert personal(network, head).spec.labels[-2:] == ("squats", "tape_box")
    prototypes.write(pair, prototypes.remove(pair, "squats"), None)
    prototypes.write(pair, prototypes.add(pair, "ironing"), None)
    with pytest.raises(
        ModelError, match=r"network_labels: expected .*ironing, got .*squats; labels were typed"
    ):
        personal(load(pair), head)
    prototypes.write(pair, prototypes.add(pair, SQUATS, "squats"), None)
    with pytest.raises(ModelError, match="labels were typed since it was taught"):
        personal(load(pair), head)
