"""Each fault alone: how much of it comes, that it is the same again, and what the real decoder sees of it."""

import itertools
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from msgspec.structs import replace

from edgehar.devices.edgehar_firmware import EdgeharReader
from edgehar.sources.simulated.faults import Faults, inject, outages, wire
from edgehar.types import Item
from edgehar.wire.framing import Deframer
from edgehar.wire.protocol import Data, Description, decode, encode_data, encode_description

PACKET_S = 0.2
EVERYTHING = Faults(
    loss=0.1,
    jitter_s=0.02,
    connection_interval_s=0.03,
    drift_ppm=80,
    disconnect_every_s=20,
    battery=90,
    battery_drain=60,
    reboot_every_s=40,
    seed=3,
)


def ideal(packets: int, streams: int = 1) -> Iterator[Item]:
    """Return a packet of 10 samples every 0.2 s on each stream, a description every second."""
    for i in range(packets):
        t = i * PACKET_S
        for stream in range(streams):
            if i % 5 == 0:
                yield (
                    t,
                    stream,
                    encode_description(Description(f"{stream:012x}", 20_000, 16, 2000, battery=77)),
                )
            yield t, stream, encode_data(i, 4_294_000_000 + i * 200_000, np.full((10, 6), i % 1000, np.int16))


def data_of(items: Iterator[Item]) -> list[tuple[float, Data]]:
    return [(t, item) for t, _, body in items if isinstance(item := decode(body), Data)]


def descriptions_of(items: Iterator[Item]) -> list[tuple[float, Description]]:
    return [(t, item) for t, _, body in items if isinstance(item := decode(body), Description)]


def test_without_faults_nothing_is_touched() -> None:
    assert list(inject(Faults(), ideal(20, 2))) == list(ideal(20, 2))


@settings(max_examples=25, deadline=None)
@given(
    loss=st.floats(0, 1),
    jitter_s=st.just(0.0) | st.floats(0.001, 2),
    interval=st.just(0.0) | st.floats(0.001, 0.5),
    every=st.floats(1, 30),
    streams=st.integers(1, 3),
    seed=st.integers(0, 1000),
)
def test_arrival_never_goes_back_and_packets_never_overtake(
    loss: float, jitter_s: float, interval: float, every: float, streams: int, seed: int
) -> None:
    faults = Faults(
        loss=loss, jitter_s=jitter_s, connection_interval_s=interval, disconnect_every_s=every, seed=seed
    )
    items = list(inject(faults, ideal(100, streams)))
    assert [t for t, _, _ in items] == sorted(t for t, _, _ in items)
    for stream in range(streams):
        sent = [body for _, i, body in ideal(100, streams) if i == stream]
        assert is_within([body for _, i, body in items if i == stream], sent)


def is_within(part: list[bytes], whole: list[bytes]) -> bool:
    rest = iter(whole)
    return all(body in rest for body in part)


def test_same_seed_same_bytes_and_another_seed_others() -> None:
    once = list(inject(EVERYTHING, ideal(1000, 2)))
    assert list(inject(EVERYTHING, ideal(1000, 2))) == once
    assert list(inject(replace(EVERYTHING, seed=4), ideal(1000, 2))) != once


@pytest.mark.parametrize("loss", [0.01, 0.05, 0.2, 0.4, 0.9])
def test_loss_takes_its_share_in_bursts(loss: float) -> None:
    kept = [item.sequence for _, item in data_of(inject(Faults(loss=loss, burst=4), ideal(20_000)))]
    assert 1 - len(kept) / 20_000 == pytest.approx(loss, rel=0.25)
    gaps = [b - a - 1 for a, b in itertools.pairwise(kept) if b > a + 1]
    # Descriptions are lost in the same bursts: every sixth packet.
    assert np.mean(gaps) == pytest.approx(max(4, loss / (1 - loss)) * 5 / 6, rel=0.25)


def test_a_loss_of_all_leaves_nothing() -> None:
    assert list(inject(Faults(loss=1.0), ideal(100))) == []


def test_the_connection_interval_bundles_packets() -> None:
    arrived = data_of(inject(Faults(connection_interval_s=0.5), ideal(50)))
    assert {round(t / 0.5, 6) % 1 for t, _ in arrived} == {0}
    assert len({t for t, _ in arrived}) == 21
    assert all(0 <= t - item.sequence * PACKET_S < 0.5 for t, item in arrived)


def test_jitter_delays_by_its_mean() -> None:
    delays = [t - item.sequence * PACKET_S for t, item in data_of(inject(Faults(jitter_s=0.01), ideal(5000)))]
    assert min(delays) >= 0
    assert np.mean(delays) == pytest.approx(0.01, rel=0.1)


def test_drift_stretches_the_device_clock_over_its_wrap() -> None:
    faults = Faults(drift_ppm=100)
    for stream, rate in ((0, 1.0001), (1, 0.9999)):
        ticks = [
            item.ticks_us for _, item in data_of(i for i in inject(faults, ideal(6000, 2)) if i[1] == stream)
        ]
        steps = np.diff(ticks) % 2**32
        assert steps.sum() == pytest.approx(5999 * 200_000 * rate, abs=1)
        assert set(steps) <= {round(200_000 * rate) - 1, round(200_000 * rate), round(200_000 * rate) + 1}


def test_outages_silence_the_link_as_announced() -> None:
    faults = Faults(disconnect_every_s=30, disconnect_for_s=5)
    gone, back = zip(*itertools.islice(outages(faults), 20), strict=True)
    assert {round(b - g, 9) for g, b in zip(gone, back, strict=True)} == {5}
    assert np.mean(np.diff(gone)) == pytest.approx(35, rel=0.2)
    arrived = np.array([t for t, _, _ in inject(faults, ideal(2000))])
    assert not any(((arrived >= g) & (arrived < b)).any() for g, b in zip(gone, back, strict=True))
    assert all(((arrived >= b) & (arrived < b + 0.5)).any() for b in back if b < 390)


@pytest.mark.parametrize("amount", [-1.0, 0.0, float("nan")])
@pytest.mark.parametrize("name", ["disconnect_every_s", "reboot_every_s"])
def test_what_happens_every_so_often_does_so_after_a_time(name: str, amount: float) -> None:
    with pytest.raises(ValueError, match=name):
        Faults(**{name: amount})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "name", ["loss", "burst", "jitter_s", "disconnect_for_s", "corrupt", "battery", "boot_s"]
)
def test_no_fault_is_less_than_none(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        Faults(**{name: -1})  # type: ignore[arg-type]


def test_the_battery_drains_and_an_empty_sensor_is_silent() -> None:
    seen = descriptions_of(inject(Faults(battery=10, battery_drain=360), ideal(1000)))
    assert seen[0][1].battery == 10
    assert seen[-1][1].battery == 1
    assert seen[-1][0] == pytest.approx(99, abs=1)


def test_a_reboot_begins_with_a_description_and_counts_anew() -> None:
    decoder = EdgeharReader()
    after = []
    fresh = False
    for _, _, body in inject(Faults(reboot_every_s=30), ideal(2000)):
        restarts = decoder.restarts
        decoder.push(body)
        if decoder.restarts > restarts:
            item = decode(body)
            assert isinstance(item, Data)
            assert fresh
            after.append((item.sequence, item.ticks_us))
        fresh = isinstance(decode(body), Description)
    assert 9 <= len(after) <= 18
    assert set(after) == {(0, 1_500_000)}
    assert decoder.undescribed == decoder.malformed == 0


@pytest.mark.parametrize("corrupt", [0.0, 0.05, 0.3])
def test_damaged_frames_are_dropped_and_the_others_come(corrupt: float) -> None:
    send, deframer = wire(Faults(corrupt=corrupt, seed=5)), Deframer()
    bodies = [body for _, _, body in ideal(2000)]
    received = [body for sent in bodies for body in deframer.push(send(sent))]
    assert is_within(received, bodies)
    # A damaged end takes the next frame with it.
    assert 1 - len(received) / len(bodies) == pytest.approx(corrupt, rel=0.2)
