"""Lines of a TOML text, by path."""

import tomllib

import pytest

from edgehar.config.read import leaves
from edgehar.config.toml_lines import line_of

TEXT = """\
[gateway]            # 1
id = "pi"

[[wearer]]           # 4
id = "anna"
[[wearer.serial]]    # 6
placement = "wrist"
port = "/dev/ttyACM0"
[[wearer.serial]]    # 9
placement = "chest"
# a remark

[[wearer]]           # 13
id = "ben"
[wearer.replay]      # 15
path = "x.ehr"

[mqtt]               # 18
host = "localhost"
[mqtt.tls]           # 20
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("gateway.id", 2),
        ("wearer[0]", 4),
        ("wearer[0].serial[1]", 9),
        ("wearer[0].serial[1].placement", 10),
        ("wearer[1].replay.path", 16),
        ("mqtt.tls", 20),
        ("wearer[1].serial[0]", None),
        ("wearer[2]", None),
        ("host", None),
    ],
)
def test_a_path_has_a_line(path: str, line: int | None) -> None:
    assert line_of(path, TEXT) == line


UNUSUAL = """\
mqtt.host = \"\"\"x [[no]]
# = no remark\"\"\"\"\"
mqtt . "port" = 1     # a = remark
[ "gateway" ]
"id" = 'a#[b\\'
[[wearer]]
serial = [ {placement = "x", "port" = "y \\" }"}, # 7 = 8
  # a remark
  { "a.b" = 2020-01-01 10:00:00, z = [[1, 2.5],
    [3e1]], last = { x.y = -inf } },
]
[wearer . 'simulator']
a = 1
[[wearer]]
[[wearer.ble]]
[[wearer.ble]]
c = 1
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("mqtt", 1),
        ("mqtt.port", 3),
        ("gateway.id", 5),
        ("wearer[0].serial[0].port", 7),
        ("wearer[0].serial[1]", 9),
        ("wearer[0].serial[1].a.b", 9),
        ("wearer[0].serial[1].z[1]", 10),
        ("wearer[0].serial[1].last.x.y", 10),
        ("wearer[0].simulator.a", 13),
        ("wearer[1].ble[1].c", 17),
    ],
)
def test_keys_in_quotes_with_dots_and_in_braces_have_a_line(path: str, line: int) -> None:
    assert line_of(path, UNUSUAL) == line


@pytest.mark.parametrize(
    "text", [TEXT, UNUSUAL, UNUSUAL.replace("\n", "\r\n")], ids=["usual", "unusual", "CRLF"]
)
def test_every_key_that_a_parser_reads_has_a_line(text: str) -> None:
    paths = [path for path, _ in leaves(tomllib.loads(text))]
    assert len(paths) >= 6
    assert [path for path in paths if line_of(path, text) is None] == []
