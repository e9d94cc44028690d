"""The linters and the type checker pass on the whole tree."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "command",
    [["ruff", "check"], ["ruff", "format", "--check"], ["mypy"], ["lint-imports"]],
    ids=["ruff", "format", "mypy", "import-linter"],
)
def test_passes(command: list[str]) -> None:
    done = subprocess.run(
        [BIN / command[0], *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_registry_address_in_any_file() -> None:
    """Packages are named, never addressed."""
    files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    hosts = ["pypi" + ".org", "pythonhosted" + ".org", "registry.npmjs" + ".org", "deb.debian" + ".org"]
    naming = [
        name
        for name in files.stdout.split("\0")
        if name and any(host in (ROOT / name).read_text("utf-8", "ignore") for host in hosts)
    ]
    assert not naming


def test_no_name_says_only_that_something_was_found() -> None:
    """CONTRIBUTING.md: a name says what is in it."""
    vague = {"found", "one", "own", "said", "there", "known", "asked"}
    named = [
        f"{path.relative_to(ROOT)}:{node.lineno} {name}"
        for folder in ("edgehar", "tests", "benchmarks")
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        for name in [getattr(node, "arg", None) or getattr(node, "id", None)]
        if name in vague and isinstance(node, ast.Name | ast.arg)
    ]
    assert named == []
