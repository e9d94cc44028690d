"""Joint pre-training: windows, poses and words that belong together, and the same weights from the same seed."""

from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import lacking

from edgehar.errors import RecordingError
from edgehar.motion.capture.collection import clips
from edgehar.motion.landmarks import Offsets
from edgehar.motion.skeleton import Figure, segment_lengths
from edgehar.training.build import fitting_libraries
from edgehar.training.cache import CachedArrays
from edgehar.training.studies import pretrain as pretraining, triples as making
from edgehar.training.studies.networks import JointNetworks
from edgehar.training.studies.pretrain import (
    OBJECTIVES,
    Pretraining,
    assign,
    encoder,
    pretrain,
    pretrain_joint,
    shown,
    texts_of,
)
from edgehar.training.studies.simulated_source import base_recipe
from edgehar.training.studies.triples import POINTS, Triples
from edgehar.training.virtual_sensors import LEAD, Recorded
from edgehar.types import Window

TINY = Pretraining(windows=100, steps=2, batch=16, mocap=False)


def quiet(_stage: str, _done: int, _total: int) -> None:
    """Show no progress."""


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("work")


@pytest.fixture(scope="module")
def triples(work: Path) -> Triples:
    recipe = making.recipe_of("wrist", TINY.seed)
    key = making.key(recipe, TINY.windows, None)
    cached = CachedArrays(work / f"triples_{key[:12]}.npz", key)
    return making.make(recipe, TINY.windows, None, cached, 1, quiet)


def test_each_activity_has_as_many_windows_as_another(triples: Triples) -> None:
    assert set(np.bincount(triples.content)) == {3}
    assert triples.x.shape[1:] == (2, 128, 3)
    assert triples.pose.shape[1:] == (64, len(POINTS), 3)
    assert {"walking", "lying", "push_ups", "on_table"} <= set(triples.contents)


def test_poses_are_those_of_the_activity(triples: Triples) -> None:
    def height(activity: str, point: str) -> float:
        rows = triples.content == list(triples.contents).index(activity)
        return float(triples.pose[rows, :, POINTS.index(point), 2].astype(float).mean())

    assert height("standing", "nose") > 0.5
    assert height("standing", "knee_left") < -0.3
    assert abs(height("sitting", "knee_left")) < 0.2
    assert abs(height("lying", "knee_left")) < 0.3


def test_a_pose_is_that_of_its_window(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = making.recipe_of("wrist", 1)
    rows = 4000
    # The left arm rises by 0.1 rad/s; the body faces to the left of the room.
    pose = {"arm_left": np.arange(rows) / 200.0 * 0.1, "yaw": np.full(rows, 0.5 * np.pi)}
    lengths = segment_lengths(1.7)
    window = Window(5.0, np.zeros((128, 6), np.float32), (1.0,), 0.0)
    still = Offsets((0.0, 0.0), (0.0, 0.0), np.zeros((4, 3)), 0.0)
    monkeypatch.setattr(making, "draw_offsets", lambda _: still)
    figure = Figure(lengths, pose, rows)
    piece = making.piece_of(
        recipe, figure, lengths, Recorded((window,), (0,), (0,)), np.random.default_rng(0)
    )
    shoulder, elbow = (
        piece.pose[0, :, POINTS.index(f"{name}_left")].astype(float) for name in ("shoulder", "elbow")
    )
    arm = elbow - shoulder
    raised = np.arctan2(arm[:, 0], -arm[:, 2])
    t = LEAD / 200.0 + 5.0 - 2.56 + np.arange(64) / 25.0
    assert raised == pytest.approx(0.1 * t, abs=0.01)
    mirrored = making.piece_of(
        recipe, figure, lengths, Recorded((window,), (0,), (1,)), np.random.default_rng(0)
    )
    assert mirrored.pose[0, :, POINTS.index("elbow_right")] == pytest.approx(
        piece.pose[0, :, POINTS.index("elbow_left")] * np.array([1, -1, 1], np.float16)
    )


def test_who_lies_faces_along_the_bed() -> None:
    for turn in (
        np.eye(3),
        np.array([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]]),
        np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]),
    ):
        assert making._facing(turn) == pytest.approx(np.eye(3), abs=1e-9)


def test_the_same_seed_gives_the_same_weights_and_the_heads_are_dropped(work: Path, triples: Triples) -> None:
    assert len(triples.x) == 3 * len(triples.contents)
    first = pretrain_joint(TINY, None, work, 1, quiet)
    files = sorted(work.glob("pretrained_*.npz"))
    assert len(files) == 1
    before = files[0].read_bytes()
    kept = pretrain_joint(TINY, None, work, 1, quiet)
    files[0].unlink()
    again = pretrain_joint(TINY, None, work, 1, quiet)
    assert files[0].read_bytes() == before
    for other in (kept, again):
        assert other.encoder.keys() == first.encoder.keys()
        assert all((other.encoder[name] == first.encoder[name]).all() for name in first.encoder)
        assert (other.text_projection == first.text_projection).all()
    assert not any(name.startswith(("hidden", "logits")) for name in first.encoder)
    model = encoder(7)
    drawn = {v.path: np.asarray(v) for v in model.weights}
    taken = assign(model, first.encoder)
    assert (
        set(taken)
        == set(first.encoder)
        == {name for name in drawn if not name.startswith(("hidden", "logits"))}
    )
    out = model(shown(triples.x[:3].astype(np.float32)))
    assert out["logits"].shape == (3, 7)
    assert out["embedding"].shape[1] == first.imu_projection.shape[0]
    assert first.text_projection.shape == (384, first.imu_projection.shape[1])


def test_each_objective_moves_the_encoder_but_that_of_the_pose_alone(triples: Triples) -> None:
    fitting_libraries()
    import tensorflow as tf  # noqa: PLC0415  # once its log is quiet

    recipe = making.recipe_of("wrist", 1)
    networks = JointNetworks(OBJECTIVES, recipe, 1e-3, 1)
    batch = next(pretraining._batches(TINY, recipe, triples))
    kernel = networks.encoder.get_layer("conv_stem0").kernel
    with tf.GradientTape(persistent=True) as tape:
        losses = networks.losses(batch)
    moved = {name: tape.gradient(loss, kernel.value) is not None for name, loss in losses.items()}
    assert moved == {"labels": True, "contrast": True, "pose_to_imu": False, "reconstruction": True}


def test_what_is_hidden_cannot_be_seen(triples: Triples) -> None:
    fitting_libraries()
    recipe = making.recipe_of("wrist", 1)
    networks = JointNetworks(("reconstruction",), recipe, 1e-3, 1)
    batch = next(pretraining._batches(TINY, recipe, triples))
    hidden = batch["hidden"][:, :, None]

    def loss(shift: float, rows: Any) -> float:
        return float(networks._reconstruction(batch["x"] + shift * rows, batch["hidden"]))

    # The answer stays while hidden rows change, so that the error is a parabola over them: with a curvature of 2.
    assert loss(1.0, hidden) + loss(-1.0, hidden) - 2.0 * loss(0.0, hidden) == pytest.approx(2.0, rel=1e-4)
    shown_rows = 1.0 - hidden
    assert loss(1.0, shown_rows) != pytest.approx(loss(0.0, shown_rows), rel=1e-4)


def test_words_of_the_same_content_are_of_one_kind() -> None:
    texts = texts_of(["walking", "running", "walk"])
    assert texts.kind.tolist() == [0, 1, 0]
    assert texts.vectors.shape == (len(texts.of[0]) + len(texts.of[1]), 384)
    assert np.linalg.norm(texts.vectors, axis=1) == pytest.approx(1.0, abs=1e-3)


def test_recorded_motion_joins_where_it_is(data: Path) -> None:
    if not (data / "mocap").is_dir():
        lacking("recorded motion")
    recipe = making.recipe_of("thigh_strap", 1)
    takes = [part for take in islice(clips(data / "mocap", 12.0), 2) for part in making._parts(take)]
    jobs = making._jobs(recipe, takes, 30)
    pieces = [making._capture(job) for job in jobs]
    assert sum(len(piece.x) for piece in pieces if piece) == pytest.approx(30, abs=3)
    for piece in filter(None, pieces):
        assert np.linalg.norm(piece.x[:, 0].astype(float).mean(axis=1), axis=-1) == pytest.approx(
            9.8, abs=2.5
        )


def test_a_site_learns_what_the_shipped_sensor_can_tell_there() -> None:
    wrist, thigh = (making.recipe_of(site, 1) for site in ("wrist", "thigh_strap"))
    shipped = base_recipe()
    worn = next(sensor for sensor in shipped.sensors if "thigh_strap" in sensor.sites)
    assert wrist.labels == shipped.labels
    assert thigh.labels == worn.labels
    assert "lying" not in thigh.labels
    assert {label for label in thigh.labels if thigh.synthesis.of(label)} == set(thigh.labels)


def test_a_folder_without_recorded_motion_is_one_error(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"mocap: no such folder; .* say mocap = false"):
        pretrain(Pretraining(windows=10, steps=1, batch=4), tmp_path, tmp_path, 1, quiet)
