"""`edgehar-train prototype` and `embed`: parse, call, print."""

from pathlib import Path
from typing import Annotated

import typer

from edgehar.cli.terminal import ModelArgument


def prototype(
    model: ModelArgument,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What is done, in English, such as ironing.")],
    *,
    label: Annotated[
        str | None, typer.Option(help="What it is called in answers; else the text's own words.")
    ] = None,
    remove: Annotated[
        bool, typer.Option("--remove", help="Take away what was typed: TEXT, or its label.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="Folder for a copy of the pair; else its manifest is changed.")
    ] = None,
) -> None:
    """Let a model recognize what a text says, with no retraining.

    Example: edgehar-train prototype build/wrist_text "ironing" --out build/ironing

    The model has to be one whose embedding shares a space with texts. The text becomes a point in that space, a prototype, in the
    manifest, which is sealed anew; from then on the label is told like any other. A text that edgehar does not know by heart wants
    edgehar[text], a sentence encoder and PyTorch. What this is worth: docs/prototype.md.
    """
    from edgehar.errors import ConfigError
    from edgehar.pipeline import manifest
    from edgehar.training import prototype as prototypes

    if remove and label is not None:
        raise ConfigError("--label names what is added; --remove takes the text or label alone")
    pair = manifest.find(model)
    spec = prototypes.remove(pair, text) if remove else prototypes.add(pair, text, label)
    path = prototypes.write(pair, spec, out)
    typed = ", ".join(each.label for each in spec.text.typed) if spec.text else ""
    typer.echo(f"{path}: {len(spec.labels)} labels, typed: {typed or 'none'}")


def embed() -> None:
    """Embed the captions and labels of training anew.

    Example: edgehar-train embed

    Read captions.toml and write captions.npz beside it, by a frozen sentence encoder; to be done after a change of
    the former. Needs edgehar[text], which is PyTorch and 90 MB of weights; nothing else does.
    """
    from edgehar.training import texts

    count = texts.write()
    typer.echo(f"{texts.ARRAY}: {count} texts, {texts.ARRAY.stat().st_size / 1e3:.0f} kB")
