"""The keys of edgehar.toml: each with its unit, its bounds and one sentence. A new key begins here.

A path that is relative is one below the folder of edgehar.toml; in a `Config` that was read it is absolute. A new key
is used in `daemon.publishing` or `daemon.wiring`; rules that no type can hold stand in `config.rules`; deploy/edgehar.toml
shows the usual keys. Keys of `[decision]` are `pipeline.decision_settings`.
"""

import re
import socket
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct, field

from edgehar.devices import PROFILES
from edgehar.pipeline.decision_settings import Settings
from edgehar.pipeline.operating_points import Point
from edgehar.publishers.outbox import Bounds
from edgehar.sources.addresses import DEFAULT_BAUD

DAY_S = 86_400.0

_NAME = r"^[A-Za-z0-9_-]{1,64}$(?!\n)"
_TOPIC = r"^(?!\$)[^+#/\s]+(/[^+#/\s]+)*$(?!\n)"
_SPARKPLUG_ID = r"^[^+#/]+$(?!\n)"
_ADAPTER = r"^hci\d+$(?!\n)"
_BLUETOOTH_ADDRESS = r"^[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}$(?!\n)"

IN_WORDS = {
    _NAME: "1 to 64 letters (a to z), digits, `_` and `-`",
    _TOPIC: "the beginning of a topic, such as home/edgehar, without spaces, `+`, `#` and a leading `$`",
    _SPARKPLUG_ID: "a Sparkplug id: text without `+`, `/` and `#`",
    _ADAPTER: "the name of an adapter, such as hci1",
    _BLUETOOTH_ADDRESS: "six pairs of hexadecimal digits, such as D4:CA:6E:F1:00:01",
}
"""Each pattern of a key, for people."""

Name = Annotated[
    str, Meta(pattern=_NAME, description="Letters, digits, `_` and `-`: it becomes part of a topic.")
]
Filled = Annotated[str, Meta(min_length=1)]
SparkplugId = Annotated[str, Meta(pattern=_SPARKPLUG_ID)]
TopicStart = Annotated[str, Meta(pattern=_TOPIC)]


def _gateway_id() -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "-", socket.gethostname())[:64] or "edgehar"


class Gateway(Struct, frozen=True, forbid_unknown_fields=True):
    """This machine."""

    id: Annotated[
        Name,
        Meta(
            description="Its name in topics and to the broker, no other gateway's; the host name unless set."
        ),
    ] = field(default_factory=_gateway_id)
    state_dir: Annotated[
        Filled | None,
        Meta(
            description="Folder, made if need be, for events that the broker has not yet, and for what is recorded; unset: that of the systemd "
            "service, and without one they are in memory alone."
        ),
    ] = None


class Tls(Struct, frozen=True, forbid_unknown_fields=True):
    """Encryption of the broker link; an empty table uses the system's certificates."""

    ca_file: Annotated[
        Filled | None, Meta(description="Certificates to trust instead of the system's, PEM.")
    ] = None
    cert_file: Annotated[
        Filled | None, Meta(description="Certificate of this gateway, PEM; needs key_file.")
    ] = None
    key_file: Annotated[Filled | None, Meta(description="Its private key, PEM.")] = None


class Mqtt(Struct, frozen=True, forbid_unknown_fields=True):
    """The broker that gets states and events."""

    host: Annotated[str, Meta(min_length=1, description="Name or address of the broker.")]
    port: Annotated[int, Meta(ge=1, le=65535, description="Its TCP port; 8883 is usual with TLS.")] = 1883
    prefix: Annotated[str, Meta(pattern=_TOPIC, description="First part of every topic.")] = "edgehar"
    username: Annotated[str | None, Meta(description="Account at the broker.")] = None
    password_file: Annotated[
        Filled | None,
        Meta(
            description="File with the password, a path with a `/`; a bare name is a systemd credential of the service."
        ),
    ] = None
    tls: Annotated[Tls | None, Meta(description="Present: the link is encrypted.")] = None
    version: Annotated[
        Literal[4, 5],
        Meta(description="MQTT 5, or 4 for 3.1.1; 5 falls back by itself where the broker is older."),
    ] = 5
    heartbeat_s: Annotated[
        float, Meta(ge=1, le=86400, description="An unchanged state is sent again after this time, s.")
    ] = 60.0
    queue: Annotated[
        int,
        Meta(
            ge=1,
            le=1_000_000,
            description="Events, and for Sparkplug changes, kept while the broker is away; then the oldest is dropped.",
        ),
    ] = Bounds().events
    queue_mb: Annotated[
        float, Meta(gt=0, le=10_000, description="So many megabytes of events are kept at most, MB.")
    ] = Bounds().size / 2**20
    queue_days: Annotated[
        float, Meta(gt=0, le=3650, description="An event that is older is not worth sending any more, days.")
    ] = Bounds().age_s / DAY_S


class HomeAssistant(Struct, frozen=True, forbid_unknown_fields=True):
    """Devices that show up in Home Assistant by themselves; needs [mqtt], and its MQTT integration at the same broker."""

    prefix: Annotated[TopicStart, Meta(description="The discovery prefix of its MQTT integration.")] = (
        "homeassistant"
    )


class Sparkplug(Struct, frozen=True, forbid_unknown_fields=True):
    """SCADA hosts in a factory, such as Ignition, over Sparkplug B 3.0; needs [mqtt], whose broker it uses."""

    group: Annotated[SparkplugId, Meta(description="The Sparkplug group, e.g. the plant.")]
    edge_node: Annotated[
        SparkplugId | None, Meta(description="This gateway's name in the group; its id unless set.")
    ] = None
    primary_host: Annotated[
        SparkplugId | None,
        Meta(description="Id of the host without which nothing is told: changes wait for it."),
    ] = None


class Metrics(Struct, frozen=True, forbid_unknown_fields=True):
    """Figures for Prometheus: what runs, packets, losses, batteries, windows and events, at /metrics."""

    listen: Annotated[
        Filled,
        Meta(description="Address of this host and port; 0.0.0.0:9750 lets everybody read what wearers do."),
    ] = "127.0.0.1:9750"
    token_file: Annotated[
        Filled | None,
        Meta(
            description="File with a token that who asks has to show, a path with a `/`; a bare name is a systemd credential."
        ),
    ] = None


class Dashboard(Struct, frozen=True, forbid_unknown_fields=True):
    """A live page for browsers: who does what now, the sensors, and buttons to pause and to record."""

    listen: Annotated[
        Filled,
        Meta(description="Address of this host and port; any but this host's own needs a token_file."),
    ] = "127.0.0.1:8765"
    token_file: Annotated[
        Filled | None,
        Meta(
            description="File with a token that who looks has to show, a path with a `/`; a bare name is a systemd credential."
        ),
    ] = None


class Bluetooth(Struct, frozen=True, forbid_unknown_fields=True):
    """The radio for all sensors over Bluetooth Low Energy."""

    adapter: Annotated[
        Annotated[str, Meta(pattern=_ADAPTER)] | None,
        Meta(description="e.g. hci1; the first that is switched on unless set."),
    ] = None


class Model(Struct, frozen=True, forbid_unknown_fields=True):
    """The recognizer."""

    path: Annotated[
        str, Meta(min_length=1, description="A shipped model's name, or the path of a .json manifest.")
    ] = "imu_tcn"
    camera: Annotated[str, Meta(min_length=1, description="The same for wearers whom a camera sees.")] = (
        "pose_tcn"
    )
    labels: Annotated[
        list[Filled],
        Meta(
            description="What is told: labels, and kinds of labels such as `still`, for all below; the rest is `other`. "
            "Everything unless set."
        ),
    ] = []


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
        Annotated[str, Meta(pattern=_BLUETOOTH_ADDRESS)] | None,
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


class Wearer(Struct, frozen=True, forbid_unknown_fields=True):
    """One person and what they wear or what sees them, or one of `replay` and `simulator`."""

    id: Annotated[Name, Meta(description="Pseudonym in topics; better not a real name.")]
    labels: Annotated[
        list[Filled], Meta(description="What is told of this person, in the place of [model] labels.")
    ] = []
    operating_point: Annotated[
        Point | None, Meta(description="Of this person, in the place of [decision] operating_point.")
    ] = None
    serial: Annotated[list[Serial], Meta(description="Sensors worn, on serial ports.")] = []
    ble: Annotated[list[Ble], Meta(description="Sensors worn, over Bluetooth Low Energy.")] = []
    phone: Annotated[list[Phone], Meta(description="Phones worn as sensors.")] = []
    camera: Annotated[list[Camera], Meta(description="The camera that sees them, at most one.")] = []
    replay: Annotated[Replay | None, Meta(description="A recording instead.")] = None
    simulator: Annotated[SimulatedWearer | None, Meta(description="A simulation instead.")] = None


class Config(Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that edgehar.toml can say. Paths may be relative to its folder."""

    wearer: Annotated[list[Wearer], Meta(min_length=1, description="Who is watched.")]
    gateway: Gateway = field(default_factory=Gateway)
    mqtt: Annotated[Mqtt | None, Meta(description="Without it nothing is published but --stdout.")] = None
    homeassistant: Annotated[
        HomeAssistant | None, Meta(description="Present, even empty: wearers are devices in Home Assistant.")
    ] = None
    sparkplug: Annotated[
        Sparkplug | None, Meta(description="Present: wearers are devices of a Sparkplug edge node.")
    ] = None
    metrics: Annotated[Metrics | None, Meta(description="Present, even empty: Prometheus can ask.")] = None
    dashboard: Annotated[
        Dashboard | None, Meta(description="Present, even empty: browsers on this host can look on.")
    ] = None
    bluetooth: Bluetooth = field(default_factory=Bluetooth)
    model: Model = field(default_factory=Model)
    decision: Annotated[
        dict[str, Any], Meta(description="Settings of the decision that replace the model's own.")
    ] = {}


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of edgehar.toml."""
    whole = msgspec.json.schema(Config)
    decision = msgspec.json.schema(Settings)
    whole["$defs"] |= decision["$defs"]
    whole["$defs"]["Config"]["properties"]["decision"] = {"$ref": decision["$ref"]}
    return whole
