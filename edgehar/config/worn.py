"""The keys of a `[[wearer]]`: what a person wears or what sees them; as in `schema`."""

from typing import Annotated

from msgspec import Meta, Struct

from edgehar.config.names import BLUETOOTH_ADDRESS, Filled, Name
from edgehar.devices import PROFILES
from edgehar.pipeline.operating_points import Point
from edgehar.sources.addresses import DEFAULT_BAUD
from edgehar.sources.simulated.misfits import NO_MISFITS, Misfits

Placement = Annotated[
    Name, Meta(description="Where it is worn; `edgehar models info` lists what a model accepts.")
]


class Serial(Struct, frozen=True, forbid_unknown_fields=True):
    """A sensor on a serial port."""

    placement: Placement
    port: Annotated[
        str,
        Meta(
            min_length=1,
            description="Best a name below /dev/serial/by-id; also socket://host:port or rfc2217://host:port.",
        ),
    ]
    baud: Annotated[
        int, Meta(ge=1200, le=12_000_000, description="Bits per second; USB devices ignore it.")
    ] = DEFAULT_BAUD


class Ble(Struct, frozen=True, forbid_unknown_fields=True):
    """A sensor over Bluetooth Low Energy; `edgehar devices scan` shows what is around."""

    placement: Placement
    profile: Annotated[
        str,
        Meta(
            description="Kind of sensor, as in `edgehar devices scan`.",
            extra_json_schema={"enum": [*PROFILES]},
        ),
    ]
    address: Annotated[
        Annotated[str, Meta(pattern=BLUETOOTH_ADDRESS)] | None,
        Meta(description="Its Bluetooth address, e.g. D4:CA:6E:F1:00:01."),
    ] = None
    name: Annotated[
        Filled | None,
        Meta(description="The whole name it advertises. Without name and address: the first one that fits."),
    ] = None


class Phone(Struct, frozen=True, forbid_unknown_fields=True):
    """A phone as a sensor: exactly one of `url`, `listen` and `topic`."""

    placement: Placement
    url: Annotated[
        Filled | None,
        Meta(description="The app SensorServer: the address it shows, e.g. ws://192.168.1.7:8080."),
    ] = None
    listen: Annotated[
        Filled | None,
        Meta(
            description="The app Sensor Logger, HTTP push to this host: 0.0.0.0:8000 is all of its networks."
        ),
    ] = None
    topic: Annotated[
        Filled | None,
        Meta(
            description="The app Sensor Logger, through the broker of [mqtt]; the app's own is sensor-logger."
        ),
    ] = None
    device: Annotated[
        Filled | None,
        Meta(description="Which phone, where several push to one place: its deviceId, as the log names it."),
    ] = None


Share = Annotated[float, Meta(ge=0, le=1)]


class Camera(Struct, frozen=True, forbid_unknown_fields=True):
    """A camera that sees the person; `edgehar models pull movenet-lightning` gets what finds people in its pictures."""

    device: Annotated[
        str,
        Meta(
            min_length=1,
            description="Number of the webcam or its path, e.g. /dev/video0; also rtsp://host/stream, or a video file.",
        ),
    ]
    placement: Placement = "camera"
    region: Annotated[
        tuple[Share, Share, Share, Share] | None,
        Meta(
            description="Part of the picture that is looked at: left, top, width and height, as shares; all unless set."
        ),
    ] = None
    max_fps: Annotated[
        float,
        Meta(
            ge=1, le=60, description="No more pictures per second are looked at; a slow machine takes fewer."
        ),
    ] = 15.0
    picture: Annotated[
        bool, Meta(description="true: the page may show the picture, and not the skeleton alone.")
    ] = False
    weights: Annotated[
        Filled | None,
        Meta(description="File of MoveNet's weights; unset: where `edgehar models pull` puts it."),
    ] = None


class Replay(Struct, frozen=True, forbid_unknown_fields=True):
    """A recording in the place of a wearer."""

    path: Annotated[str, Meta(min_length=1, description="An .ehr recording or an .npz set.")]
    speed: Annotated[float, Meta(ge=0, description="1 is its own pace, 0 as fast as it goes.")] = 1.0
    subject: Annotated[str | None, Meta(description="Which person of an .npz set.")] = None
    placements: Annotated[list[Name] | None, Meta(description="Which of its sensors; all unless set.")] = None


class SimulatedWearer(Struct, frozen=True, forbid_unknown_fields=True):
    """A simulated wearer: for trying things out, never for judging a model."""

    placements: Annotated[list[Name], Meta(min_length=1, description="Where the simulated sensors are worn.")]
    seed: Annotated[int, Meta(ge=0, description="Same seed, same wearer.")] = 1
    longest_s: Annotated[float, Meta(ge=5, description="No activity lasts longer, s.")] = 120.0
    loss: Annotated[float, Meta(ge=0, lt=1, description="Share of packets lost, in bursts.")] = 0.0
    jitter_s: Annotated[float, Meta(ge=0, le=10, description="Mean extra delay of a packet, s.")] = 0.0
    drift_ppm: Annotated[float, Meta(ge=-1000, le=1000, description="Error of the sensor's clock, ppm.")] = (
        0.0
    )
    disconnect_every_s: Annotated[
        Annotated[float, Meta(gt=0)] | None,
        Meta(description="Mean time between lost links, s; unset: never."),
    ] = None
    battery: Annotated[int, Meta(ge=0, le=100, description="Charge at the start, percent.")] = 100
    misfits: Annotated[
        Misfits, Meta(description="Faults of the sensors themselves, as `edgehar doctor` is to find them.")
    ] = NO_MISFITS


class Wearer(Struct, frozen=True, forbid_unknown_fields=True):
    """One person and what they wear or what sees them, or one of `replay` and `simulator`."""

    id: Annotated[Name, Meta(description="Pseudonym in topics; better not a real name.")]
    labels: Annotated[
        list[Filled], Meta(description="What is told of this person, in the place of [model] labels.")
    ] = []
    operating_point: Annotated[
        Point | None, Meta(description="Of this person, in the place of [decision] operating_point.")
    ] = None
    head: Annotated[
        Filled | None,
        Meta(
            description="What was taught of this person: a file of `edgehar personalize`; unset: the model as it is."
        ),
    ] = None
    tap: Annotated[
        bool,
        Meta(
            description="true: two taps on a sensor mark a moment, as the page's button does; wants 100 samples/s."
        ),
    ] = False
    serial: Annotated[list[Serial], Meta(description="Sensors worn, on serial ports.")] = []
    ble: Annotated[list[Ble], Meta(description="Sensors worn, over Bluetooth Low Energy.")] = []
    phone: Annotated[list[Phone], Meta(description="Phones worn as sensors.")] = []
    camera: Annotated[list[Camera], Meta(description="The camera that sees them, at most one.")] = []
    replay: Annotated[Replay | None, Meta(description="A recording instead.")] = None
    simulator: Annotated[SimulatedWearer | None, Meta(description="A simulation instead.")] = None
