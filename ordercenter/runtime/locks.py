"""File locks that the kernel frees when their holder dies, so that nothing has to be cleaned up after kill -9."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class FileLock:
    """One flock on one file. The lock belongs to the open file: a child that inherits it keeps it held."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd: int | None = None

    @property
    def held(self) -> bool:
        return self._fd is not None

    def fileno(self) -> int:
        """The descriptor to hand to children that shall keep the lock held; ValueError when the lock is not held."""
        if self._fd is None:
            raise ValueError(f"{self.path} is not locked")
        return self._fd

    def take(self, *, shared: bool = False, wait: bool = True) -> bool:
        """Take the lock, or change its kind; False when it is held elsewhere and wait is false."""
        if self._fd is None:
            self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        try:
            fcntl.flock(self._fd, kind if wait else kind | fcntl.LOCK_NB)
        except BlockingIOError:
            self.drop()
            return False
        return True

    def drop(self) -> None:
        """Let go of our share; children that inherited the open file keep theirs."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock on this file alone, for a short critical section."""
    lock = FileLock(path)
    lock.take()
    try:
        yield
    finally:
        lock.drop()
