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

from edgehar.config.names import ADAPTER, TOPIC, Filled, Name, SparkplugId, TopicStart
from edgehar.config.worn import Wearer
from edgehar.config.zone import Zone
from edgehar.pipeline.decision_settings import Settings
from edgehar.publishers.outbox import Bounds

DAY_S = 86_400.0


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
    prefix: Annotated[str, Meta(pattern=TOPIC, description="First part of every topic.")] = "edgehar"
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


Moment = Literal["corrected", "marked", "rejected"]


class Keep(Struct, frozen=True, forbid_unknown_fields=True):
    """The seconds around moments that may teach the recognizer later; packets as they came, never a picture, in `state_dir`."""

    moments: Annotated[
        list[Moment],
        Meta(
            min_length=1,
            description="`corrected`: somebody says what it was; `marked`: somebody marks it on the page; "
            "`rejected`: it was `other`, after a label or without being likelier than the labels.",
        ),
    ] = field(default_factory=lambda: ["corrected", "marked", "rejected"])
    before_s: Annotated[
        float, Meta(ge=0, le=60, description="So much before a moment is kept with it, s.")
    ] = 10.0
    after_s: Annotated[float, Meta(ge=0, le=60, description="So much after it, s.")] = 5.0
    reach_s: Annotated[
        float,
        Meta(
            ge=10,
            le=3600,
            description="A correction reaches so far back, s; what the sensors sent stays in memory for as long.",
        ),
    ] = 300.0
    days: Annotated[float, Meta(gt=0, le=3650, description="What is older is removed, days.")] = 14.0
    most_mb: Annotated[
        float, Meta(ge=1, le=100_000, description="So much is kept of all together, MB; the oldest go first.")
    ] = 200.0
    rejected_per_hour: Annotated[
        int, Meta(ge=1, le=720, description="No more rejected moments of one wearer are kept in an hour.")
    ] = 6


class Bluetooth(Struct, frozen=True, forbid_unknown_fields=True):
    """The radio for all sensors over Bluetooth Low Energy."""

    adapter: Annotated[
        Annotated[str, Meta(pattern=ADAPTER)] | None,
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
    keep: Annotated[
        Keep | None,
        Meta(
            description="Present, even empty: the seconds around some moments are kept; without it nothing."
        ),
    ] = None
    bluetooth: Bluetooth = field(default_factory=Bluetooth)
    model: Model = field(default_factory=Model)
    decision: Annotated[
        dict[str, Any], Meta(description="Settings of the decision that replace the model's own.")
    ] = {}
    zone: Annotated[
        list[Zone], Meta(description="Wearers who are counted together, and of whom nothing else is told.")
    ] = []


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of edgehar.toml."""
    whole = msgspec.json.schema(Config)
    decision = msgspec.json.schema(Settings)
    whole["$defs"] |= decision["$defs"]
    whole["$defs"]["Config"]["properties"]["decision"] = {"$ref": decision["$ref"]}
    return whole
