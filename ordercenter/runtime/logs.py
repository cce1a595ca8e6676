"""Logs of the children: written by each child to its own file, shown here line by line with its name in front.

The children write to files, not to pipes of ours, so that they go on undisturbed when we are killed.
"""

import os
import re
import shutil
import sys
import time
from pathlib import Path

ROTATE_BYTES = 20_000_000
SHOWN_COLUMNS = 200
NAME_WIDTH = 9
# Lines of our own logging begin with the time, which we print anyway.
_TIME_IN_FRONT = re.compile(r"^\d\d-\d\d \d\d:\d\d:\d\d ")


def say(name: str, text: str) -> None:
    """Print one short line for the person at the terminal."""
    shown = text if len(text) <= SHOWN_COLUMNS else text[: SHOWN_COLUMNS - 1] + "…"
    try:
        sys.stdout.write(f"{time.strftime('%H:%M:%S')} {name:<{NAME_WIDTH}}| {shown}\n")
        sys.stdout.flush()
    except OSError:
        # The terminal is gone; the files still have it all.
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115


class FollowedLog:
    """The log file of one child, and how far it was shown."""

    def __init__(self, name: str, path: Path, *, shown: bool = True) -> None:
        self.name = name
        self.path = path
        self._is_shown = shown
        self._shown = path.stat().st_size if path.exists() else 0
        self._rest = b""

    def show_new_lines(self) -> None:
        """Print what the child wrote since the last call."""
        if not self._is_shown or not self.path.exists():
            return
        with self.path.open("rb") as file:
            file.seek(self._shown)
            new = file.read(256_000)
        self._shown += len(new)
        *lines, self._rest = (self._rest + new).split(b"\n")
        for line in lines:
            if line.strip():
                say(self.name, _TIME_IN_FRONT.sub("", line.decode(errors="replace").rstrip()))

    def rotate(self) -> None:
        """Keep the file small: copy it aside and cut it. The child appends, so it goes on at the new beginning."""
        if self.path.exists() and self.path.stat().st_size > ROTATE_BYTES:
            shutil.copyfile(self.path, self.path.with_suffix(".log.1"))
            os.truncate(self.path, 0)
            self._shown = 0

    def last_line(self) -> str:
        """The last line that says something, for messages about a child that ended."""
        if not self.path.exists():
            return ""
        with self.path.open("rb") as file:
            file.seek(max(0, self.path.stat().st_size - 4096))
            lines = [line.strip() for line in file.read().decode(errors="replace").splitlines()]
        return next((line for line in reversed(lines) if line), "")
