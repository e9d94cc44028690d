"""Sources for what the configuration says is worn, each loaded by who has one."""

import subprocess
import sys

import pytest
from configurations import EVERYTHING

from edgehar.config.read import parse
from edgehar.daemon.wiring import make_shared_links, make_sources
from edgehar.errors import ConfigError
from edgehar.sources.bluetooth.ble import Ble
from edgehar.types import Stream

ANOTHER = """
[[wearer]]
id = "ben"
[[wearer.ble]]
placement = "chest"
profile = "polar_h10"
"""


async def test_every_link_has_a_source_and_its_bodies_a_profile() -> None:
    parsed = parse(EVERYTHING)
    sources, streams, _ = make_sources(parsed.wearer[0], make_shared_links(parsed))
    assert streams == [
        Stream("chest", "edgehar"),
        Stream("wrist_left", "movella_dot"),
        Stream("trouser_pocket", "sensor_server"),
        Stream("waist", "sensor_logger"),
        Stream("knee_left", "sensor_logger"),
    ]
    assert [(source.link.damaged, source.link.battery) for source in sources] == [(0, None)] * 5
    assert all(10 <= source.link.silence_s <= 30 for source in sources)


async def test_all_wearers_share_the_adapter() -> None:
    parsed = parse(EVERYTHING + ANOTHER)
    shared = make_shared_links(parsed)
    sources = [source for wearer in parsed.wearer for source in make_sources(wearer, shared)[0]]
    radios = [source.radio for source in sources if isinstance(source, Ble)]
    assert radios == [shared.radio] * 2


async def test_what_one_wearer_names_no_other_may_take() -> None:
    address = ANOTHER + 'address = "d4:ca:6e:f1:00:01"\n'
    shared = make_shared_links(parse(EVERYTHING + address))
    assert shared.radio is not None
    assert (shared.radio.claimed_addresses, shared.radio.claimed_names) == ({"D4:CA:6E:F1:00:01"}, {"left"})


PHONES = """
[[wearer]]
id = "anna"
[[wearer.phone]]
placement = "waist"
listen = "[::1]:8000"
device = "a"
[[wearer.phone]]
placement = "wrist"
listen = "[0::1]:8000"
device = "b"
"""


def test_phones_that_post_to_one_address_share_its_server() -> None:
    config = parse(PHONES)
    shared = make_shared_links(config)
    make_sources(config.wearer[0], shared)
    assert len(shared.push_servers) == 1


def test_a_phone_of_a_wearer_who_is_not_recorded_is_not_looked_at() -> None:
    broker = '[mqtt]\nhost = "h"\nusername = "u"\npassword_file = "./absent"\n'
    anna, ben = '[[wearer]]\nid = "anna"\n', '[[wearer]]\nid = "ben"\n'
    serial = '[[wearer.serial]]\nplacement = "waist"\nport = "/dev/x"\n'
    phone = '[[wearer.phone]]\nplacement = "waist"\ntopic = "sensor-logger"\n'
    config = parse(broker + anna + serial + ben + phone)
    shared = make_shared_links(config)
    make_sources(config.wearer[0], shared)
    with pytest.raises(ConfigError, match=r"absent: cannot be read"):
        make_sources(config.wearer[1], shared)


LOADED = """
import sys
from edgehar.config.read import parse
from edgehar.daemon import wiring
parsed = parse(sys.argv[1])
wiring.make_sources(parsed.wearer[0], wiring.make_shared_links(parsed))
print(*sorted({"serial", "bleak", "aiohttp", "paho"} & set(sys.modules)))
"""


@pytest.mark.parametrize(
    ("table", "loaded"),
    [
        ('[wearer.simulator]\nplacements = ["wrist"]\n', ""),
        ('[[wearer.serial]]\nplacement = "wrist"\nport = "/dev/x"\n', "serial"),
        ('[[wearer.ble]]\nplacement = "wrist"\nprofile = "bangle"\n', "bleak"),
        ('[[wearer.phone]]\nplacement = "wrist"\nurl = "ws://x:1"\n', "aiohttp"),
    ],
)
def test_only_what_somebody_wears_is_loaded(table: str, loaded: str) -> None:
    text = f'[[wearer]]\nid = "a"\n{table}'
    done = subprocess.run([sys.executable, "-c", LOADED, text], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == loaded
