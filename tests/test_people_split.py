"""Who is fitted to and who is held out, of sources that share people."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from msgspec.structs import replace

from edgehar.errors import ConfigError
from edgehar.training.finetune_recipe import FinetuneRecipe, Recordings, Tuning
from edgehar.training.people_split import Split, split
from edgehar.training.people_windows import PeopleWindows

HOP_S, WINDOW_S = 1.28, 2.56
NAMES = "abcdefgh"


def recorded(*runs: tuple[int, str, str, int]) -> PeopleWindows:
    """Make windows of runs of (source, person, label, windows), each person's one behind the other."""
    source, subject, label = ([run[i] for run in runs for _ in range(run[3])] for i in range(3))
    labels = sorted(set(label))
    return PeopleWindows(
        x=np.zeros((0, 2, 1, 3), np.float16),
        shown=np.zeros((len(source), 1), np.int64),
        allowed=np.array(label)[:, None] == np.array(labels),
        source=np.array(source),
        subject=np.array(subject),
        label=np.array(label),
        t=np.array(
            [
                HOP_S * list(zip(source, subject, strict=True))[:i].count((source[i], subject[i]))
                for i in range(len(source))
            ]
        ),
    )


def recipe(*held_out: float | None, **how: object) -> FinetuneRecipe:
    recordings = tuple(Recordings(files=f"{i}/*.csv", held_out=share) for i, share in enumerate(held_out))
    return replace(FinetuneRecipe("mine", "1", 5, "base", recordings, Tuning(steps=1), held_out=0.3), **how)


def fitted_and_held_out(windows: PeopleWindows, chosen: Split) -> tuple[set[str], set[str]]:
    return set(windows.subject[chosen.fitted].tolist()), set(windows.subject[chosen.held_out].tolist())


SOURCES = st.lists(
    st.tuples(st.sets(st.sampled_from(NAMES), min_size=1), st.sampled_from([None, 0.0, 0.1, 0.5, 0.9, 1.0])),
    min_size=1,
    max_size=4,
)


@settings(max_examples=200, deadline=None)
@given(sources=SOURCES, seed=st.integers(0, 10_000), portion=st.sampled_from([0.1, 0.5, 1.0]))
def test_nobody_is_on_both_sides(
    sources: list[tuple[set[str], float | None]], seed: int, portion: float
) -> None:
    windows = recorded(
        *((i, name, "walking", 12) for i, (names, _) in enumerate(sources) for name in sorted(names))
    )
    made = recipe(*(share for _, share in sources), seed=seed, portion=portion)
    try:
        chosen = split(made, windows, WINDOW_S)
    except ConfigError:
        return  # all of one source may be held out by the others, and then nobody is left
    assert not (chosen.fitted & chosen.held_out).any()
    assert chosen.fitted.any()
    shares = np.array([made.held_out if share is None else share for _, share in sources])
    counts = shares[windows.source] > 0.0
    by_name = {name for names, share in sources if len(names) > 1 and share != 0.0 for name in names}
    for name in by_name:
        rows = counts & (windows.subject == name)
        assert not ((chosen.fitted & rows).any() and (chosen.held_out & rows).any())
    for i, (names, _) in enumerate(sources):
        if shares[i] == 0.0:
            assert not chosen.held_out[windows.source == i].any()
        if len(names) == 1 and not names & by_name:
            ends = [windows.t[(windows.source == i) & side] for side in (chosen.fitted, chosen.held_out)]
            if len(ends[0]) and len(ends[1]):
                assert np.abs(ends[0][:, None] - ends[1]).min() >= WINDOW_S - 1e-6


def test_who_is_alone_in_one_source_and_among_others_in_the_next_is_on_one_side() -> None:
    windows = recorded(*((int(name != "a"), name, "walking", 20) for name in "abcd"), (1, "a", "walking", 20))
    for seed in range(20):
        fitted, held_out = fitted_and_held_out(
            windows, split(recipe(None, None, seed=seed), windows, WINDOW_S)
        )
        assert not fitted & held_out
        assert fitted | held_out == {*"abcd"}


def test_no_fitted_window_overlaps_one_of_another_label_that_is_held_out() -> None:
    runs = [(0, "me", label, count) for label, count in [("walking", 9), ("running", 3)] * 3]
    windows = recorded(*runs, (0, "me", "walking", 20))
    chosen = split(recipe(None), windows, WINDOW_S)
    for label in ("walking", "running"):
        assert (chosen.held_out & (windows.label == label)).any()
    distance = np.abs(windows.t[chosen.fitted][:, None] - windows.t[chosen.held_out])
    assert distance.min() >= WINDOW_S - 1e-6


def test_of_a_label_too_short_to_be_divided_nothing_is_held_out() -> None:
    windows = recorded((0, "me", "walking", 40), (0, "me", "running", 2), (0, "me", "walking", 30))
    chosen = split(recipe(None), windows, WINDOW_S)
    assert not (chosen.held_out & (windows.label == "running")).any()
    assert chosen.fitted[windows.label == "running"].all()


def test_a_label_of_held_out_people_alone_is_refused_and_person_is_recommended() -> None:
    windows = recorded((0, "walk", "walking", 20), (0, "tape", "tape_box", 20))
    with pytest.raises(
        ConfigError,
        match=r"^no window of (walking|tape_box) is fitted to, all are of people held out; "
        "if these files are one person, say `person`",
    ):
        split(recipe(None), windows, WINDOW_S)
    same = replace(windows, subject=np.array(["me"] * 40))
    chosen = split(recipe(None), same, WINDOW_S)
    for label in ("walking", "tape_box"):
        assert (chosen.fitted & (windows.label == label)).any()
    # Who is kept for the score alone may do what nobody else does.
    alone = recorded(*((0, name, "walking", 9) for name in "abcd"), (1, "x", "running", 9))
    assert split(recipe(None, 1.0), alone, WINDOW_S).held_out[alone.source == 1].all()


def test_a_label_whose_people_are_in_no_portion_is_no_fault() -> None:
    windows = recorded(
        *((0, name, "walking", 9) for name in NAMES), *((0, n, "running", 9) for n in NAMES[:4])
    )
    for seed in range(10):
        split(recipe(None, seed=seed, portion=0.01), windows, WINDOW_S)


def test_somebody_is_left_unless_everybody_is_to_be_held_out() -> None:
    windows = recorded((0, "a", "walking", 9), (0, "b", "walking", 9))
    fitted, held_out = fitted_and_held_out(windows, split(recipe(0.8), windows, WINDOW_S))
    assert len(fitted) == len(held_out) == 1
    for whom in (windows, windows.take(windows.subject == "a")):
        with pytest.raises(ConfigError, match="nobody is left to fit to, all windows are held out"):
            split(recipe(1.0), whom, WINDOW_S)


def test_the_same_number_in_another_collection_is_another_person() -> None:
    windows = recorded(*((i, f"{n}", "walking", 4) for i in range(3) for n in range(1, 13)))
    sets = (Recordings(set="here_wrist"), Recordings(set="here_hip"), Recordings(set="there", held_out=0.1))
    chosen = split(replace(recipe(), recordings=sets), windows, WINDOW_S)
    here, beside, apart = (
        {*windows.subject[chosen.held_out & (windows.source == i)].tolist()} for i in range(3)
    )
    assert here == beside
    assert len(here) == 4
    assert len(apart) == 1  # of its own alone, and in the same order as of the others
    assert apart < here


def test_whom_the_base_knows_is_held_out_of_nothing_and_strangers_are_for_them() -> None:
    windows = recorded(*((0, f"{n}", "walking", 4) for n in range(1, 11)))
    recipe_of_set = replace(recipe(), recordings=(Recordings(set="here_wrist"),))
    base_people = {("here", f"{n}") for n in range(1, 8)} | {("there", "8"), ("", "9")}
    fitted, held_out = fitted_and_held_out(windows, split(recipe_of_set, windows, WINDOW_S, base_people))
    assert held_out == {"8", "9", "10"}  # all strangers are as many as the share wants
    assert fitted == {f"{n}" for n in range(1, 8)}
    everybody = base_people | {("here", f"{n}") for n in range(8, 11)}
    chosen = split(recipe_of_set, windows, WINDOW_S, everybody)
    assert chosen.fitted.all()
    assert not chosen.held_out.any()


def test_of_one_person_whom_the_base_knows_no_time_is_held_out() -> None:
    windows = recorded((0, "me", "walking", 40))
    chosen = split(recipe(None), windows, WINDOW_S, {("", "me")})
    assert chosen.fitted.all()
    assert not chosen.held_out.any()


def test_of_a_source_that_is_held_out_whole_nobody_is_fitted_to() -> None:
    windows = recorded(*((int(name in "ab"), name, "walking", 9) for name in "abcd"))
    for base_people in ({("", "a")}, {("", "a"), ("", "b")}):
        chosen = split(recipe(0.0, 1.0), windows, WINDOW_S, base_people)
        fitted, held_out = fitted_and_held_out(windows, chosen)
        assert fitted == {*"cd"}
        assert held_out == {*"ab"} - {name for _, name in base_people}


def test_a_label_that_the_time_held_out_leaves_nothing_of_is_refused() -> None:
    windows = recorded((0, "me", "walking", 40), (0, "me", "tape_box", 2), (0, "me", "walking", 4))
    with pytest.raises(ConfigError, match="no window of tape_box is fitted to, all are of the time held out"):
        split(recipe(None, held_out=0.2), windows, WINDOW_S)
