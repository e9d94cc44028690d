"""What pysparkplug makes of Sparkplug messages: a list of topics and payloads in hexadecimal in, JSON out.

Run by the Python of .venv-sparkplug. Of each message it tells every field that is there, by the schema that comes with the
library, and what its own classes, which know aliases from births, make of it.
"""

import json
import sys
from typing import Any

import pysparkplug
from pysparkplug import _protobuf as schema

KINDS = {
    "NBIRTH": pysparkplug.NBirth,
    "DBIRTH": pysparkplug.DBirth,
    "NDATA": pysparkplug.NData,
    "DDATA": pysparkplug.DData,
    "DDEATH": pysparkplug.DDeath,
    "NDEATH": pysparkplug.NDeath,
}


def fields(message: Any) -> dict[str, Any]:
    """Return what is set in a message of the schema."""
    return {
        field.name: [fields(each) for each in value] if field.name == "metrics" else value
        for field, value in message.ListFields()
    }


def main() -> None:
    """Read, decode, write; also a request for a rebirth, as the library writes it."""
    births: dict[str, Any] = {}
    read = []
    for topic, payload in json.load(sys.stdin):
        content = bytes.fromhex(payload)
        parsed = schema.Payload.FromString(content)
        kind, *who = topic.split("/")[2:]
        birth = births.get("/".join(who))
        message = KINDS[kind].decode(content, birth=birth)
        if kind in {"NBIRTH", "DBIRTH"}:
            births["/".join(who)] = message
        named = {
            metric.name: getattr(metric.value, "timestamp", lambda value=metric.value: value)()
            for metric in getattr(message, "metrics", ())
        }
        read.append(
            {
                "fields": fields(parsed),
                "again": parsed.SerializeToString(deterministic=True).hex(),
                "named": named,
            }
        )
    rebirth = pysparkplug.Metric(
        timestamp=1, name="Node Control/Rebirth", datatype=pysparkplug.DataType.BOOLEAN, value=True
    )
    command = pysparkplug.NCmd(timestamp=1, metrics=(rebirth,)).encode(include_dtypes=True)
    json.dump({"read": read, "rebirth": command.hex()}, sys.stdout)


main()
