"""A recording through the pipeline, as live: what `edgehar replay` prints and `edgehar report` draws."""

from collections.abc import Callable, Sequence
from pathlib import Path

from edgehar.errors import ModelError
from edgehar.personal.heads import load_head
from edgehar.pipeline.loop import Pipeline
from edgehar.pipeline.manifest import find
from edgehar.pipeline.modality import IMU, MODALITIES, modality_of_profile
from edgehar.pipeline.model_spec import ModelSpec
from edgehar.pipeline.recognizer import Recognizer, load
from edgehar.sources.replay import Replay, open_recording
from edgehar.types import Activity, Event, Stream

Take = Callable[[Sequence[Activity | Event]], None]
"""Takes the answers to one packet."""

SHIPPED = IMU.shipped
"""Name of the model that is meant where nobody names one; a camera's own takes its place by itself."""
_YEAR_2000 = 946_684_800.0
"""Unix time, s."""


class Playback:
    """A recording that is open, and the pipeline that its packets go through."""

    def __init__(
        self,
        path: Path,
        *,
        subject: str | None = None,
        placements: Sequence[str] | None = None,
        model: str = SHIPPED,
        head: Path | None = None,
    ) -> None:
        """Open both; OperatorError says what does not fit. The choice is that of `open_recording`."""
        self.recording = open_recording(path, subject=subject, placements=placements)
        self.header = header = self.recording.header
        chosen = load(find(model))
        if model != SHIPPED:
            _check(path, header.streams, chosen.spec)
        self.models = _models(header.streams, chosen, head)
        self.spec = self.models[0].spec
        """Manifest of the model that leads."""
        try:
            self.pipeline = Pipeline(
                header.wearer, header.streams, self.models, self.spec.decision, epoch=header.epoch
            )
        except ModelError as error:
            raise ModelError(
                f"{error}; --placement RECORDED=WORN replays a sensor as worn elsewhere, --placement RECORDED it alone"
            ) from error

    @property
    def window_s(self) -> float:
        """Length of a window of the model that leads, s."""
        return self.spec.window / self.spec.rate_hz

    async def run(self, take: Take, *, speed: float = 0.0) -> None:
        """Hand over the answers to all packets, then those of the end; `speed` as in `Replay`."""
        push = self.pipeline.push
        await Replay(self.recording, speed=speed).run(lambda t, stream, body: take(push(t, stream, body)))
        take(self.pipeline.finish())


def _check(path: Path, streams: Sequence[Stream], spec: ModelSpec) -> None:
    """Refuse a model that somebody names and that looks at nothing of what was recorded."""
    if all(modality_of_profile(stream.profile) is not spec.modality for stream in streams):
        recorded = ", ".join(dict.fromkeys(modality_of_profile(each.profile).shipped for each in streams))
        raise ModelError(
            f"{path}: {spec.id} looks at nothing that was recorded there; name a model such as {recorded}, or none"
        )


def has_dates(epoch: float) -> bool:
    """Tell whether Unix time at stream time 0, s, was known: a clock that was never set begins in 1970."""
    return epoch > _YEAR_2000


def _models(streams: Sequence[Stream], chosen: Recognizer, head: Path | None) -> list[Recognizer]:
    """Return the models for what was recorded: the chosen one, with a head, and for what it does not look at the shipped one."""
    if head:
        modality = chosen.spec.modality
        worn = [s.placement for s in streams if modality_of_profile(s.profile) is modality]
        chosen = load_head(chosen, head, worn)
    brought = [modality_of_profile(stream.profile) for stream in streams]
    return [
        chosen if chosen.spec.modality is modality else load(find(modality.shipped))
        for modality in MODALITIES
        if modality in brought
    ]
