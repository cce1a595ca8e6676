"""Telling a database in trouble from work that the database refuses: the one is waited for, the other is set aside."""

from __future__ import annotations

from django.db import InterfaceError, OperationalError, connection

# SQLSTATE classes: connection, out of disk, memory or connections, shut down or starting up, damaged files.
_ITS_OWN_TROUBLE = ("08", "53", "57P", "58")


def database_is_away(error: BaseException) -> bool:
    """Whether this error is about the database itself, so that the same work would go through once it is well again.

    A deadlock, a statement that ran too long or a value that is too large for an index also come as OperationalError:
    they are about the work.
    """
    if not isinstance(error, OperationalError | InterfaceError):
        return False
    state = getattr(error.__cause__, "sqlstate", None)
    if state is not None:
        return str(state).startswith(_ITS_OWN_TROUBLE)
    # Without a state nobody answered, or the driver was used in a wrong way on a connection that is fine.
    ours = connection.connection
    return ours is None or ours.closed
