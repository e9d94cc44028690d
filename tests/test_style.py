"""The linters and the type checker pass on the whole tree."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent

CLAUSE = re.compile(
    r"(?:(?:as|at|by|for|from|in|on|to|with) )?(?:how|what|when|where|whether|which|who|whom|whose|why)\b|of\b",
    re.IGNORECASE,
)
"""Opening of a docstring that is a clause about something, and neither its noun nor a verb."""


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


def _docstrings(source: str) -> Iterator[tuple[int, str]]:
    """Yield the line and text of each docstring, those below attributes included."""
    for node in ast.walk(ast.parse(source)):
        body = getattr(node, "body", None)
        for statement in body if isinstance(body, list) else []:
            match statement:
                case ast.Expr(value=ast.Constant(value=str(text))):
                    yield statement.lineno, text.lstrip()


def _clauses(source: str) -> list[int]:
    """Return the lines of docstrings that begin with a clause."""
    return [line for line, text in _docstrings(source) if CLAUSE.match(text)]


def test_every_docstring_begins_with_a_verb_or_with_what_it_is_about() -> None:
    """CONTRIBUTING.md; that a function's begins with a verb, ruff holds (D401)."""
    openings = [
        f"{path.relative_to(ROOT)}:{line}"
        for folder in ("edgehar", "firmware_bridge", "benchmarks")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for line in _clauses(path.read_text("utf-8"))
    ]
    assert openings == []


@pytest.mark.parametrize(
    "source",
    [
        '"""What a model says."""',
        'RATE = 50\n"""Of the grid, Hz."""',
        'class Row:\n    t: float\n    """When it was told, s."""',
        'class Row:\n    @property\n    def end(self) -> str:\n        """How it ended."""',
        'def f(x):\n    x.name = 1\n    """In which file it is."""',
    ],
    ids=["module", "constant", "attribute", "property", "preposition"],
)
def test_a_clause_is_noticed_wherever_a_docstring_stands(source: str) -> None:
    assert _clauses(source) == [source.count("\n") + 1]


@pytest.mark.parametrize(
    "text", ["Offsets of rows.", "Whole seconds.", "In a batch.", "Return what it says."]
)
def test_other_openings_are_none(text: str) -> None:
    assert _clauses(f'"""{text}"""') == []


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
