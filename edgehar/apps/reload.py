"""A running daemon asked over its broker to read its configuration again."""

import asyncio
import json
import secrets
from contextlib import suppress
from typing import Any

import msgspec

from edgehar.apps.retained import Listener, UnreachableError
from edgehar.config.schema import Config

ANSWER_S = 5.0
"""A daemon that has not answered within this time does not run, or reads other topics, s."""


async def ask_to_reload(config: Config) -> str:
    """Ask, and return what is wrong, in words; nothing if it has read the configuration again."""
    if config.mqtt is None:
        return "there is no [mqtt] to ask it by"
    root, transaction = f"{config.mqtt.prefix}/{config.gateway.id}", secrets.token_hex(8)
    try:
        async with Listener(config.mqtt) as listener, asyncio.timeout(ANSWER_S):
            await listener.listen([f"{root}/response/reload"])
            listener.publish(f"{root}/request/reload", json.dumps({"transaction": transaction}).encode())
            while True:
                answer = _decoded((await listener.next()).payload)
                if answer.get("transaction") == transaction:
                    return "" if answer.get("status") == "ok" else str(answer.get("error"))[:500]
    except UnreachableError as error:
        return str(error)
    except TimeoutError:
        return f"no daemon answers on {root}/response/reload"


def _decoded(payload: bytes) -> dict[str, Any]:
    with suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return msgspec.json.decode(payload, type=dict[str, Any])
    return {}
