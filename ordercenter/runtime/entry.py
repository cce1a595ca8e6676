"""What `manage.py` does around Django: it gives a command its database and turns trouble into one sentence."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from .data_folder import DataFolder, open_data_folder
from .database import EmbeddedDatabase
from .errors import RuntimeTrouble
from .locks import locked

EMBEDDED_SETTINGS = "ordercenter.settings.embedded"

# These never ask the database anything.
WITHOUT_DATABASE = frozenset(
    {
        "help",
        "version",
        "check",
        "check_vectors",
        "collectstatic",
        "compilemessages",
        "diffsettings",
        "findstatic",
        "makemessages",
        "sandbox",
        "spectacular",
        "startapp",
        "testserver",
    }
)
# These work on a database that has no tables yet; every other command finds them there.
WITHOUT_TABLES = frozenset({"dbshell", "makemigrations", "migrate", "showmigrations", "sqlmigrate"})


def run_manage_command(argv: list[str]) -> int:
    """Run one manage.py command line and return the exit code; a condition the user can mend becomes a sentence."""
    command = next((word for word in argv[1:] if not word.startswith("-")), "help")
    try:
        _run(command, argv)
    except RuntimeTrouble as trouble:
        print(trouble, file=sys.stderr)  # noqa: T201
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _run(command: str, argv: list[str]) -> None:
    if _settings_module(argv) != EMBEDDED_SETTINGS:
        _run_django(argv)
        return
    folder = open_data_folder()
    secrets = folder.secrets()
    for name, value in secrets.as_environment().items():
        os.environ.setdefault(name, value)
    asks_nothing = command in WITHOUT_DATABASE or "--help" in argv or "-h" in argv or "--version" in argv
    if asks_nothing or os.environ.get("DATABASE_URL"):
        _run_django(argv)
        return
    with _embedded_database(EmbeddedDatabase(folder, secrets)):
        if command not in WITHOUT_TABLES:
            _migrate_once(folder)
        _run_django(argv)


def _settings_module(argv: list[str]) -> str:
    for position, word in enumerate(argv):
        if word.startswith("--settings="):
            return word.partition("=")[2]
        if word == "--settings" and position + 1 < len(argv):
            return argv[position + 1]
    return os.environ.get("DJANGO_SETTINGS_MODULE", EMBEDDED_SETTINGS)


@contextmanager
def _embedded_database(database: EmbeddedDatabase) -> Iterator[None]:
    def end(signum: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + signum)

    # Without this, SIGTERM would end us before the database is given back. A command may set its own handler.
    signal.signal(signal.SIGTERM, end)
    os.environ["DATABASE_URL"] = database.acquire()
    try:
        yield
    finally:
        database.release()


def _migrate_once(folder: DataFolder) -> None:
    """Make the tables in a database that is new; later changes are the business of `up` and `migrate`."""
    mark = first_migration_mark(folder)
    if mark.exists():
        return
    with locked(folder.lock_path("migrate")):
        if not mark.exists():
            _run_django(["manage.py", "migrate", "--verbosity", "0"])
            mark.touch()


def first_migration_mark(folder: DataFolder) -> Path:
    """The file that says that this folder's database has its tables."""
    return folder.root / "postgres.migrated"


def _run_django(argv: list[str]) -> None:
    from django.core.management import ManagementUtility

    ManagementUtility(argv).execute()
