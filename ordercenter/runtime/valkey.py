"""The embedded broker: a Valkey server with an append-only file, on loopback, with a password."""

import socket
from pathlib import Path

from .binaries import valkey_server
from .children import ChildSpec
from .data_folder import DataFolder
from .postgres import HOST
from .secret_store import write_private


def broker_url(port: int, password: str) -> str:
    """BROKER_URL of the embedded broker on that port; holds the password."""
    return f"redis://:{password}@{HOST}:{port}/0"


def valkey_child(folder: DataFolder, *, port: int, password: str) -> ChildSpec:
    """The broker as a child of the supervisor. What was queued is still there after kill -9 (at most the last second
    is lost, and the database rings again for that).
    """
    configuration = folder.run / "valkey.conf"
    # In a file, because a command line can be read by everybody on the machine.
    write_private(configuration, _configuration(folder.valkey, port, password))
    return ChildSpec(
        name="valkey",
        command=(str(valkey_server()), str(configuration)),
        announces=False,
        ready=lambda: answers(port, password),
        # It speaks of kernel settings that only matter for what we do not use.
        talkative=False,
    )


def _configuration(data: Path, port: int, password: str) -> str:
    lines = [
        f"bind {HOST}",
        f"port {port}",
        f"requirepass {password}",
        f'dir "{data}"',
        "appendonly yes",
        "appendfsync everysec",
        "maxmemory-policy noeviction",
        'save ""',
        "daemonize no",
        "loglevel warning",
    ]
    return "\n".join(lines) + "\n"


def answers(port: int, password: str) -> bool:
    """Whether the broker on this port lets us in and has loaded its data."""
    try:
        with socket.create_connection((HOST, port), timeout=1) as connection:
            connection.sendall(f"AUTH {password}\r\nPING\r\n".encode())
            said = b""
            while said.count(b"\r\n") < 2:
                part = connection.recv(256)
                if not part:
                    return False
                said += part
            return said == b"+OK\r\n+PONG\r\n"
    except OSError:
        return False
