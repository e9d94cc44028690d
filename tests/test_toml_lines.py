"""Lines of a TOML text, by path."""

import pytest

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
