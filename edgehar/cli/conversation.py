"""The questions of `edgehar init`, in their order, and what is tried meanwhile."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from edgehar.cli.questions import Questions, say
from edgehar.cli.terminal import answer_of
from edgehar.errors import ConfigError, EdgeharError, SourceLostError, one_line
from edgehar.sources.addresses import DEFAULT_BAUD
from edgehar.validation import shown

if TYPE_CHECKING:
    from edgehar.apps.first_run import BrokerAnswer, Placements
    from edgehar.config.first import First
    from edgehar.config.schema import Mqtt

SKIP, NONE = "skip", "none"
"""Answers: the broker is left untried; no sensor, or no more of them."""


class Given(Struct):
    """Answers that the command line has, so that nobody has to be asked."""

    broker: str | None
    ca_file: Path | None
    username: str | None
    password_file: Path | None
    gateway: str | None
    home_assistant: bool | None
    wearer: str | None
    sensors: Sequence[str]
    simulate: str | None
    adapter: str | None
    is_tried: bool
    """The broker is tried, and what was written is run; false also once somebody leaves the broker untried."""

    def check(self) -> None:
        """Refuse what contradicts itself by a ConfigError."""
        if self.simulate and self.sensors:
            raise ConfigError(
                "--simulate and --sensor: a wearer is simulated or wears sensors; give one of them"
            )
        if self.password_file and self.username is None:
            raise ConfigError("--password-file: whose password is it? give the account with --username")


class Conversation:
    """One run through the questions."""

    def __init__(self, questions: Questions, given: Given) -> None:
        self._questions, self._given = questions, given

    def hold(self, path: Path) -> "tuple[First, str | None]":
        """Return the answers, and the broker's password if one was typed; EdgeharError if nobody answers.

        `path` is that of the configuration to be.
        """
        from edgehar.apps.first_run import Placements, wearer_name
        from edgehar.config import credentials
        from edgehar.config.first import PASSWORD_NAME, First
        from edgehar.config.schema import Gateway

        ask, given, placements = self._questions.ask, self._given, Placements()
        # Refused before anything is tried.
        simulated = placements.check(given.simulate or "wrist", [])
        gateway = self._gateway(Gateway().id)
        question = "Is there a Home Assistant, to show the wearers as devices?"
        has_home_assistant = self._questions.confirm(question, given=given.home_assistant)
        broker, password, gateway = self._broker(gateway, has_home_assistant=has_home_assistant)
        secret = credentials.file_of(PASSWORD_NAME, path)
        if password or broker.password_file == str(secret):
            is_beside = secret.parent == path.absolute().parent
            broker = replace(broker, password_file=f"./{PASSWORD_NAME}" if is_beside else PASSWORD_NAME)
        wearer = ask("Pseudonym of who wears the sensors", wearer_name, "wearer", given.wearer)
        first = First(
            gateway=gateway,
            mqtt=broker,
            wearer=wearer,
            sensors=self._sensors(placements),
            simulated=simulated,
            has_home_assistant=has_home_assistant,
            adapter=given.adapter,
        )
        return first, password

    def _gateway(self, default: str) -> str:
        from edgehar.apps.first_run import gateway_name

        return self._questions.ask("Name of this gateway", gateway_name, default, self._given.gateway)

    def _broker(self, gateway: str, *, has_home_assistant: bool) -> "tuple[Mqtt, str | None, str]":
        """Return a broker that does all that is wanted of it, a password that was typed, and the gateway's name there."""
        from edgehar.apps.first_run import try_broker

        given, password = self._given, None
        broker = self._questions.ask("MQTT broker", self._read_broker, "localhost", given.broker)
        while given.is_tried:
            say(f"tries {broker.host}:{broker.port} ...")
            answer = answer_of(try_broker(broker, password, gateway, has_home_assistant=has_home_assistant))
            if not answer.failures:
                say("  it takes what is published and passes it on")
                return broker, password, self._free_name(broker, password, gateway)
            self._complain(answer)
            if answer.wants_account:
                broker, password = self._account(broker)
            elif (other := self._other_broker(broker)) is None:
                given.is_tried = False
            elif other != broker:
                broker, password = other, None
        return broker, password, gateway

    def _other_broker(self, broker: "Mqtt") -> "Mqtt | None":
        """Return the broker that is to be tried next, which may be the same; None for none."""
        from edgehar.apps.first_run import address_of

        same = address_of(broker)

        def read(text: str) -> "Mqtt | None":
            return None if text == SKIP else broker if text == same else self._read_broker(text)

        return self._questions.ask(
            f"MQTT broker, the same to try it again, or {SKIP} to go on untried", read, same
        )

    def _read_broker(self, text: str) -> "Mqtt":
        from edgehar.apps.first_run import broker_at
        from edgehar.config.schema import Tls

        given, broker = self._given, broker_at(text)
        if given.ca_file:
            broker = replace(broker, tls=Tls(ca_file=str(given.ca_file.absolute())))
        secret = given.password_file and str(given.password_file.absolute())
        return replace(broker, username=given.username, password_file=secret)

    def _complain(self, answer: "BrokerAnswer") -> None:
        """Say what the broker does not do; EdgeharError where nobody can be asked about it."""
        # No file has a user name yet.
        account = (
            "give its account by --username and --password-file"
            if self._questions.takes_defaults
            else "it wants a user name and a password that it knows"
        )
        lines = [
            f"{row['stage']}: {row['says']}; {account if answer.wants_account else row['fix']}"
            for row in answer.failures
        ]
        if self._questions.takes_defaults:
            mend = "nothing was written; --no-proof writes it without trying the broker"
            raise EdgeharError(f"the broker fails at {lines[0]}; {mend}")
        for line in lines:
            say(f"  {one_line(line)}")

    def _account(self, broker: "Mqtt") -> "tuple[Mqtt, str]":
        name = self._questions.ask("User name at the broker", _check_user, broker.username)
        return replace(broker, username=name, password_file=None), self._questions.secret("Password")

    def _free_name(self, broker: "Mqtt", password: str | None, gateway: str) -> str:
        """Return a name that no gateway at this broker has that runs; EdgeharError where nobody can be asked."""
        from edgehar.apps.first_run import is_running

        while answer_of(is_running(broker, password, gateway)):
            taken = f"a gateway called {gateway} runs at this broker already: stop it, or choose another name"
            if self._questions.takes_defaults or self._given.gateway:
                raise EdgeharError(f"{taken} with --gateway; nothing was written")
            say(f"  {taken}")
            gateway = self._gateway(gateway)
        return gateway

    def _sensors(self, placements: "Placements") -> list[dict[str, Any]]:
        """Return the sensors as the configuration has them; none: the wearer is to be simulated."""
        worn = list[dict[str, Any]]()
        for text in self._given.sensors:
            target, _, placement = text.rpartition("=")
            if not target:
                raise ConfigError(
                    f"--sensor: expected ADDRESS=PLACEMENT or PORT=PLACEMENT, got {shown(text)}"
                )
            placements.check(placement, [each["placement"] for each in worn])
            worn.append({"placement": placement, **self._entry_of(target)})
        if worn or self._given.simulate or self._questions.takes_defaults:
            return worn
        around = self._around()
        while entry := self._choose(around, worn):
            taken = [each["placement"] for each in worn]
            say(f"  places: {', '.join(placements.names)}")
            check = partial(placements.check, taken=taken)
            placement = self._questions.ask("Where is it worn", check, placements.first_free(taken))
            worn.append({"placement": placement, **entry})
        return worn

    def _around(self) -> list[dict[str, Any]]:
        """Print what is in reach, and return it."""
        from edgehar.apps.first_run import SCAN_S, sensors_around, usb_ports

        say(f"looks for sensors, for {SCAN_S:g} s ...")
        around, nothing = (
            usb_ports(),
            "none is in reach: is it charged, on, near, and not connected to another device?",
        )
        try:
            around += answer_of(sensors_around(self._given.adapter))
        except SourceLostError as error:
            say(f"  {error}")
            nothing = "no serial port of a USB device either"
        for number, sensor in enumerate(around, 1):
            say(f"  {number}  {one_line(sensor['what'])}")
        if not around:
            say(f"  {nothing}")
        return around

    def _choose(
        self, around: Sequence[dict[str, Any]], worn: Sequence[dict[str, Any]]
    ) -> dict[str, Any] | None:
        """Return the entry of a sensor, None for none or no more."""

        def choose(text: str) -> dict[str, Any] | None:
            if text == NONE:
                return None
            if text.isdecimal() and not 1 <= int(text) <= len(around):
                raise ConfigError(f"expected a number of the list, an address, or {NONE}, got {shown(text)}")
            entry: dict[str, Any] = (
                around[int(text) - 1]["entry"] if text.isdecimal() else self._entry_of(text)
            )
            if any(entry.items() <= each.items() for each in worn):
                raise ConfigError("this one is worn already; choose another one")
            return entry

        if worn:
            return self._questions.ask(
                f"Another sensor: its number, address or port, or {NONE}", choose, NONE
            )
        question = f"Sensor: its number, Bluetooth address or port, or {NONE} to simulate a wearer"
        return self._questions.ask(question, choose, "1" if around else NONE)

    def _entry_of(self, target: str) -> dict[str, Any]:
        from edgehar.apps.targets import entry_of

        if "/" not in target:
            say(f"  looks for {one_line(target)} ...")
        return {**answer_of(entry_of(target, None, self._given.adapter, DEFAULT_BAUD))}


def _check_user(text: str) -> str:
    from edgehar.brokers.mqtt_text import check_mqtt_text

    check_mqtt_text(text)
    return text
