"""The seconds around moments of one wearer: a simulated one, recognized as live, in stream time."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edgehar.config.schema import Keep
from edgehar.daemon.keeper import LONGEST_S, Keeper, Kept
from edgehar.errors import ConfigError
from edgehar.pipeline.loop import Pipeline
from edgehar.pipeline.manifest import find
from edgehar.pipeline.recognizer import load
from edgehar.recordings import excerpt
from edgehar.recordings.ehr import read
from edgehar.recordings.excerpt import Excerpt
from edgehar.recordings.names import RecordingName
from edgehar.sources.simulated.simulator import Simulator
from edgehar.types import OTHER, Activity, Item, Stream

SETTINGS = Keep(before_s=4.0, after_s=2.0, reach_s=100.0)
STREAMS = (Stream("trouser_pocket"),)


class Life:
    """A wearer whose packets are recognized and kept; each moment that is over is written at once."""

    def __init__(self, folder: Path, settings: Keep = SETTINGS) -> None:
        recognizer = load(find("imu_tcn"))
        self.pipeline = Pipeline("anna", STREAMS, recognizer, recognizer.spec.decision)
        self.keeper = Keeper("anna", STREAMS, settings, self.write)
        self.keeper.intakes = self.pipeline.intakes
        self.folder, self.written = folder, list[Kept]()
        script = [("sitting", 15.0), ("walking", 35.0), ("sitting", 600.0)]
        self.packets: Iterator[Item] = iter(
            Simulator(placements=["trouser_pocket"], script=script, seed=3).packets()
        )
        self.now = 0.0

    def write(self, kept: Kept, name: RecordingName, content: Excerpt) -> None:
        excerpt.write(self.folder, name, content)
        self.written.append(kept)

    def until(self, t: float, watch: Callable[[Activity], None] = lambda _: None) -> None:
        """Let stream time reach t, s."""
        while self.now < t:
            item = next(self.packets)
            self.now = item[0]
            self.keeper.take(*item)
            for answer in self.pipeline.push(*item):
                self.keeper.push(answer)
                if isinstance(answer, Activity):
                    watch(answer)

    @property
    def files(self) -> list[Path]:
        return sorted(self.folder.iterdir()) if self.folder.is_dir() else []


@pytest.fixture
def life(tmp_path: Path) -> Life:
    return Life(tmp_path / "kept")


def test_a_correction_keeps_the_time_of_the_wrong_state_with_what_was_done(life: Life) -> None:
    life.until(40.0)
    span = life.keeper.correct("stairs_up", life.now)
    assert span.state == "walking"
    assert life.files == []
    life.until(43.0)
    recording = read(life.files[0])
    [(begin, end, label)] = recording.truth()
    assert (round(begin - span.begin, 6), end, label) == (0.0, span.end, "stairs_up")
    times = [t for t, _, body in recording if body]
    assert times[0] == pytest.approx(span.begin - SETTINGS.before_s, abs=0.2)
    assert times[-1] == pytest.approx(span.end + SETTINGS.after_s, abs=0.2)
    assert [(t, mark.note) for t, mark in recording.marks() if mark.kind == "moment"] == [
        (span.begin, "told walking")
    ]


def test_what_is_kept_can_be_read_alone(life: Life) -> None:
    """The sensor told long before how its packets are to be read."""
    life.until(40.0)
    life.keeper.correct("stairs_up", life.now)
    life.until(43.0)
    recording, recognizer = read(life.files[0]), load(find("imu_tcn"))
    pipeline = Pipeline("anna", recording.header.streams, recognizer, recognizer.spec.decision)
    answers = [answer for item in recording for answer in pipeline.push(*item)]
    assert pipeline.intakes[0].reader.health()["undescribed"] == 0
    assert "walking" in {answer.state for answer in answers if isinstance(answer, Activity)}


def test_a_correction_changes_nothing_of_what_is_told(tmp_path: Path) -> None:
    told = list[list[Activity]]()
    for is_corrected in (False, True):
        life, answers = Life(tmp_path / str(is_corrected)), list[Activity]()
        life.until(30.0, answers.append)
        if is_corrected:
            life.keeper.correct("stairs_up", life.now)
        life.until(45.0, answers.append)
        told.append(answers)
    assert told[0] == told[1]


def test_what_was_not_told_yet_cannot_be_corrected(life: Life) -> None:
    with pytest.raises(ConfigError, match="nothing was told of anna yet; a correction reaches 100 s back"):
        life.keeper.correct("driving", life.now)


def test_a_correction_may_be_of_a_time_or_an_event(life: Life) -> None:
    life.until(40.0)
    assert life.keeper.correct("driving", life.now, at=8.0).state == "sitting"
    life.until(43.0)
    assert [read(path).truth()[0][2] for path in life.files] == ["driving"]
    with pytest.raises(
        ConfigError, match="no event anna-0 of anna is remembered; a correction reaches 100 s"
    ):
        life.keeper.correct("driving", life.now, event="anna-0")
    with pytest.raises(ConfigError, match="nothing is remembered of anna at that time"):
        life.keeper.correct("driving", life.now, at=life.now + 5.0)
    with pytest.raises(ConfigError, match="walking is what was told; say what it was instead"):
        life.keeper.correct("walking", life.now)


def test_a_long_state_is_kept_as_far_as_it_is_remembered(life: Life) -> None:
    life.until(170.0)
    span = life.keeper.correct("lying", life.now)
    assert span.state == "sitting"
    assert span.end - span.begin == pytest.approx(min(SETTINGS.reach_s, LONGEST_S - 6.0))


def test_moments_that_overlap_become_one_recording(life: Life) -> None:
    life.until(30.0)
    life.keeper.mark(life.now, "button")
    life.until(31.0)
    life.keeper.mark(life.now, "button")
    life.keeper.correct("stairs_up", life.now)
    life.until(34.0)
    [path] = life.files
    assert [mark.note for _, mark in read(path).marks()] == [
        "told walking",
        "corrected",
        "button",
        "button",
        "corrected",
    ]
    assert "corrected" in path.name


def test_a_later_correction_takes_the_place_of_an_earlier_one(life: Life) -> None:
    life.until(30.0)
    life.keeper.correct("stairs_up", life.now)
    life.until(35.0)
    life.keeper.correct("running", life.now)
    life.until(38.0)
    first, second = life.written
    assert second.former == [first]
    assert {label for _, _, label in second.labels} == {"running"}
    life.keeper.correct("stairs_down", life.now, at=22.0)
    life.until(41.0)
    assert {label for _, _, label in life.written[-1].labels} == {"stairs_down"}


def test_other_is_kept_when_it_lasts(life: Life) -> None:
    life.until(30.0)
    for t in range(12):
        life.keeper.push(Activity("anna", OTHER, None, "", 0.8, 30.0 + t, 30.0, coverage=1.0))
    life.until(40.0)
    [path] = life.files
    assert "rejected" in path.name
    assert read(path).truth() == []
    [(_, mark)] = read(path).marks()
    assert mark.note == "told other, 0.80, after walking"


def test_only_what_is_asked_for_is_kept(tmp_path: Path) -> None:
    life = Life(tmp_path / "kept", Keep(moments=["rejected"], after_s=1.0))
    life.until(30.0)
    assert not life.keeper.mark(life.now, "button")
    with pytest.raises(ConfigError, match="add `corrected` to moments under"):
        life.keeper.correct("running", life.now)
    life.until(40.0)
    assert life.files == []


def test_what_is_not_over_is_written_with_what_there_is(life: Life) -> None:
    life.until(30.0)
    life.keeper.mark(life.now, "button")
    life.keeper.flush()
    assert len(life.files) == 1


def test_what_is_forgotten_is_never_written(life: Life) -> None:
    life.until(30.0)
    life.keeper.mark(life.now, "button")
    life.keeper.forget()
    life.until(50.0)
    assert life.files == []
    life.keeper.forget()
    life.keeper.push(Activity("anna", "walking", None, "", 0.9, life.now - 1.0, life.now - 9.0, coverage=1.0))
    with pytest.raises(ConfigError, match="nothing is left of what the sensors sent then"):
        life.keeper.correct("running", life.now)


def test_a_wearer_whom_somebody_corrects_all_the_time_takes_bounded_memory(life: Life) -> None:
    life.until(30.0)
    for n in range(200):
        life.keeper.correct(f"label_{n}", life.now)
        life.keeper.mark(life.now, "button")
    life.until(40.0)
    assert len(life.files) <= 20
    assert len(read(life.files[-1]).marks()) < 10
