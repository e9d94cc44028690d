"""`edgehar models`: the models at hand."""

import msgspec
import typer

from edgehar.cli.terminal import JsonOption, show

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Example: edgehar models info imu_tcn\n\nThe models at hand.",
)


@app.command("list")
def models_list(*, as_json: JsonOption = False) -> None:
    """Example: edgehar models list

    The models that ship with edgehar.
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
def models_info(name: str, *, as_json: JsonOption = False) -> None:
    """Example: edgehar models info imu_tcn

    A model's manifest: labels, placements, rate, settings, where it comes from and how it scored.
    """
    from edgehar.pipeline import manifest

    content = msgspec.to_builtins(manifest.read(manifest.find(name)))
    for sensor in () if as_json else content["sensors"]:
        sensor["labels"] = sensor["labels"] or "all"
    show(content, as_json)


@app.command("verify")
def models_verify(name: str, *, as_json: JsonOption = False) -> None:
    """Example: edgehar models verify models/imu_tcn.json

    Load the pair as the daemon would: checksum, shapes, one inference.
    """
    from edgehar.pipeline import manifest, recognizer

    spec = recognizer.load(manifest.find(name)).spec
    show({"model": spec.id, "sha256": spec.sha256, "verified": True}, as_json)
