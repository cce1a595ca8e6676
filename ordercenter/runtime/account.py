"""Who runs the database server. PostgreSQL refuses to run as root, so root hands it to a system account of its own."""

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import RuntimeTrouble

ACCOUNT_NAME = "ordercenter"

# Where the server's files go when its account cannot reach the data folder or the installed binaries, for instance
# below /root. The alternative, opening the parent folders to everybody, would widen rights the user chose.
SHARED_HOME = Path("/var/lib/ordercenter")


@dataclass(frozen=True)
class ServerAccount:
    """The account the database server runs as. uid is None for a normal user: then it runs as ourselves."""

    uid: int | None = None
    gid: int | None = None

    @property
    def is_ourselves(self) -> bool:
        return self.uid is None

    def popen_options(self) -> dict[str, Any]:
        """Options for subprocess to run as this account, in a folder that everybody may enter."""
        options: dict[str, Any] = {"cwd": "/"}
        if not self.is_ourselves:
            options |= {"user": self.uid, "group": self.gid, "extra_groups": []}
        return options

    def own(self, path: Path) -> None:
        """Give the path to this account."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)

    def can_use(self, path: Path) -> bool:
        """Whether this account gets to the path and may enter (folder) or run (file) it."""
        if self.is_ourselves:
            return os.access(path, os.X_OK)
        test = ["/bin/sh", "-c", 'test -x "$0"', str(path)]
        try:
            return subprocess.run(test, check=False, **self.popen_options()).returncode == 0
        except PermissionError:
            raise RuntimeTrouble(
                "Running as root without the right to change to another user, and PostgreSQL refuses to run as root: "
                "start as a normal user, or set DATABASE_URL to a PostgreSQL of your own."
            ) from None


def make_shared_home() -> None:
    """Create the folder for what the server's account cannot reach elsewhere; everybody may enter it."""
    SHARED_HOME.mkdir(parents=True, exist_ok=True)
    SHARED_HOME.chmod(0o755)


def server_account() -> ServerAccount:
    """Ourselves, or for root the system account "ordercenter", created when it is missing."""
    if os.geteuid() != 0:
        return ServerAccount()
    try:
        entry = pwd.getpwnam(ACCOUNT_NAME)
    except KeyError:
        entry = _create_account()
    return ServerAccount(entry.pw_uid, entry.pw_gid)


def _create_account() -> pwd.struct_passwd:
    command = ["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", str(SHARED_HOME)]
    command += ["--shell", "/usr/sbin/nologin", ACCOUNT_NAME]
    reason = "useradd is not there"
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        reason = done.stderr.strip()
    except FileNotFoundError:
        pass
    try:
        return pwd.getpwnam(ACCOUNT_NAME)  # also when another process created it at the same moment
    except KeyError:
        raise RuntimeTrouble(
            f"PostgreSQL refuses to run as root and the system account {ACCOUNT_NAME!r} could not be created "
            f"({reason}): create it, start as a normal user, or set DATABASE_URL to a PostgreSQL of your own."
        ) from None
