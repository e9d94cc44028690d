"""The gate: a new head is accepted only where recordings show that it does no worse than what was in use, and no more wrong than allowed.

Two sets are judged apart, so that a gain in one hides no loss in the other: recordings that nothing was taught from, told by
what was in use and by the new head; and what was taught, held out in turn (`folds`), told by the network alone and by heads that
were taught the rest. Worse is, in either of them,

- a label that is missed in more takes than the 95 % bound of the share in which it was missed before (Wilson 1927);
- a label, kind of labels, or all of them, that begin falsely more often than the 95 % bound of the rate before (exact Poisson,
  Garwood 1936);
- what was not told before and begins falsely as often as fewer than one in twenty would at `ALLOWED_PER_HOUR`, or is told in none
  of the takes that were held out.

What the recordings cannot show is no reason to accept: then they say too little.
"""

from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from edgehar.personal.counts import ANY, Counts
from edgehar.pipeline.operating_points import FALSE_STARTS_PER_HOUR
from edgehar.recordings.bounds import LEVEL, poisson_below, upper_bound, upper_share
from edgehar.types import OTHER

ALLOWED_PER_HOUR = FALSE_STARTS_PER_HOUR["eager"]
"""False starts of a label that was not told before: no operating point aims at more."""


class Compared(Struct, frozen=True):
    """The same recordings, told before and by the new head."""

    name: str
    """In words, such as `held out in turn`."""
    before: Counts
    after: Counts


class Verdict(Struct, frozen=True):
    """The answer of the gate."""

    worse: list[str]
    """Sentences: what does worse."""
    too_little: list[str]
    """Sentences: what the recordings do not show."""
    shown: list[str]
    """Sentences: what they show."""

    def accepts(self, *, anyway: bool = False) -> bool:
        """Tell whether the head is accepted; `anyway` also where the recordings say too little, but not what does worse."""
        return not self.worse and (anyway or not self.too_little)

    def sentence(self, *, anyway: bool = False) -> str:
        """Say it in one sentence."""
        if self.worse:
            return f"refused: {'; '.join(self.worse)}"
        if self.too_little and not anyway:
            return f"refused, as the recordings say too little: {'; '.join(self.too_little)}; --anyway accepts it so"
        return f"accepted{' anyway' if self.too_little else ''}: {'; '.join([*self.shown, *self.too_little])}"


def judge(held_out: Compared, stored: Compared, new: Sequence[str], taught: Sequence[str]) -> Verdict:
    """Judge a head by the recordings that were held out in turn, and those that nothing was taught from.

    Args:
        held_out: What was taught, held out in turn.
        stored: Recordings that nothing was taught from.
        new: Labels that the network lacks.
        taught: Labels that were taught.
    """
    worse = [sentence for compared in (held_out, stored) for sentence in _worse(compared)]
    for label in new:
        missed, takes = held_out.after.takes.get(label, (0, 0))
        if takes and missed == takes:
            worse.append(f"{label} is told in none of {_takes(takes)} of it that were held out")
    return Verdict(worse, [*_too_little(held_out, stored, new, taught)], [*_shown((held_out, stored))])


def _worse(compared: Compared) -> Iterator[str]:
    before, after, where = compared.before, compared.after, compared.name
    for label, (missed, takes) in after.takes.items():
        missed_before, _ = before.takes[label]
        if missed > missed_before and missed > takes * upper_share(missed_before, takes):
            yield f"{label} is missed in {missed} of {_takes(takes)} where it was missed in {missed_before} ({where})"
    for node, count in after.false_starts.items():
        hours = after.hours[node]
        if node not in before.hours:
            if count and poisson_below(count - 1, ALLOWED_PER_HOUR * hours) > LEVEL:
                rate = f"{ALLOWED_PER_HOUR:g} an hour"
                yield f"{node} begins falsely {_times(count)} in {_duration(hours)}, more than {rate} ({where})"
            continue
        count_before = before.false_starts.get(node, 0)
        if count > upper_bound(count_before, 1.0):
            yield f"{node} begins falsely {_times(count)} in {_duration(hours)} where it was {_times(count_before)} ({where})"


def _too_little(
    held_out: Compared, stored: Compared, new: Sequence[str], taught: Sequence[str]
) -> Iterator[str]:
    for label in taught:
        judged = (held_out,) if label in new else (held_out, stored)
        if label != OTHER and not any(each.after.takes.get(label, (0, 0))[1] for each in judged):
            yield f"{label} was done once and too shortly to be held out: record it again, or for longer"
    for label in new:
        if not held_out.after.hours.get(label, 0.0) + stored.after.hours.get(label, 0.0):
            yield f"nothing else than {label} was done: record a minute of something else too, or give it with --replay"
    told = [label for each in (held_out, stored) for label in each.after.takes if label not in new]
    if not told:
        yield (
            "nothing shows what becomes of the labels that the model tells already: record some of them too, or give "
            "recordings of them with --replay"
        )


def _shown(sets: Sequence[Compared]) -> Iterator[str]:
    for each in sets:
        takes = sum(of for _, of in each.after.takes.values())
        if not takes:
            continue
        hours = each.after.hours[ANY]
        false, missed = (_pair(each, kind) for kind in ("false_starts", "takes"))
        most = f"at most {upper_bound(false[1], hours):.3g} an hour, 95 %" if hours else "in no time"
        yield (
            f"{missed[1]} of {_takes(takes)} missed, before {missed[0]}, and {false[1]} begun falsely in {_duration(hours)}, "
            f"before {false[0]} ({most}; {each.name})"
        )


def _pair(each: Compared, kind: str) -> tuple[int, int]:
    """Return before and after: false starts of any label, or takes of all labels that were missed."""
    if kind == "false_starts":
        return each.before.false_starts[ANY], each.after.false_starts[ANY]
    before, after = each.before.takes, each.after.takes
    return sum(missed for missed, _ in before.values()), sum(missed for missed, _ in after.values())


def rows(sets: Sequence[Compared], seconds: Mapping[str, float]) -> list[dict[str, object]]:
    """Return a row for each label that was done: seconds taught of it, and how it was told before and by the new head."""
    labels = dict.fromkeys([*seconds, *(label for each in sets for label in each.after.windows)])
    return [_row(each, label, seconds) for each in sets for label in labels if label in each.after.windows]


def _row(each: Compared, label: str, seconds: Mapping[str, float]) -> dict[str, object]:
    missed, takes = each.after.takes.get(label, (0, 0))
    missed_before, _ = each.before.takes.get(label, (0, 0))
    hours, count = each.after.hours.get(label), each.after.false_starts.get(label)
    return {
        "label": label,
        "judged_on": each.name,
        "taught_s": seconds.get(label),
        "takes": takes,
        "told_before": takes - missed_before,
        "told_after": takes - missed,
        "right_before": _share(each.before.windows.get(label, (0, 0))),
        "right_after": _share(each.after.windows[label]),
        "other_hours": None if hours is None else round(hours, 4),
        "false_starts_before": each.before.false_starts.get(label, 0),
        "false_starts_after": count,
        "at_most_per_hour": round(upper_bound(count, hours), 2) if hours and count is not None else None,
    }


def _share(right: tuple[int, int]) -> float | None:
    return round(right[0] / right[1], 3) if right[1] else None


def _takes(count: int) -> str:
    return "1 take" if count == 1 else f"{count} takes"


def _times(count: int) -> str:
    return {0: "never", 1: "once", 2: "twice"}.get(count, f"{count} times")


def _duration(hours: float) -> str:
    return f"{hours * 60:.3g} min" if hours < 2 else f"{hours:.3g} h"
