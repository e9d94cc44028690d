"""`edgehar mqtt`: the broker."""

import typer

from edgehar.cli.terminal import DEFAULT_CONFIG, EXIT_FAILED, ConfigOption, JsonOption, answer_of, show_table

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Try the broker of a configuration.\n\nExample: edgehar mqtt test --config edgehar.toml",
)


@app.callback()
def mqtt() -> None:
    """Have verbs below, although there is one alone."""


@app.command("test")
def mqtt_test(config: ConfigOption = DEFAULT_CONFIG, *, as_json: JsonOption = False) -> None:
    """Try the way to the broker stage by stage.

    Example: edgehar mqtt test --config edgehar.toml

    Name, connection, encryption, welcome, publishing, hearing it again, retained messages, and the topics of
    Home Assistant, each with its time. A daemon that runs meanwhile is not disturbed.
    """
    from edgehar.apps.broker import BrokerTest
    from edgehar.config.credentials import by_hand
    from edgehar.config.read import load, naming_lines

    loaded = by_hand(load(config), config)
    with naming_lines(config):
        rows = answer_of(BrokerTest(loaded).run())
    show_table(rows, as_json)
    if any(row["result"] == "failed" for row in rows):
        raise typer.Exit(EXIT_FAILED)
