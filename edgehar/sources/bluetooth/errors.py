"""Errors of Bluetooth, in one line that says what to do."""

import re

from bleak.exc import (
    BleakBluetoothNotAvailableError,
    BleakBluetoothNotAvailableReason as Reason,
    BleakCharacteristicNotFoundError,
    BleakDBusError,
    BleakError,
)
from dbus_fast.errors import AuthError, DBusError

from edgehar.errors import link_failure

BLUETOOTH_ERRORS = (BleakError, DBusError, AuthError, OSError, EOFError)
"""Raised by bleak when Bluetooth, its service, the bus or the device fails; time-outs are OSErrors."""

NO_SERVICE = (
    "the Bluetooth service does not run: sudo apt install bluez, then sudo systemctl enable --now bluetooth"
)
_IS_OFF = "Bluetooth is switched off: rfkill unblock bluetooth, then bluetoothctl power on"
_DENIED = "this user may not use Bluetooth: sudo usermod -aG bluetooth NAME, then log in again or restart the service"
_UNAVAILABLE = {
    Reason.NO_BLUETOOTH: "there is no Bluetooth adapter: plug one in, or enable the board's own",
    Reason.NO_BLE_CENTRAL_ROLE: "the Bluetooth adapter cannot do Low Energy as a central: use another one",
    Reason.POWERED_OFF: _IS_OFF,
    Reason.DENIED_BY_SYSTEM: _DENIED,
}
# The bus was asked to start bluetoothd and could not.
_SPAWN = "org.freedesktop.DBus.Error.Spawn."
_DBUS = {
    "org.freedesktop.DBus.Error.ServiceUnknown": NO_SERVICE,
    "org.freedesktop.DBus.Error.NameHasNoOwner": NO_SERVICE,
    "org.freedesktop.DBus.Error.Disconnected": NO_SERVICE,
    "org.freedesktop.DBus.Error.NoReply": NO_SERVICE,
    "org.freedesktop.DBus.Error.AccessDenied": _DENIED,
    "org.bluez.Error.NotReady": _IS_OFF,
}


def explain(error: Exception, doing: str) -> str:
    """Say what failed while `doing`, and what a person should do about it."""
    sentence = f"{doing}: {error}"
    match error:
        case BleakBluetoothNotAvailableError() if error.reason in _UNAVAILABLE:
            sentence = _UNAVAILABLE[error.reason]
        case BleakDBusError() if error.dbus_error in _DBUS:
            sentence = _DBUS[error.dbus_error]
        case BleakDBusError() if error.dbus_error.startswith(_SPAWN):
            sentence = NO_SERVICE
        case BleakDBusError() if error.dbus_error == "org.bluez.Error.NotPermitted":
            sentence = f"{doing}: it wants to be paired with: bluetoothctl pair, then its address"
        case BleakError() if adapter := re.fullmatch(r"adapter '(\w+)' not found", str(error)):
            sentence = (
                f"there is no Bluetooth adapter {adapter[1]}: `bluetoothctl list` shows which there are"
            )
        case BleakCharacteristicNotFoundError():
            sentence = (
                f"{doing}: it has no characteristic {error.char_specifier}; is its profile another one?"
            )
        case TimeoutError():
            sentence = f"{doing}: no answer in time"
        case OSError() | EOFError():
            sentence = f"the D-Bus system bus cannot be reached ({link_failure(error) or type(error).__name__}): does dbus run?"
    return sentence
