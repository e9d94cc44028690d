"""The weights of a fall's evidence, fitted to people."""

import numpy as np
import pytest
from conftest import ROOT

from benchmarks.falls import (
    FITTED_AT_HOPS,
    KINDS,
    Hop,
    Recorded,
    fit,
    held_out,
    hits_of,
    threshold,
    told_to_others,
)
from edgehar.motion.wearer import Wearer
from edgehar.pipeline import recognizer
from edgehar.pipeline.fall_evidence import Evidence
from edgehar.types import Samples

NOTHING = Evidence(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


def test_the_weights_that_made_the_falls_are_those_that_are_fitted() -> None:
    rng = np.random.default_rng(1)
    x, held = rng.normal(size=(20000, 2)) * (1.0, 5.0) + (3.0, -1.0), rng.normal(size=20000)
    sure = x @ [2.0, -0.5] + held - 4.0
    y = (rng.random(20000) < 1.0 / (1.0 + np.exp(-sure))).astype(float)
    assert fit(x, held, y) == pytest.approx([2.0, -0.5, -4.0], abs=0.15)


def hop(trial: int, *, hit_t: float = 5.0, is_fall: bool = False, person: str = "") -> Hop:
    return Hop("set", person or f"set {trial}", trial, hit_t, FITTED_AT_HOPS, is_fall, NOTHING)


def test_the_threshold_lets_as_many_alarms_through_as_are_allowed() -> None:
    trials = [Recorded("set", f"set {i}", is_fall=i == 3, hours=1.0) for i in range(5)]
    # Two hops of one hit are one alarm; a fall is none.
    hops = [hop(0), hop(0), hop(0, hit_t=9.0), hop(1), hop(2), hop(3, is_fall=True)]
    log_odds = np.array([5.0, 4.5, 3.0, 2.0, 1.0, 9.0])
    assert threshold(trials, hops, log_odds, 0.5) == 2.0
    assert threshold(trials, hops[:3], log_odds[:3], 0.5) == -np.inf


def test_nobody_is_judged_by_weights_that_their_own_falls_made() -> None:
    hops = [hop(i, is_fall=i % 2 == 0, person=f"set {i // 2}") for i in range(20)]
    x = np.array([[2.0 if h.is_fall else -2.0] for h in hops])
    # One person is the other way round, and alone in showing anything of it.
    x[:2] = -x[:2]
    log_odds = held_out(hops, x, np.zeros(20))
    assert (log_odds[2:] > 0).tolist() == [h.is_fall for h in hops[2:]]
    assert (log_odds[:2] > 0).tolist() == [not h.is_fall for h in hops[:2]]


def test_what_is_needed_of_a_person_is_fitted_to_others_too() -> None:
    # Each of ten people has a fall and a few hits of their day; one person hits what looks like falls, all the time.
    hops = [hop(10 * i, is_fall=True, person=f"set {i}") for i in range(10)]
    hops += [hop(10 * i + 1, hit_t=float(k), person=f"set {i}") for i in range(10) for k in range(4)]
    trials = [Recorded("set", f"set {i // 10}", is_fall=i % 10 == 0, hours=1.0) for i in range(100)]
    size = np.random.default_rng(2).normal(0.0, 0.5, len(hops))
    x = np.array([[3.0 * h.is_fall + (1.5 if h.person == "set 0" and not h.is_fall else 0.0)] for h in hops])
    x[:, 0] += size
    told = told_to_others(trials, hops, x, np.zeros(len(hops)), 0.0)
    raised = [h.person for h, is_told in zip(hops, told, strict=True) if is_told and not h.is_fall]
    assert raised
    assert {*raised} == {"set 0"}
    pooled = held_out(hops, x, np.zeros(len(hops)))
    assert not any(
        pooled[i] > threshold(trials, hops, pooled, 0.0) for i, h in enumerate(hops) if not h.is_fall
    )


def test_what_is_held_counts_beside_what_is_fitted() -> None:
    x, held = KINDS["waist"].design([hop(0)])
    assert x.shape == (1, len(KINDS["waist"].fitted))
    assert held == pytest.approx([0.0])
    assert not set(KINDS["wrist"].fitted) & set(KINDS["wrist"].held)


def test_the_hit_of_a_simulated_fall_is_collected_as_it_is_told() -> None:
    model = recognizer.load(ROOT / "models" / "imu_tcn.json")
    wearer = Wearer(2, ["waist"])
    parts = [
        wearer.perform(activity, seconds)[0] for activity, seconds in (("standing", 6.0), ("falling", 9.0))
    ]
    t, x = (np.concatenate([getattr(part, name) for part in parts]) for name in ("t", "x"))
    track = Samples("waist", t, x, parts[0].channels)
    hops = list(hits_of(model, track, Recorded("body", "body 2", is_fall=True, hours=0.0), 0))
    assert {hop.is_fall for hop in hops} == {True}
    assert FITTED_AT_HOPS in {hop.hops for hop in hops}
    assert all(8.0 < hop.hit_t < 11.0 for hop in hops)
    # The same hits of somebody who does not fall count against it; there are no others.
    everyday = list(hits_of(model, track, Recorded("body", "body 2", is_fall=False, hours=0.0), 0))
    assert [hop.hit_t for hop in everyday][: len(hops)] == [hop.hit_t for hop in hops]
    assert {hop.is_fall for hop in everyday} == {False}
