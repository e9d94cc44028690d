"""The air without a radio: a controller that the kernel takes for an adapter, and sensors around it."""

import asyncio
import random
from typing import Any

import numpy as np
from bumble import hci, ll
from bumble.controller import Controller
from bumble.core import UUID, AdvertisingData, PhysicalTransport
from bumble.device import Device
from bumble.gatt import Characteristic, Service
from bumble.host import Host
from bumble.link import LocalLink
from bumble.profiles.battery_service import BatteryService
from bumble.transport import open_transport
from bumble.transport.common import AsyncPipeSink

from edgehar.devices.profile import NORDIC_UART, NORDIC_UART_NOTIFY, NORDIC_UART_WRITE
from edgehar.wire.protocol import Description, encode_data, encode_description

PACKET_S = 0.2
"""Span of a packet, s: ten samples at 50 Hz."""

_SAMPLES = 10
_PERIOD_US = 20_000
_DESCRIBE_EVERY = 5  # packets: once a second
_SUPERVISION_S = 0.42  # what the kernel asks of a link by default
_ADVERTISE_MS = 100
# The kernel would wait for events of theirs that bumble never sends.
_UNKNOWN = hci.LeFeatureMask.LL_PRIVACY | hci.LeFeatureMask.LE_EXTENDED_ADVERTISING


def _advertised(kind: int, payload: bytes) -> bytes:
    flags = (AdvertisingData.FLAGS, bytes([0x06]))  # discoverable, Low Energy alone
    return bytes(AdvertisingData([flags, (kind, payload)]))


class Air(LocalLink):  # type: ignore[misc]  # bumble may not be installed
    """The air between the controllers."""

    def send_acl_data(
        self, sender: Controller, receiver: hci.Address, transport: PhysicalTransport, pdu: bytes
    ) -> None:
        """Keep the address that a link was made under; the kernel takes a new one whenever it scans."""
        peer = self.find_le_controller(receiver)
        link = sender.le_connections.get(receiver)
        if peer is not None and link is not None:
            asyncio.get_running_loop().call_soon(peer.on_link_acl_data, link.self_address, transport, pdu)


class Adapter(Controller):  # type: ignore[misc]  # bumble may not be installed
    """The controller behind /dev/vhci. It does what the kernel relies on and bumble leaves out.

    It has no address of its own: the kernel gives it a random one, and the air knows no other.
    """

    is_weak = False
    """It hears who is around and reaches nobody."""
    pending_le_connection: Any

    async def plug_in(self) -> None:
        """Become an adapter of the kernel."""
        self.le_features &= ~_UNKNOWN
        self._transport = await open_transport("vhci")
        self._transport.source.set_packet_sink(self)
        self.host = self._transport.sink

    async def unplug(self) -> None:
        """Be gone, with all links."""
        self.on_hci_reset_command(hci.HCI_Reset_Command())
        await self._transport.close()

    def on_advertising_pdu(self, pdu: ll.AdvInd) -> None:
        address = pdu.advertiser_address
        kind = hci.HCI_LE_Advertising_Report_Event.EventType
        if self.le_scan_enable:
            self._report(kind.ADV_IND, address, pdu.data)
        if (
            self.le_scan_enable
            and self.le_scan_type == 1
            and (sender := self.link.find_le_controller(address))
        ):
            self._report(kind.SCAN_RSP, address, sender.le_legacy_advertiser.scan_response_data)
        if (
            not self.is_weak
            and self.pending_le_connection
            and self.pending_le_connection.peer_address == address
        ):
            self.create_le_connection(address)

    def _report(self, kind: int, address: hci.Address, payload: bytes) -> None:
        report = hci.HCI_LE_Advertising_Report_Event.Report(
            event_type=kind, address_type=address.address_type, address=address, data=payload, rssi=-50
        )
        self.send_hci_packet(hci.HCI_LE_Advertising_Report_Event([report]))

    def on_hci_le_set_scan_parameters_command(self, command: hci.HCI_Command) -> hci.HCI_ReturnParameters:
        self.le_scan_type = command.le_scan_type
        return super().on_hci_le_set_scan_parameters_command(command)

    def on_hci_le_create_connection_cancel_command(
        self, command: hci.HCI_Command
    ) -> hci.HCI_ReturnParameters:
        """End the cancelled attempt too, with an event of its own."""
        if pending := self.pending_le_connection:
            self.pending_le_connection = None
            ended = hci.HCI_LE_Connection_Complete_Event(
                status=hci.HCI_ErrorCode.UNKNOWN_CONNECTION_IDENTIFIER_ERROR,
                connection_handle=0,
                role=hci.Role.CENTRAL,
                peer_address_type=pending.peer_address_type,
                peer_address=pending.peer_address,
                connection_interval=0,
                peripheral_latency=0,
                supervision_timeout=0,
                central_clock_accuracy=0,
            )
            asyncio.get_running_loop().call_soon(self.send_hci_packet, ended)
        return super().on_hci_le_create_connection_cancel_command(command)

    def on_hci_reset_command(self, command: hci.HCI_Command) -> hci.HCI_ReturnParameters:
        """Forget everything, as a reset does; the other ends of its links see them time out."""
        self.le_scan_enable = False
        self.pending_le_connection = None
        for link in self.le_connections.values():
            link.send_ll_control_pdu(ll.TerminateInd(hci.HCI_ErrorCode.CONNECTION_TIMEOUT_ERROR))
        self.le_connections.clear()
        return super().on_hci_reset_command(command)


class Stranger:
    """A device that nobody waits for: it has a name and a battery."""

    def __init__(self, air: Air, name: str, address: str, battery: int = 100) -> None:
        self.name = name
        self.address = address
        self._is_on = True
        self._controller = Controller(name, link=air)
        self._controller.le_features &= ~_UNKNOWN
        host = Host(self._controller, AsyncPipeSink(self._controller))
        self._device = Device(name, hci.Address(address), host=host)
        self._device.scan_response_data = _advertised(AdvertisingData.COMPLETE_LOCAL_NAME, name.encode())
        self._device.add_service(BatteryService(lambda _: battery))

    @property
    def is_linked(self) -> bool:
        """True while it has a link, as far as it knows."""
        return bool(self._controller.le_connections)

    async def live(self) -> None:
        """Advertise while there is no link."""
        await self._device.power_on()
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            if self._is_on and not self.is_linked and not self._device.is_advertising:
                await self._device.start_advertising(
                    advertising_interval_min=_ADVERTISE_MS, advertising_interval_max=_ADVERTISE_MS
                )
            await self.pass_packet()
            due += PACKET_S
            await asyncio.sleep(due - loop.time())

    async def pass_packet(self) -> None:
        """Do what is to be done every PACKET_S."""


class Sensor(Stranger):
    """A sensor with edgehar's wire format behind Nordic's UART service."""

    def __init__(self, air: Air, name: str, address: str, battery: int) -> None:
        super().__init__(air, name, address, battery)
        self.sequence = -1
        """Sequence of the packet measured last."""
        self.packets: dict[int, bytes] = {}
        """Packets that it measured, heard or not: sequence to body."""
        self.is_mute = False
        """Stays connected and sends nothing."""
        self._air = air
        self._has_new_listener = False
        self._random = random.Random(address)
        self._description = encode_description(
            Description(address.replace(":", "").lower(), _PERIOD_US, 16, 2000, firmware=(1, 0))
        )
        self._to_gateway = Characteristic(
            NORDIC_UART_NOTIFY, Characteristic.Properties.NOTIFY, Characteristic.READABLE
        )
        self._to_gateway.on(self._to_gateway.EVENT_SUBSCRIPTION, self._note_listener)
        from_gateway = Characteristic(
            NORDIC_UART_WRITE, Characteristic.Properties.WRITE, Characteristic.WRITEABLE
        )
        self._device.add_service(Service(NORDIC_UART, [self._to_gateway, from_gateway]))
        self._device.advertising_data = _advertised(
            AdvertisingData.COMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS, bytes(UUID(NORDIC_UART))
        )

    async def pass_packet(self) -> None:
        """Measure, and send it if anybody listens; a new listener is told first what it is."""
        self.sequence += 1
        body = self._measure(self.sequence)
        if self.is_mute:
            return
        if self._has_new_listener or self.sequence % _DESCRIBE_EVERY == 0:
            self._has_new_listener = False
            await self._send(self._description)
        await self._send(body)

    def _note_listener(self, *_: object) -> None:
        self._has_new_listener = True

    def _measure(self, sequence: int) -> bytes:
        noise = self._random.randbytes(_SAMPLES * 6 * 2)
        body = encode_data(
            sequence, sequence * _SAMPLES * _PERIOD_US, np.frombuffer(noise, "<i2").reshape(-1, 6)
        )
        self.packets[sequence] = body
        return body

    async def _send(self, body: bytes) -> None:
        await self._device.notify_subscribers(self._to_gateway, body)

    async def hang_up(self) -> None:
        """End the link politely."""
        for connection in list(self._device.connections.values()):
            await connection.disconnect()

    async def lose_power(self) -> None:
        """Fall silent without a word: the other end sees its link time out."""
        self._is_on = False
        if self._device.is_advertising:
            await self._device.stop_advertising()
        timeout = hci.HCI_ErrorCode.CONNECTION_TIMEOUT_ERROR
        links = list(self._controller.le_connections.values())
        for link in links:
            self._controller.on_le_disconnected(link, timeout)
        await asyncio.sleep(_SUPERVISION_S)
        for link in links:
            peer = self._air.find_le_controller(link.peer_address)
            peer.on_le_disconnected(peer.le_connections[link.self_address], timeout)

    def get_power(self) -> None:
        """Advertise again."""
        self._is_on = True
