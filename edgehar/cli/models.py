"""`edgehar models`: the models at hand."""

from typing import Annotated

import msgspec
import typer

from edgehar.cli.terminal import JsonOption, ModelArgument, show

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="List, describe and verify the models at hand.\n\nExample: edgehar models info imu_tcn",
)


@app.command("list")
def models_list(*, as_json: JsonOption = False) -> None:
    """List the models that ship with edgehar.

    Example: edgehar models list
    """
    from edgehar.pipeline import manifest

    rows = []
    for path in manifest.available():
        spec = manifest.read(path)
        rows.append(
            {"name": spec.name, "version": spec.version, "labels": list(spec.labels), "path": str(path)}
        )
    show(rows, as_json)


@app.command("info")
def models_info(
    name: ModelArgument,
    *,
    full: Annotated[bool, typer.Option("--full", help="Print the whole manifest.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Describe a model on one screen.

    Example: edgehar models info imu_tcn

    --full prints its manifest, --json does so for programs: also the decision's settings and all scores.
    """
    from edgehar.apps.models import summary
    from edgehar.pipeline import manifest

    spec = manifest.read(manifest.find(name))
    if not (full or as_json):
        typer.echo("\n".join(summary(spec)))
        return
    content = msgspec.to_builtins(spec)
    for sensor in () if as_json else content["sensors"]:
        sensor["labels"] = sensor["labels"] or "all"
    show(content, as_json)


@app.command("verify")
def models_verify(name: ModelArgument, *, as_json: JsonOption = False) -> None:
    """Load a model as the daemon would, and say whether it is whole.

    Example: edgehar models verify models/imu_tcn.json

    Its checksums, shapes and one inference are tried.
    """
    from edgehar.pipeline import manifest, recognizer

    spec = recognizer.load(manifest.find(name)).spec
    network, rest = "network", "labels, settings and all else in the manifest that decides an answer"
    covered = [network, rest] if spec.manifest_sha256 else [f"{network} alone: the manifest of an older pair"]
    show({"model": spec.id, "sha256": spec.sha256, "checksums_cover": covered, "verified": True}, as_json)
