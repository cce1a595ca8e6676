"""Files of strangers, read by a process of their own: rows come as they are read, limits end what goes too far."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO, Any

from django.utils.translation import gettext_lazy as _

from ordercenter.common import table_reader
from ordercenter.common.errors import OrderCenterError

_LONGEST_LINE = 2 * 1024 * 1024


class TableBroken(OrderCenterError):
    """The file cannot be read. problem: encoding, no_text, row, rows, columns, unpacked, workbook, memory or time."""

    code = "common.table_broken"
    title = _("The file is no table that can be read.")
    hint = _("Save it as CSV or XLSX with the program that made it, with fewer rows if it is very long.")
    status = 400

    def __init__(self, *, problem: str, detail: str = ""):
        super().__init__(f"{problem}: {detail}" if detail else problem)
        self.problem, self.detail = problem, detail


@dataclass(frozen=True)
class ReadingLimits:
    """What the reading process may use. unpacked: bytes of all parts of a workbook; memory: bytes; times in seconds."""

    rows: int = 200_000
    columns: int = 500
    unpacked: int = 512 * 1024 * 1024
    memory: int = 768 * 1024 * 1024
    cpu_s: int = 60
    wall_s: float = 120.0


@dataclass
class OpenedTable:
    """A file that is being read. how: form, and encoding and delimiter or the sheet's name. rows: (number, cells)."""

    how: Mapping[str, str] = field(default_factory=dict)
    rows: Iterator[tuple[int, list[str]]] = iter(())


@contextmanager
def opened_table(
    pieces: Iterable[bytes], *, encoding: str = "", delimiter: str = "", limits: ReadingLimits | None = None
) -> Iterator[OpenedTable]:
    """The rows of a CSV file or workbook, one after the other, empty ones left out.

    pieces: the file, in order. encoding and delimiter: of `table_reader`, empty: found out. Raises TableBroken, also
    while rows are taken. The file lies in memory only, and the process ends with the block.
    """
    limits = limits or ReadingLimits()
    settings = {
        "encoding": encoding,
        "delimiter": delimiter,
        "most_rows": limits.rows,
        "most_columns": limits.columns,
        "most_unpacked": limits.unpacked,
        "memory": limits.memory,
        "cpu_s": limits.cpu_s,
    }
    with _in_memory(pieces) as file:
        # Isolated (-I): neither the environment nor the folder decides what it imports.
        process = subprocess.Popen(
            [sys.executable, "-I", "-X", "utf8", table_reader.__file__, json.dumps(settings)],
            stdin=file,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            close_fds=True,
        )
        is_late = threading.Event()

        def end() -> None:
            is_late.set()
            process.kill()

        clock = threading.Timer(limits.wall_s, end)
        clock.daemon = True
        clock.start()
        try:
            assert process.stdout is not None
            yield _opened(process.stdout, is_late)
        finally:
            clock.cancel()
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()


@contextmanager
def _in_memory(pieces: Iterable[bytes]) -> Iterator[IO[bytes]]:
    """The file where a process can seek in it; never on the disk, where personal data would outlive it."""
    with os.fdopen(os.memfd_create("table"), "w+b") as file:
        for piece in pieces:
            file.write(piece)
        file.seek(0)
        yield file


def _opened(said: IO[bytes], is_late: threading.Event) -> OpenedTable:
    first = _next(said, is_late)
    if not isinstance(first, dict):
        raise TableBroken(problem="workbook", detail="no beginning")
    return OpenedTable(first, _rows(said, is_late))


def _rows(said: IO[bytes], is_late: threading.Event) -> Iterator[tuple[int, list[str]]]:
    while True:
        told = _next(said, is_late)
        if isinstance(told, dict):
            return
        yield told[0], told[1]


def _next(said: IO[bytes], is_late: threading.Event) -> Any:
    line = said.readline(_LONGEST_LINE)
    if not line.endswith(b"\n"):
        # Ended in the middle: by its limits of memory or time, or by ours.
        raise TableBroken(problem="time" if is_late.is_set() else "memory", detail="the reader was ended")
    told = json.loads(line)
    if isinstance(told, dict) and "problem" in told:
        raise TableBroken(problem=told["problem"], detail=told["detail"])
    return told
