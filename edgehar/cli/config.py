"""`edgehar config`: the configuration file."""

import json
from typing import Annotated

import typer

from edgehar.cli.terminal import (
    DEFAULT_CONFIG,
    EXIT_FAILED,
    ConfigOption,
    JsonOption,
    answer_of,
    show,
    show_table,
)

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Check, show and describe the configuration file.\n\nExample: edgehar config check --config edgehar.toml",
)


@app.command("check")
def config_check(
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    online: Annotated[
        bool, typer.Option("--online", help="Also ask the broker and listen to every sensor.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Say what does not fit in the configuration file.

    Example: edgehar config check --config edgehar.toml

    The file is read, the model loaded and the sensors are placed, as `edgehar run` does it. With --online the broker is
    tried as by `edgehar mqtt test`, and every sensor listened to for up to 20 s, while no daemon uses them.
    """
    from edgehar.config.read import load, naming_lines
    from edgehar.daemon.run import check

    loaded = load(config)
    with naming_lines(config):
        if not online:
            show(check(loaded), as_json)
            return
        from edgehar.apps.online import check_online
        from edgehar.config.credentials import by_hand

        answer = answer_of(check_online(by_hand(loaded, config)))
    if as_json:
        show(answer, as_json)
    else:
        show_table(answer["broker"], as_json)
        show({key: answer[key] for key in ("wearers", "problems")}, as_json)
    if answer["problems"]:
        raise typer.Exit(EXIT_FAILED)


@app.command("show")
def config_show(config: ConfigOption = DEFAULT_CONFIG, *, as_json: JsonOption = False) -> None:
    """Print every key in effect, and where it comes from.

    Example: edgehar config show --config edgehar.toml

    A key comes from the file, from the model, or is a default. Where some wear sensors and others are before a camera,
    the model is that of the sensors.
    """
    from edgehar.config.read import leading_model, load, model_pair, read_text
    from edgehar.config.show import as_toml, origins
    from edgehar.pipeline import manifest

    effective, text = load(config), read_text(config)
    model = manifest.read(model_pair(effective, leading_model(effective))).decision
    if as_json:
        rows = origins(effective, text, model)
        show({path: {"value": value, "origin": origin} for path, value, origin in rows}, as_json)
    else:
        typer.echo(as_toml(effective, text, model))


@app.command("schema")
def config_schema() -> None:
    """Print the JSON Schema of the file, for editors.

    Example: edgehar config schema > edgehar.schema.json
    """
    from edgehar.config.schema import json_schema

    typer.echo(json.dumps(json_schema(), indent=2))
