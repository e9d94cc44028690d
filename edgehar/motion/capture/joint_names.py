"""Names of joints: which joint of a recorded skeleton stands for which part of a body, whatever program named it.

A name may bear a namespace (`mixamorig:Hips`) or what all joints begin with (`Bip01 L Thigh`). Pelvis and thorax
are told by the tree instead: what both legs hang on, and what neck and arms hang on.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from edgehar.errors import RecordingError
from edgehar.motion.skeleton import SIDES

_MIDDLE: Mapping[str, tuple[str, ...]] = {
    "neck": ("lowerneck", "neck", "neck01", "neck1"),
    "head": ("head", "face"),
}
_PAIRED: Mapping[str, tuple[str, ...]] = {
    "hip": ("femur", "thigh", "upleg", "upperleg", "hip"),
    "knee": ("tibia", "shin", "calf", "lowerleg", "leg", "knee"),
    "ankle": ("ankle", "foot"),
    "toe": ("toes", "toe", "toebase", "ball"),
    "shoulder": ("humerus", "shldr", "upperarm", "arm", "shoulder"),
    "elbow": ("radius", "forearm", "lowerarm", "elbow"),
    "pronation": ("pronation",),
    "wrist": ("wrist", "hand"),
    "hand": ("fingers",),
}
_SIDED = ("{s}{word}", "{word}{s}", "{side}{word}", "{word}{side}")
"""Ways to say which side it is, by `l` or `left`."""
_NAMES: Mapping[str, tuple[str, ...]] = {
    **_MIDDLE,
    **{
        f"{joint}_{side}": tuple(
            form.format(s=side[0], side=side, word=word) for word in words for form in _SIDED
        )
        for joint, words in _PAIRED.items()
        for side in SIDES
    },
}
"""Plain names of each part, the likeliest first."""
_NEEDED = ("neck", *(f"{joint}_{side}" for joint in ("hip", "knee", "ankle", "shoulder", "elbow") for side in SIDES))  # fmt: skip

_CMU_JOINTS = {"lhipjoint", "rhipjoint", "lowerback"}
"""Joints that CMU's skeletons alone have, under either of their sets of names."""
_CMU_NAMES: Mapping[str, str] = {
    "spine1": "thorax",
    # The joint that bends is the hand's; before it the last third of the forearm turns about its axis.
    **{f"{s}wrist": f"{s}pronation" for s in "lr"},
    **{f"{side}hand": f"{side[0]}pronation" for side in SIDES},
    **{f"{side}fingerbase": f"{side[0]}hand" for side in SIDES},
    **{f"{side}handindex1": f"{side[0]}fingers" for side in SIDES},
}
"""Names of one part in CMU's takes: Acclaim's, those of MotionBuilder, and here."""


def plain_names(names: Sequence[str]) -> list[str]:
    """Reduce names to small letters and digits, without what they all begin with, and CMU's to one set."""
    plain = [re.sub("[^a-z0-9]", "", re.split("[:|]", name)[-1].lower()) for name in names]
    prefix = _shared_prefix(plain)
    plain = [name.removeprefix(prefix) for name in plain]
    return [_CMU_NAMES.get(name, name) for name in plain] if set(plain) >= _CMU_JOINTS else plain


def _shared_prefix(plain: Sequence[str]) -> str:
    """Return what most names that end in one of those known here have before it."""
    part_names = set().union(*_NAMES.values())
    prefixes = Counter(
        prefix
        for name in plain
        for prefix in {name.removesuffix(part_name) for part_name in part_names if name.endswith(part_name)}
    )
    return max(prefixes, key=lambda prefix: (prefixes[prefix], -len(prefix)), default="")


def match_joints(names: Sequence[str], parents: Sequence[int], source: str) -> dict[str, int]:
    """Return the joint of each part of the body; a parent stands before its children.

    Raises:
        RecordingError: if a joint that the body needs has no name this module knows.
    """
    joint_of = {name: i for i, name in reversed(list(enumerate(plain_names(names))))}
    parts = {}
    for part, candidates in _NAMES.items():
        joint = next((joint_of[name] for name in candidates if name in joint_of), None)
        if joint is not None:
            parts[part] = joint
        elif part in _NEEDED:
            raise RecordingError(
                f"{source}: no joint for {part}; looked for {', '.join(candidates)} among "
                f"{', '.join(names[:40])}. Rename the joint in the file"
            )
    for part, carried in (("pelvis", "hip_"), ("thorax", ("neck", "shoulder_"))):
        parts[part] = _carrier(parents, [i for name, i in parts.items() if name.startswith(carried)])
        if parts[part] < 0:
            raise RecordingError(f"{source}: no joint carries {part}; are there two bodies in it?")
    return parts


def ancestors(parents: Sequence[int], joint: int) -> set[int]:
    """Return the joints that this one hangs on, directly or not."""
    above = set()
    while (joint := parents[joint]) >= 0:
        above.add(joint)
    return above


def _carrier(parents: Sequence[int], joints: Sequence[int]) -> int:
    """Return the last joint that all of these hang on; -1 if there is none."""
    return max(set.intersection(*(ancestors(parents, joint) for joint in joints)), default=-1)
