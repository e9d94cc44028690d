"""What a fresh interpreter really loads."""

import subprocess
import sys

import pytest

HEAVY = {"tensorflow", "keras", "cv2", "scipy", "matplotlib", "bleak", "aiohttp", "amqtt", "tomlkit"}


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
