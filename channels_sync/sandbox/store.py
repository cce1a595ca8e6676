"""The sandbox's memory on disk: one SQLite file, one table of documents.

Every change of the world is one transaction, committed before the platform answers, so a kill -9 of the sandbox loses
nothing that anybody was told. `synchronous=OFF`: only a crash of the machine could, which a toy platform may.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path

from channels_sync.sandbox.trades import layout


class Store:
    """Documents by (kind, key). Not thread-safe: the world's lock guards it."""

    def __init__(self, path: Path | None):
        """path: the file, made when missing; None keeps everything in memory (tests)."""
        self._db = sqlite3.connect(path or ":memory:", check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=OFF")
        # A file written by an older layout cannot be read; a played platform starts afresh instead of guessing.
        version = int.from_bytes(hashlib.sha256(layout().encode()).digest()[:4], "big") & 0x7FFFFFFF
        if self._db.execute("PRAGMA user_version").fetchone()[0] != version:
            self._db.execute("DROP TABLE IF EXISTS document")
            self._db.execute(f"PRAGMA user_version={version}")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS document (kind TEXT, key TEXT, body TEXT NOT NULL, PRIMARY KEY (kind, key))"
            " WITHOUT ROWID"
        )

    def write(self, changes: Mapping[tuple[str, str], str | None]) -> None:
        """Write these documents (None: delete) in one transaction."""
        kept = [(kind, key, body) for (kind, key), body in changes.items() if body is not None]
        gone = [at for at, body in changes.items() if body is None]
        self._db.execute("BEGIN IMMEDIATE")
        try:
            if kept:
                self._db.executemany("INSERT OR REPLACE INTO document VALUES (?, ?, ?)", kept)
            if gone:
                self._db.executemany("DELETE FROM document WHERE kind = ? AND key = ?", gone)
        except sqlite3.Error:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def read(self, kind: str) -> Iterator[tuple[str, str]]:
        """All (key, body) of one kind, by key."""
        yield from self._db.execute("SELECT key, body FROM document WHERE kind = ? ORDER BY key", (kind,))

    def clear(self) -> None:
        self._db.execute("DELETE FROM document")

    def close(self) -> None:
        self._db.close()
