"""Labels of data sets, in the words that models here use.

A set may say less than a model: `stairs_up_or_down`, or `typing`, done sitting by most and standing by some. Such
a label stands for several, any of which may be true. To a model that tells the label itself, as it was fitted, taught or
typed, it is that one.
"""

from collections.abc import Collection, Mapping

from edgehar.types import OTHER

_ALIASES: Mapping[str, str] = {
    "jogging": "running",
    "running_treadmill": "running",
    "lying_back": "lying",
    "lying_right_side": "lying",
    "walking_outdoors": "walking",
    "walking_treadmill": "walking",
    "walking_treadmill_incline": "walking",
    "walking_slow": "walking",
    "walking_fast": "walking",
    "cycling_horizontal": "cycling",
    "cycling_vertical": "cycling",
    "seated": "sitting",
    "sit_down": "sitting_down",
    "stand_to_sit": "sitting_down",
    "stand_up": "standing_up",
    "sit_to_stand": "standing_up",
    "jumping_in_place": "jumping",
    "wave": "waving",
    "waving_hand": "waving",
    "waving_one_hand_(right)": "waving",
    "waving_two_hands": "waving",
    "clap": "clapping",
    "clapping_hands": "clapping",
    "boxing": "punching",
    "throw": "throwing",
    "throwing_a_ball": "throwing",
    "squat": "squatting",
    "lunge": "lunging",
}

_AT_A_TABLE = ("sitting", "standing", OTHER)
"""Hands at work, of people who sit or stand."""
_SEATED = ("sitting", OTHER)
_ON_BOTH_FEET = ("standing", "walking", OTHER)
"""People who stand, take some steps and use their hands."""

# Common sense: who folds clothes stands or sits and moves the hands, who is in a lift stands, who packs stands and goes
# between the tables, who plays basketball does all of these. A stepper or cross trainer is neither stairs nor walking.
_SETS_OF_LABELS: Mapping[str, tuple[str, ...]] = {
    "stairs_up_or_down": ("stairs_up", "stairs_down"),
    "stairs_up_down": ("stairs_up", "stairs_down"),
    **dict.fromkeys(("brushing_teeth", "drinking", "folding_clothes", "typing", "writing"), _AT_A_TABLE),
    **dict.fromkeys(
        ("eating_chips", "eating_pasta", "eating_sandwich", "eating_soup", "eating"), _AT_A_TABLE
    ),
    **dict.fromkeys(("typing_on_the_keyboard", "typing_on_a_smartphone", "typing_on_a_tablet"), _AT_A_TABLE),
    **dict.fromkeys(("using_the_computer_mouse", "using_the_touchpad", "writing_with_a_pen"), _AT_A_TABLE),
    **dict.fromkeys(("scrolling_on_a_smartphone", "scrolling_on_a_tablet", "reading_a_book"), _AT_A_TABLE),
    **dict.fromkeys(("making_a_phone_call", "scratching", "fidgeting", "idle_hands"), _AT_A_TABLE),
    "null_seated_tasks": _SEATED,
    "standing_elevator": ("standing",),
    "moving_elevator": _ON_BOTH_FEET,
    **dict.fromkeys(("dribbling_ball", "kicking_ball", "playing_catch"), _ON_BOTH_FEET),
    "basketball": ("standing", "walking", "running", "jumping", OTHER),
    "turning": _ON_BOTH_FEET,
    # Operations of packing work.
    **dict.fromkeys(
        ("picking", "relocate_item_label", "assemble_box", "insert_items", "close_box"), _ON_BOTH_FEET
    ),
    **dict.fromkeys(("attach_box_label", "scan_label", "attach_shipping_label"), _ON_BOTH_FEET),
    **dict.fromkeys(("put_on_back_table", "fill_out_order"), _ON_BOTH_FEET),
}


def common_label(label: str) -> str:
    """Return the label under which models know what a data set calls `label`."""
    return _ALIASES.get(label.lower(), label.lower())


def told_as(label: str, told: Collection[str]) -> str | None:
    """Return which of the labels that a model tells is what a set calls `label`; None if none is."""
    common = common_label(label)
    return common if common in told else next((name for name in told if common_label(name) == common), None)


def possible_labels(label: str, told: Collection[str]) -> tuple[str, ...]:
    """Return the labels that may be true while a set says `label`; of most it is the one.

    `told` are those that a model tells of what is worn: among them the label is itself, and nothing else is true.
    """
    if itself := told_as(label, told):
        return (itself,)
    common = common_label(label)
    return tuple(told_as(name, told) or name for name in _SETS_OF_LABELS.get(common, (common,)))
