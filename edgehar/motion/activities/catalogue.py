"""The catalogue of activities by name: each draws one person's way of it and returns a movement over time.

To add an activity: a function beside those of its kind, which gives a `skeleton.Pose`, and its name in `CATALOGUE`,
by which the tests run it. For a model: its name in the recipe. For `edgehar demo`: a row in `TRANSITIONS` and
`DURATIONS_S` of `sources.simulated.simulator`.
"""

from collections.abc import Callable
from functools import partial

import numpy as np

from edgehar.motion.activities.carried import handled, on_table, riding
from edgehar.motion.activities.exercise import (
    jumping,
    jumping_jacks,
    lunging,
    sitting_down_standing_up,
    squatting,
)
from edgehar.motion.activities.falls import IMPACT_S, falling
from edgehar.motion.activities.gait import RUNNING, STAIRS_DOWN, STAIRS_UP, on_foot, walking
from edgehar.motion.activities.gestures import clapping, hitting, punching, throwing, waving
from edgehar.motion.activities.handwork import arm_work, fidgeting
from edgehar.motion.activities.household import (
    arms_raised,
    bending,
    boxing,
    loaded_squatting,
    lying_down,
    moving_freely,
    push_ups,
    sit_ups,
    sitting_on_floor,
    standing_about,
)
from edgehar.motion.activities.machines import cycling, rowing
from edgehar.motion.activities.near_falls import collapsing, reaching_jump, stumbling
from edgehar.motion.activities.postures import lying, sitting, standing
from edgehar.motion.skeleton import Movement, SegmentLengths

CATALOGUE: dict[str, Callable[[SegmentLengths, np.random.Generator], Movement]] = {
    "walking": walking,
    "stairs_up": partial(on_foot, STAIRS_UP),
    "stairs_down": partial(on_foot, STAIRS_DOWN),
    "running": partial(on_foot, RUNNING),
    "sitting": sitting,
    "standing": standing,
    "lying": lying,
    "jumping": jumping,
    "cycling": cycling,
    "rowing": rowing,
    "squatting": squatting,
    "lunging": lunging,
    "sitting_down_standing_up": sitting_down_standing_up,
    "jumping_jacks": jumping_jacks,
    "waving": waving,
    "clapping": clapping,
    "punching": punching,
    "throwing": throwing,
    "arm_work": arm_work,
    "fidgeting": fidgeting,
    "riding": riding,
    "on_table": on_table,
    "handled": handled,
    "falling": falling,
    "stumbling": stumbling,
    "collapsing": collapsing,
    "reaching_jump": reaching_jump,
    "hitting": hitting,
    "arms_raised": arms_raised,
    "bending": bending,
    "lying_down": lying_down,
    "sitting_on_floor": sitting_on_floor,
    "standing_about": standing_about,
    "loaded_squatting": loaded_squatting,
    "boxing": boxing,
    "moving_freely": moving_freely,
    "push_ups": push_ups,
    "sit_ups": sit_ups,
}

EVENTS = dict.fromkeys(("falling", "stumbling", "collapsing", "reaching_jump", "hitting"), IMPACT_S)
"""Activities in which something happens once, s after they began: a window of them shows it."""
