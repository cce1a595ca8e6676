"""What `manage.py` does around Django: it gives a command its database and turns trouble into one sentence."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from .data_folder import DataFolder, open_data_folder
from .database import EmbeddedDatabase
from .django_steps import first_migration, prepare, run_django
from .errors import RuntimeTrouble
from .locks import locked
from .outside import check_database
from .run_record import running_record
from .secret_store import InstallationSecrets
from .up import down, up
from .valkey import broker_url

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
        "parse_addresses",
        "sandbox",
        "solve_instance",
        "spectacular",
        "startapp",
        "testserver",
    }
)
# These work on a database that has no tables yet; every other command finds them there.
WITHOUT_TABLES = frozenset({"dbshell", "makemigrations", "migrate", "showmigrations", "sqlmigrate"})
# These are not Django's: they run before it.
OURS = {"up": up, "down": down, "prepare": prepare}


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
    os.environ["DJANGO_SETTINGS_MODULE"] = module = _settings_module(argv)
    asks_database = command not in WITHOUT_DATABASE and not {"--help", "-h", "--version"} & set(argv)
    if command in OURS:
        OURS[command]()
    elif module == EMBEDDED_SETTINGS:
        _run_embedded(command, argv, asks_database=asks_database)
    else:
        if asks_database and os.environ.get("DATABASE_URL"):
            check_database()
        run_django(argv)


def _run_embedded(command: str, argv: list[str], *, asks_database: bool) -> None:
    folder = open_data_folder()
    secrets = folder.secrets()
    for name, value in secrets.as_environment().items():
        os.environ.setdefault(name, value)
    _use_running_broker(folder, secrets)
    if not asks_database:
        run_django(argv)
    elif os.environ.get("DATABASE_URL"):
        check_database()
        run_django(argv)
    else:
        with _embedded_database(EmbeddedDatabase(folder, secrets)):
            if command not in WITHOUT_TABLES:
                with locked(folder.lock_path("migrate")):
                    first_migration(folder)
            run_django(argv)


def _use_running_broker(folder: DataFolder, secrets: InstallationSecrets) -> None:
    """A command beside a running `up` rings its workers; without one there is nobody to ring."""
    if not os.environ.get("BROKER_URL") and (record := running_record(folder)) and record.valkey_port:
        os.environ["BROKER_URL"] = broker_url(record.valkey_port, secrets.valkey_password)


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
    # For dbshell, after any psql of the machine's own.
    os.environ["PATH"] = os.pathsep.join(
        [os.environ.get("PATH", os.defpath), str(database.cluster.program("psql").parent)]
    )
    try:
        yield
    finally:
        database.release()
