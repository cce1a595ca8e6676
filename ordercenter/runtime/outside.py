"""A database and a broker that the user brings: looked at once, so that a wrong address becomes a sentence."""

import os
import socket
from urllib.parse import SplitResult, urlsplit

from .errors import RuntimeTrouble

OLDEST_POSTGRES = 150000
CONNECT_TIMEOUT_S = 5
_DATABASE_SCHEMES = frozenset({"postgres", "postgresql", "psql", "pgsql"})
_BROKER_PORTS = {"redis": 6379, "rediss": 6379, "amqp": 5672, "amqps": 5671}


def check_database() -> None:
    """RuntimeTrouble unless DATABASE_URL names a PostgreSQL that lets us in and is new enough."""
    import psycopg

    url = os.environ["DATABASE_URL"]
    parts = _split("DATABASE_URL", url, "postgres://user:password@host:5432/name")
    if parts.scheme not in _DATABASE_SCHEMES or not parts.path.strip("/"):
        raise RuntimeTrouble(
            f"DATABASE_URL is not the address of a PostgreSQL database ({_shown(parts)}): "
            "write it as postgres://user:password@host:5432/name. Other databases are not supported."
        )
    try:
        address = parts._replace(scheme="postgresql").geturl()
        with psycopg.connect(address, connect_timeout=CONNECT_TIMEOUT_S) as connection:
            version = connection.info.server_version
    except (psycopg.OperationalError, psycopg.ProgrammingError) as fault:
        reason = str(fault).strip().splitlines()[0]
        raise RuntimeTrouble(
            f"The database of DATABASE_URL ({_shown(parts)}) does not let us in: {reason}. "
            "Start it or correct DATABASE_URL; without DATABASE_URL the embedded PostgreSQL is used."
        ) from None
    if version < OLDEST_POSTGRES:
        raise RuntimeTrouble(
            f"The database of DATABASE_URL ({_shown(parts)}) is PostgreSQL {version // 10000}: 15 or newer is needed."
        )


def check_broker() -> None:
    """RuntimeTrouble unless BROKER_URL names a broker whose port answers."""
    parts = _split("BROKER_URL", os.environ["BROKER_URL"], "redis://:password@host:6379/0")
    if parts.scheme not in _BROKER_PORTS:
        raise RuntimeTrouble(
            f"BROKER_URL is not the address of a broker ({_shown(parts)}): write it as redis://:password@host:6379/0 "
            "or amqp://user:password@host:5672/name."
        )
    target = (parts.hostname or "localhost", parts.port or _BROKER_PORTS[parts.scheme])
    try:
        socket.create_connection(target, timeout=CONNECT_TIMEOUT_S).close()
    except OSError as fault:
        raise RuntimeTrouble(
            f"The broker of BROKER_URL ({_shown(parts)}) does not answer: {fault.strerror or fault}. "
            "Start it or correct BROKER_URL; without BROKER_URL the embedded Valkey is used."
        ) from None


def _split(name: str, url: str, example: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises for a port that is not a number
        return parts
    except ValueError as fault:
        raise RuntimeTrouble(f"{name} cannot be read ({fault}): write it as {example}.") from None


def _shown(parts: SplitResult) -> str:
    """The address without its password."""
    if not parts.hostname:
        return f"{parts.scheme or 'no scheme'}:{parts.path}"
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname}{port}{parts.path}"
