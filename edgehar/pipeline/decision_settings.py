"""The settings of a decision, each key with its unit, its bounds and a sentence."""

from collections.abc import Mapping
from typing import Annotated

from msgspec import Meta, Struct

from edgehar.errors import ConfigError, about
from edgehar.pipeline.fall_settings import FallSettings
from edgehar.pipeline.operating_points import Point

PLAIN_THRESHOLD, PLAIN_KIND_THRESHOLD = 0.8, 0.95
"""Thresholds of a label and of a kind of labels for which neither a key nor an operating point gives one."""


Threshold = Annotated[float, Meta(ge=0.5, le=0.9999)]
"""Share of the belief: of two labels at most one has more than half of it, and none ever has all."""


def _key(unit: str, least: float, most: float, sentence: str) -> Meta:
    return Meta(ge=least, le=most, description=sentence, extra_json_schema={"unit": unit})


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of a decision. The defaults count when a recipe names none; its model's manifest then has them all.

    Over the manifest's goes `[decision]` in edgehar.toml. What a shipped model does by itself is changed in its
    recipe and its manifest, not here; the manifest then drops its `manifest_sha256`, and the next evaluation seals it.
    """

    operating_point: Annotated[
        Point,
        Meta(
            description="False starts of each activity to aim at: quiet 0.1, normal 0.5, eager 2 per hour, on "
            "the recordings that the model's thresholds were fitted to."
        ),
    ] = "normal"
    mean_stay_s: Annotated[
        float,
        _key("s", 1, 86400, "Time after which people have changed what they do; longer: calmer, later."),
    ] = 100.0
    likelihood_power: Annotated[
        float,
        _key(
            "1",
            0.01,
            1,
            "Weight of a window, as windows share samples; hop / window counts each sample once.",
        ),
    ] = 0.25
    threshold: Annotated[
        Threshold | None,
        Meta(
            description="Belief from which a label is told; unless set, as the operating point says.",
            extra_json_schema={"unit": "1"},
        ),
    ] = None
    kind_threshold: Annotated[
        Threshold | None,
        Meta(
            description="Belief from which a kind of labels is told; unless set, as the operating point says.",
            extra_json_schema={"unit": "1"},
        ),
    ] = None
    held_threshold: Annotated[
        float, _key("1", 0, 1, "Belief down to which what is told stays, unless something else is certain.")
    ] = 0.1
    min_coverage: Annotated[
        float, _key("1", 0, 1, "Share of its samples a sensor needs in a window; with less it is left out.")
    ] = 0.8
    no_signal_after_s: Annotated[
        float, _key("s", 0, 3600, "Time without any sample until `no_signal`; longer than a hop.")
    ] = 5.0
    # van Hees et al. 2011 (PLoS ONE 6:e22922) take 30 min within 50 mg for a sensor that is not worn,
    # 2013 (8:e61691) 60 min. Less than 30 min takes people for a table: lying, they keep a shin within
    # 50 mg for whole 5 min trials of DSADS, and a lower swing would be within cheap sensors' noise.
    still_swing: Annotated[
        float, _key("m/s^2", 0, 100, "Peak-to-peak acceleration in a hop below which a sensor lies still.")
    ] = 0.49
    not_worn_after_s: Annotated[
        float,
        _key("s", 1, 86400, "Time all worn sensors lie still until `not_worn`; who sits is still long."),
    ] = 1800.0
    falls: Annotated[
        FallSettings, Meta(description="When a fall is told, by what is seen before, with and after a hit.")
    ] = FallSettings()

    def thresholds(self, node: str, fitted: Mapping[str, float], *, is_kind: bool) -> tuple[float, float]:
        """Return the belief from which a node of the label tree is told, and the one down to which it stays told.

        A threshold that is set holds for all labels, or kinds of labels; else that of the operating point, `fitted`.
        """
        by_hand, plain = self.threshold, PLAIN_THRESHOLD
        if is_kind:
            by_hand, plain = self.kind_threshold, PLAIN_KIND_THRESHOLD
        if by_hand is None:
            by_hand = max(fitted.get(node, plain), self.held_threshold)
        return by_hand, self.held_threshold


REPLACED = {
    "smoothing_s": "likelihood_power and mean_stay_s, which say what a window and the time between two count for",
    "enter": "threshold",
    "stay": "held_threshold",
    **dict.fromkeys(("patience", "dwell_s", "refractory_s"), "mean_stay_s: longer is calmer"),
    "fall_suspicion": "suspicion in [decision.falls]",
    "fall_within_s": "within_s in [decision.falls]",
    **dict.fromkeys(
        ("fall_peak", "fall_turn_deg", "fall_still_swing"),
        "the weights in [decision.falls.waist], [decision.falls.chest] and [decision.falls.wrist]",
    ),
}
"""Keys of an older decision, and what does their work now."""


@about("decision")
def check(settings: Settings, hop_s: float) -> None:
    """Refuse settings that contradict one another, or the model's hop, s, by a ConfigError."""
    after_s, held = settings.no_signal_after_s, settings.held_threshold
    for key, threshold in (
        ("threshold", settings.threshold),
        ("kind_threshold", settings.kind_threshold),
    ):
        if threshold is not None and held > threshold:
            raise ConfigError(
                f"decision: held_threshold = {held:g} must be at most {key} = {threshold:g}; change one of them"
            )
    if after_s <= hop_s:
        longer = f"must be longer than the model's hop of {hop_s:g} s; raise it"
        raise ConfigError(f"decision: no_signal_after_s = {after_s:g} {longer}")
