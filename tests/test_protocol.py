import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st
from vectors import README, SENSOR, VECTORS, data_body, description_of, each_vector

from edgehar.errors import FrameError
from edgehar.types import IMU_CHANNELS
from edgehar.wire.protocol import MAX_SAMPLES, Data, Description, decode, encode_data, encode_description


@each_vector("descriptions")
def test_a_golden_description_is_written_and_read(vector: dict[str, Any]) -> None:
    body = bytes.fromhex(vector["body"])

    assert body == struct.pack(
        "<B6sIBHBBBHB",
        0x11,
        bytes.fromhex(vector["device"]),
        *(vector[name] for name in ("period_us", "acc_range_g", "gyr_range_dps", "channel_bits")),
        *(vector[name] for name in ("battery", "flags", "firmware")),
        0,
    )
    assert encode_description(description_of(vector)) == body
    assert decode(body) == description_of(vector)


@each_vector("data")
def test_a_golden_data_packet_is_written_and_read(vector: dict[str, Any]) -> None:
    body = bytes.fromhex(vector["body"])
    counts = np.array(vector["counts"], np.int16).reshape(vector["samples"], 6)

    packed = struct.pack("<BHI", 0x10, vector["sequence"], vector["ticks_us"])
    assert body == packed + struct.pack(f"<{counts.size}h", *vector["counts"])
    assert encode_data(vector["sequence"], vector["ticks_us"], counts) == body
    item = decode(body)
    assert isinstance(item, Data)
    assert (item.sequence, item.ticks_us) == (vector["sequence"], vector["ticks_us"])
    np.testing.assert_array_equal(item.counts, counts)


@each_vector("malformed")
def test_a_golden_malformed_body_is_refused(vector: dict[str, Any]) -> None:
    with pytest.raises(FrameError):
        decode(bytes.fromhex(vector["body"]))


@each_vector("reserved_ignored")
def test_what_is_reserved_is_not_looked_at(vector: dict[str, Any]) -> None:
    item = decode(bytes.fromhex(vector["body"]))

    assert isinstance(item, Description)
    assert item.channels == IMU_CHANNELS
    assert item.battery is None
    assert item.has_clock


def test_the_readme_names_every_key_of_the_vectors() -> None:
    kinds = ("descriptions", "data", "commands", "answers", "sequences")
    keys = {key for kind in kinds for key in VECTORS[kind][0]} | set(VECTORS["sequences"][0]["steps"][0])
    assert [key for key in sorted(keys) if f"`{key}`" not in README] == []


@given(st.binary(max_size=260))
def test_no_body_makes_decode_raise_anything_but_a_frame_error(body: bytes) -> None:
    try:
        item = decode(body)
    except FrameError:
        return
    if isinstance(item, Data):
        assert encode_data(item.sequence, item.ticks_us, item.counts) == body


@given(
    st.builds(
        Description,
        device=st.binary(min_size=6, max_size=6).map(bytes.hex),
        period_us=st.integers(1, 10_000_000),
        acc_range_g=st.integers(1, 255),
        gyr_range_dps=st.integers(1, 65535),
        channels=st.sets(st.sampled_from(IMU_CHANNELS), min_size=1).map(
            lambda names: tuple(name for name in IMU_CHANNELS if name in names)
        ),
        battery=st.none() | st.integers(0, 100),
        has_clock=st.booleans(),
        firmware=st.tuples(st.integers(0, 255), st.integers(0, 255)),
    )
)
def test_any_description_comes_back(description: Description) -> None:
    body = encode_description(description)

    assert len(body) == 20
    assert decode(body) == description


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("device", "c0ffee"),
        ("period_us", 0),
        ("channels", ("gyr_x", "acc_x")),
        ("channels", ("mag_x",)),
        ("channels", ()),
        ("battery", 101),
        ("acc_range_g", 0),
        ("gyr_range_dps", 0),
    ],
)
def test_an_impossible_description_is_not_sent(field: str, value: object) -> None:
    fields: dict[str, Any] = {name: getattr(SENSOR, name) for name in SENSOR.__struct_fields__}

    with pytest.raises(ValueError, match=r"expected|full scale of 0"):
        encode_description(Description(**(fields | {field: value})))


@pytest.mark.parametrize("shape", [(0, 6), (MAX_SAMPLES + 1, 6), (1, 3), (6,)])
def test_counts_of_another_shape_are_not_sent(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="expected"):
        encode_data(0, 0, np.zeros(shape, np.int16))


@pytest.mark.parametrize(("mtu", "samples"), [(23, 1), (33, 1), (34, 2), (185, 14), (237, 18), (247, 19)])
def test_samples_per_mtu_are_as_in_the_readme(mtu: int, samples: int) -> None:
    assert len(data_body(0, samples=samples)) <= mtu - 3
    assert samples == MAX_SAMPLES or len(data_body(0, samples=samples + 1)) > mtu - 3
