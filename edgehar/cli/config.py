"""`edgehar config`: the configuration file."""

import json

import typer

from edgehar.cli.terminal import DEFAULT_CONFIG, ConfigOption, JsonOption, show

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Example: edgehar config check --config edgehar.toml\n\nThe configuration file.",
)


@app.command("check")
def config_check(config: ConfigOption = DEFAULT_CONFIG, *, as_json: JsonOption = False) -> None:
    """Example: edgehar config check --config edgehar.toml

    Read the file, load the model, place the sensors; say what does not fit.
    """
    from edgehar.config.read import load
    from edgehar.daemon.run import check

    show(check(load(config)), as_json)


@app.command("show")
def config_show(config: ConfigOption = DEFAULT_CONFIG, *, as_json: JsonOption = False) -> None:
    """Example: edgehar config show --config edgehar.toml

    Every effective key and whether it comes from the file, the model or is a default.
    """
    from edgehar.config.read import load, origins
    from edgehar.pipeline import manifest

    effective = load(config)
    model = manifest.read(manifest.find(effective.model.path)).decision
    rows = list(origins(effective, config.read_text("utf-8"), model))
    if as_json:
        show({path: {"value": value, "origin": origin} for path, value, origin in rows}, as_json)
        return
    for path, value, origin in rows:
        typer.echo(f"{path} = {json.dumps(value)}" + ("" if origin == "file" else f"  # {origin}"))


@app.command("schema")
def config_schema() -> None:
    """Example: edgehar config schema > edgehar.schema.json

    JSON Schema of the file, for editors.
    """
    from edgehar.config.schema import json_schema

    typer.echo(json.dumps(json_schema(), indent=2))
