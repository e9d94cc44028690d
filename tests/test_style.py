"""The linters and the type checker pass on the whole tree."""

import ast
import subprocess
import sys
import tomllib
from importlib.metadata import version
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


def test_what_judges_style_is_pinned_and_is_what_runs_here() -> None:
    """A release of somebody else's shall not fail a tree that nobody touched."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    # Behind a semicolon stands for which machines.
    plain = [requirement.partition(";")[0] for requirement in extras["test"]]
    wanted = dict(requirement.split("==") for requirement in plain if "==" in requirement)
    judges = {"ruff", "mypy", "import-linter"}
    assert {name: wanted.get(name) for name in judges} == {name: version(name) for name in judges}
    # mypy reads the stubs that come with NumPy, others with each minor version.
    assert any(requirement.startswith("numpy") and ",<" in requirement for requirement in extras["test"])
