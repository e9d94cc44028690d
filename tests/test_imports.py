"""What a fresh interpreter really loads."""

import subprocess
import sys
from pathlib import Path

import pytest
from configurations import EVERYTHING
from conftest import ROOT, lacking

HEAVY = {"tensorflow", "keras", "cv2", "scipy", "matplotlib", "bleak", "aiohttp", "amqtt", "tomlkit"}
NOT_FOR_THE_PI = ("edgehar.training", "edgehar.evaluation", "edgehar.motion.capture")

RUN = """
import asyncio
from edgehar.config.read import parse
from edgehar.daemon.daemon import Daemon
from edgehar.daemon.run import run
from edgehar.recordings.ehr import Header
from edgehar.recordings.ehr_writer import Writer
from edgehar.sources.simulated.simulator import Simulator
from edgehar.types import Stream
from pathlib import Path

walk = Simulator(placements=["wrist_left"], script=[("walking", 6.0)])
with Writer(Path("walk.ehr"), Header("anna", (Stream("wrist_left"),), 0.0)) as writer:
    for item in walk.packets():
        writer.push(*item)
asyncio.run(run(parse('[[wearer]]\\nid = "anna"\\n[wearer.replay]\\npath = "walk.ehr"\\nspeed = 0')))
Daemon(parse(Path("everything.toml").read_text()))
"""
SIMULATED = '[[wearer]]\nid = "ben"\n[wearer.simulator]\nplacements = ["wrist_left"]\n'


def modules_of(code: str, folder: Path | None = None) -> set[str]:
    """Return the names of all modules that are loaded once the code has run in a folder."""
    script = f"import sys\n{code}\nprint(*sorted(sys.modules))"
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder)
    return set(done.stdout.split())


def packages_of(code: str) -> set[str]:
    return {name.partition(".")[0] for name in modules_of(code)}


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("import edgehar.daemon.run", id="daemon"),
        pytest.param("import edgehar.cli", id="cli"),
        pytest.param(
            "from edgehar.pipeline import manifest, recognizer; recognizer.load(manifest.find('imu_tcn'))",
            id="the model on its runtime",
        ),
        pytest.param(
            "from edgehar.sources.simulated.simulator import Simulator; Simulator(placements=['wrist'])",
            id="the simulator",
        ),
        pytest.param("import edgehar.sources.camera.camera", id="a camera that nobody has"),
    ],
)
def test_the_run_time_loads_nothing_heavy(code: str) -> None:
    assert not packages_of(code) & HEAVY


def test_the_nouns_load_only_numpy_and_msgspec() -> None:
    assert not packages_of("import edgehar.pipeline.loop") & {
        "paho",
        "serial",
        "rich",
        "typer",
        "asyncio",
        "ai_edge_litert",
    }


def test_the_daemon_loads_nothing_that_a_pi_has_no_use_for(tmp_path: Path) -> None:
    (tmp_path / "everything.toml").write_text(EVERYTHING + SIMULATED)
    loaded = modules_of(RUN, tmp_path)
    assert "edgehar.sources.bluetooth.ble" in loaded
    assert [name for name in loaded if name.startswith(NOT_FOR_THE_PI)] == []


def test_who_has_no_page_loads_nothing_of_it(tmp_path: Path) -> None:
    code = """
import asyncio
from pathlib import Path
from edgehar.apps.page import page_beside
from edgehar.config.read import parse
from edgehar.daemon.run import run
from edgehar.recordings.ehr import Header
from edgehar.recordings.ehr_writer import Writer
from edgehar.types import Stream

with Writer(Path("nothing.ehr"), Header("anna", (Stream("wrist_left"),), 0.0)):
    pass
text = '[[wearer]]\\nid = "anna"\\n[wearer.replay]\\npath = "nothing.ehr"\\n'
asyncio.run(run(parse(text), beside=page_beside))
"""
    loaded = modules_of(code, tmp_path)
    assert "edgehar.apps.page" in loaded
    assert not [name for name in loaded if name.partition(".")[0] == "aiohttp" or "dashboard" in name]


@pytest.mark.parametrize("app", ["demo", "replay", "record", "devices"])
def test_the_applications_of_a_pi_load_no_training(app: str) -> None:
    loaded = modules_of(f"import edgehar.apps.{app}")
    assert [name for name in loaded if name.startswith(NOT_FOR_THE_PI)] == []


def test_a_build_loads_nothing_of_the_evaluation(tmp_path: Path) -> None:
    # The verb itself, up to where it would simulate: it is refused a folder that no pair can be written to.
    taken = tmp_path / "file"
    taken.touch()
    recipe, work = ROOT / "tests" / "tiny.toml", tmp_path / "work"
    arguments = ["build", str(recipe), "--work", str(work), "--out", str(taken / "pairs")]
    verb = f"""
from edgehar.cli import train
try:
    train.main({arguments})
except SystemExit as refused:
    assert refused.code == 78
"""
    for code in ("import edgehar.training.build", "import edgehar.cli.train", verb):
        loaded = modules_of(code)
        assert "edgehar.training.recipe" in loaded
        assert not {name for name in loaded if name.startswith("edgehar.evaluation")}
    if "tensorflow" not in loaded:
        lacking("TensorFlow")
    assert "edgehar.training.build" in loaded


def test_an_evaluation_loads_nothing_that_only_a_build_needs() -> None:
    loaded = packages_of(
        "import edgehar.evaluation.ablations, edgehar.evaluation.baselines, edgehar.evaluation.report"
    )
    assert not loaded & {"tensorflow", "keras", "sklearn", "scipy", "matplotlib"}
