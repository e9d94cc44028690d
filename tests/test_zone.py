"""Counts of a zone: no group smaller than `least` can be made out, in one table or between two."""

import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping

import pytest
from hypothesis import given, settings, strategies as st

from edgehar.pipeline.zone import NOT_JUDGED, ZoneCounter, coarsened

Rule = Callable[[Mapping[str, int], int], Mapping[str, int | None]]
CATEGORIES = ("still", "on_foot", "running", "other", NOT_JUDGED)


def made_out(rule: Rule, wearers: int, categories: int, least: int) -> list[str]:
    """Return what a table of a rule tells of groups that are too small, to who knows the rule; of all tables there can be.

    A group is those in any choice of categories: it is made out if all counts that lead to a table put it, or all
    others, between one and `least` wearers, or if they say of all wearers that they are not, or are, among it.
    """
    names = CATEGORIES[:categories]
    leading_to = defaultdict(list)
    for counts in itertools.product(range(wearers + 1), repeat=categories):
        if sum(counts) == wearers:
            told = rule(dict(zip(names, counts, strict=True)), least)
            leading_to[tuple(told.values())].append(counts)
    complaints = []
    for table, possible in leading_to.items():
        for size in range(1, categories):
            for group in itertools.combinations(range(categories), size):
                sizes = [sum(counts[i] for i in group) for counts in possible]
                if (0 < min(sizes) < least) or max(sizes) == 0:
                    complaints.append(f"{table}: {group} are {min(sizes)} to {max(sizes)}")
    return complaints


@pytest.mark.parametrize(
    ("wearers", "categories", "least"), [(6, 3, 3), (9, 3, 3), (10, 4, 3), (12, 4, 4), (10, 3, 5), (12, 5, 3)]
)
def test_no_table_lets_a_small_group_be_made_out(wearers: int, categories: int, least: int) -> None:
    assert made_out(coarsened, wearers, categories, least) == []


def hide_small(counts: Mapping[str, int], least: int) -> dict[str, int | None]:
    """Withhold small counts alone, as one may think is enough."""
    return {name: count if count >= least else None for name, count in counts.items()}


def hide_small_and_the_next(counts: Mapping[str, int], least: int) -> dict[str, int | None]:
    """Withhold also the next smallest, until enough are withheld together."""
    told = hide_small(counts, least)
    while (hidden := [name for name in told if told[name] is None]) and len(hidden) < len(told):
        if sum(counts[name] for name in hidden) >= least:
            break
        told[min((name for name in told if told[name] is not None), key=lambda name: counts[name])] = None
    return told


@pytest.mark.parametrize("rule", [hide_small, hide_small_and_the_next])
def test_simpler_rules_let_one_be_made_out(rule: Rule) -> None:
    assert made_out(rule, 12, 4, 4)


def test_what_is_told_adds_up_and_the_first_is_told_longest() -> None:
    counts = {"still": 12, "on_foot": 7, "running": 1, "other": 2, NOT_JUDGED: 2}
    assert coarsened(counts, 5) == {
        "still": 12, "on_foot": 7, "running": None, "other": None, NOT_JUDGED: None,
    }  # fmt: skip
    assert coarsened(counts | {"on_foot": 4}, 5)["on_foot"] is None
    assert coarsened(dict.fromkeys(counts, 5), 5) == dict.fromkeys(counts, 5)
    assert set(coarsened({"still": 24} | dict.fromkeys(CATEGORIES[1:], 0), 5).values()) == {None}
    assert set(coarsened({"still": 4, "other": 0, NOT_JUDGED: 0}, 5).values()) == {None}


def counter(wearers: int = 10, least: int = 3) -> ZoneCounter:
    return ZoneCounter([f"z/{i}" for i in range(wearers)], CATEGORIES, least=least, every_s=60.0, start=100.0)


def test_a_table_is_due_by_the_clock_alone() -> None:
    zone = counter()
    for i in range(10):
        zone.push(f"z/{i}", "still")
        assert zone.tick(100.0 + i) is None
    assert zone.tick(159.99) is None
    assert zone.tick(160.4) is not None
    assert zone.tick(219.9) is None
    assert zone.tick(500.0) is not None  # the process hung
    assert zone.tick(519.9) is None
    assert zone.tick(520.0) is not None


def test_a_change_of_few_waits_for_others() -> None:
    zone = counter()
    for i in range(6):
        zone.push(f"z/{i}", "still")
    first = zone.tick(160.0)
    assert first
    assert first.counts["still"] == 6
    for i in (6, 7):
        zone.push(f"z/{i}", "still")
    assert zone.tick(220.0) is first
    zone.push("z/0", "on_foot")
    third = zone.tick(280.0)
    assert third
    assert third is not first
    assert (third.counts["still"], third.withheld, third.wearers, third.t) == (7, 3, 10, 280.0)


def blocks(counts: Mapping[str, int | None]) -> dict[str, str]:
    """Return the block that each category is told in."""
    return {name: name if count is not None else "withheld" for name, count in counts.items()}


def moved(block: Mapping[str, str], before: Mapping[str, str], after: Mapping[str, str]) -> int:
    return sum(block[before[wearer]] != block[after[wearer]] for wearer in before)


def test_who_moves_among_those_who_are_withheld_lends_nobody_cover() -> None:
    zone = counter(12)
    for i in range(12):
        zone.push(f"z/{i}", "still" if i < 6 else "other")
    first = zone.tick(160.0)
    assert first
    assert first.counts["still"] == 6
    for i, category in enumerate(("running", "running", NOT_JUDGED, "still"), start=6):
        zone.push(f"z/{i}", category)
    assert zone.tick(220.0) is first  # four count otherwise, and only one would be seen to
    for i in (10, 11):
        zone.push(f"z/{i}", "still")
    second = zone.tick(280.0)
    assert second
    assert (second.counts["still"], second.withheld) == (9, 3)


states = st.lists(st.tuples(st.integers(0, 9), st.sampled_from(CATEGORIES)), max_size=12)


@settings(max_examples=300, deadline=None)
@given(beats=st.lists(states, min_size=2, max_size=8), least=st.integers(3, 5))
def test_tables_are_true_and_differ_by_as_many_wearers_at_least(
    beats: list[list[tuple[int, str]]], least: int
) -> None:
    zone, now_in = counter(least=least), dict.fromkeys((f"z/{i}" for i in range(10)), NOT_JUDGED)
    told, told_in = None, now_in
    for beat, pushes in enumerate(beats):
        for i, category in pushes:
            zone.push(f"z/{i}", category)
            now_in = now_in | {f"z/{i}": category}
        table = zone.tick(160.0 + 60.0 * beat)
        assert table
        if table is not told:
            if told is not None:
                large, small = sorted(
                    (blocks(told.counts), blocks(table.counts)), key=lambda each: len(set(each.values()))
                )
                assert moved(small, told_in, now_in) >= least
                assert moved(large, told_in, now_in) not in range(1, least)
            told, told_in = table, now_in
        true = Counter(told_in.values())
        alone = {name: count for name, count in table.counts.items() if count is not None}
        assert all(count == true[name] >= least for name, count in alone.items())
        assert sum(alone.values()) + table.withheld == 10
        assert table.withheld == 0 or table.withheld >= least
