"""Faults of a simulated sensor: what comes, in counts, and what is refused."""

from collections.abc import Iterator

import numpy as np
import pytest

from edgehar.config.read import parse
from edgehar.errors import ConfigError
from edgehar.sources.simulated.faults import Faults, inject
from edgehar.sources.simulated.misfits import Misfits, parse_misfits
from edgehar.types import STANDARD_GRAVITY, Item
from edgehar.wire.protocol import Data, Description, decode, encode_data, encode_description

COUNTS = np.array([100, 200, 2048, 10, 20, 30], np.int16)


def ideal(packets: int = 50) -> Iterator[Item]:
    yield 0.0, 0, encode_description(Description("0" * 12, 20_000, 16, 2000))
    for i in range(packets):
        yield i * 0.2, 0, encode_data(i, i * 200_000, np.tile(COUNTS, (10, 1)))


def read(misfits: Misfits) -> np.ndarray:
    items = [decode(body) for _, _, body in inject(Faults(misfits=misfits), ideal())]
    return np.concatenate([item.counts for item in items if isinstance(item, Data)])


@pytest.mark.parametrize(
    ("misfits", "counts"),
    [
        (Misfits(swap=("acc_x", "acc_z")), [2048, 200, 100, 10, 20, 30]),
        (Misfits(mirror=["acc_y", "gyr_z"]), [100, -200, 2048, 10, 20, -30]),
        (Misfits(upside_down=True), [-100, -200, 2048, -10, -20, 30]),
        (Misfits(acc_factor=10), [1000, 2000, 20480, 10, 20, 30]),
        (Misfits(acc_factor=100, gyr_factor=100), [10000, 20000, 32767, 1000, 2000, 3000]),
        (Misfits(acc_range_g=0.5), [100, 200, 1024, 10, 20, 30]),
        (Misfits(gyr_bias=np.deg2rad(2000) / 32.768), [100, 200, 2048, 10, 20, 1030]),
    ],
    ids=str,
)
def test_counts_are_as_the_fault_says(misfits: Misfits, counts: list[int]) -> None:
    assert read(misfits)[-1].tolist() == counts


def test_taken_off_it_lies_on_a_table_and_put_on_it_is_worn() -> None:
    x = read(Misfits(put_on_s=4.0, taken_off_s=6.0)) * (16 * STANDARD_GRAVITY / 32768)
    by_hand, worn, off = x[:200], x[200:300], x[300:]
    assert np.linalg.norm(by_hand[:, :3], axis=1) == pytest.approx(STANDARD_GRAVITY, abs=0.2)
    assert np.ptp(by_hand[:, :3], axis=0).min() > 4
    assert np.ptp(worn, axis=0).max() == 0
    assert off[:, :3].mean(axis=0) == pytest.approx([0, 0, STANDARD_GRAVITY], abs=0.02)


def test_the_options_of_the_command_line_are_the_keys_of_the_file() -> None:
    options = ["swap=acc_x,acc_y", "gyr_bias=0.1", "upside_down=true", "taken_off_s=60", "stuck=gyr_x"]
    text = """
    [[wearer]]
    id = "a"
    [wearer.simulator]
    placements = ["wrist"]
    [wearer.simulator.misfits]
    swap = ["acc_x", "acc_y"]
    gyr_bias = 0.1
    upside_down = true
    taken_off_s = 60
    stuck = ["gyr_x"]
    """
    simulator = parse(text).wearer[0].simulator
    assert simulator is not None
    assert parse_misfits(options) == simulator.misfits


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["swop=acc_x,acc_y"], 'called "swop"; did you mean `swap`'),
        (["mirror=acc_q"], 'no axis is called "acc_q"'),
        (["acc_factor=many"], "acc_factor: expected"),
        (["acc_factor=0"], "acc_factor: expected"),
        (["swap=acc_x"], "swap"),
        (["swap=acc_x,acc_x"], "swap: expected two axes, got acc_x twice"),
    ],
)
def test_what_is_no_fault_is_refused(options: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_misfits(options)
