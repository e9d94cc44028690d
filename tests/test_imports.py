"""What a fresh interpreter really loads."""

import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, lacking

HEAVY = {"tensorflow", "keras", "cv2", "scipy", "matplotlib", "bleak", "aiohttp", "amqtt"}


def loaded_by(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


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
    ],
)
def test_the_run_time_loads_nothing_heavy(code: str) -> None:
    assert not loaded_by(code) & HEAVY


def test_the_nouns_load_only_numpy_and_msgspec() -> None:
    assert not loaded_by("import edgehar.pipeline.loop") & {
        "paho",
        "serial",
        "rich",
        "typer",
        "asyncio",
        "ai_edge_litert",
    }


def modules_of(code: str) -> set[str]:
    """All modules, by their whole name, that an interpreter has loaded after this."""
    script = f"import sys\n{code}\nprint(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


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
    loaded = loaded_by(
        "import edgehar.evaluation.evaluate, edgehar.evaluation.report, edgehar.evaluation.tables"
    )
    assert not loaded & {"tensorflow", "keras", "sklearn", "matplotlib"}
