"""What a release would give to a package index: built, listed, and read as the index reads it."""

import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from conftest import ROOT

from edgehar import __version__

IN_THE_WHEEL = (
    r"edgehar/(\w+/)*\w+\.py",
    r"edgehar/py\.typed",
    r"edgehar/training/captions\.(toml|npz)",
    r"edgehar/apps/report/page\.css",
    r"edgehar/dashboard/static/\w+\.(html|css|js|svg)",
    r"edgehar/models/imu_tcn(_synthetic)?\.(tflite|json|(weights|background)\.npz)",
    r"edgehar/models/(imu_tcn_synthetic|pose_tcn)\.toml",
    r"edgehar/models/cards/(imu_tcn|imu_tcn_synthetic|pose_tcn)\.md",
    r"edgehar/models/pose_tcn\.(tflite|json|weights\.npz)",
    r"edgehar-[\d.]+\.dist-info/(METADATA|WHEEL|RECORD|entry_points\.txt|licenses/LICENSE)",
)
IN_THE_SDIST = (
    *("edgehar", "models", "firmware_bridge", "deploy", "docs", "tests", "benchmarks"),
    *("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "pyproject.toml", "PKG-INFO"),
    *(".gitignore", ".dockerignore"),
)


def python(*arguments: str | Path, cwd: Path = ROOT) -> str:
    command = [sys.executable, *map(str, arguments)]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with an sdist of the checkout, and the wheel that is built from it."""
    folder = tmp_path_factory.mktemp("dist")
    python("-m", "hatchling", "build", "-t", "sdist", "-d", folder)
    unpacked = tmp_path_factory.mktemp("sdist")
    with tarfile.open(next(folder.glob("*.tar.gz"))) as archive:
        archive.extractall(unpacked, filter="data")
    python("-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=next(unpacked.iterdir()))
    return folder


def test_the_wheel_holds_the_program_and_the_models_and_nothing_else(dist: Path) -> None:
    [wheel] = dist.glob("*.whl")
    assert wheel.name == f"edgehar-{__version__}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        [scripts] = [archive.read(name).decode() for name in names if name.endswith("entry_points.txt")]
    assert [name for name in names if not any(re.fullmatch(kind, name) for kind in IN_THE_WHEEL)] == []
    assert [kind for kind in IN_THE_WHEEL if not any(re.fullmatch(kind, name) for name in names)] == []
    page = (ROOT / "edgehar" / "dashboard" / "static").iterdir()
    sources = {str(path.relative_to(ROOT)) for path in (*(ROOT / "edgehar").rglob("*.py"), *page)}
    assert sources <= {*names}
    assert re.findall(r"^[\w-]+", scripts, re.MULTILINE) == ["edgehar", "edgehar-train"]


def test_the_sdist_holds_what_git_has_and_nothing_that_it_ignores(dist: Path) -> None:
    with tarfile.open(next(dist.glob("*.tar.gz"))) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {name.partition("/")[0] for name in names} == {*IN_THE_SDIST}
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    kept = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    assert names - {*kept} == {"PKG-INFO"}


def test_an_index_takes_both_and_can_show_the_page(dist: Path) -> None:
    told = python("-m", "twine", "--no-color", "check", "--strict", *sorted(dist.iterdir()))
    assert told.count("PASSED") == 2
