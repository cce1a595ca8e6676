"""The folder that holds everything one installation keeps: where each thing lies in it."""

import os
from dataclasses import dataclass
from pathlib import Path

from .account import SHARED_HOME, ServerAccount, make_shared_home
from .errors import RuntimeTrouble
from .locks import locked
from .secret_store import InstallationSecrets, load_or_create

PROJECT_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class DataFolder:
    """Paths below OC_DATA_DIR."""

    root: Path

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def run(self) -> Path:
        """Locks and what is running; worthless once nothing runs."""
        return self.root / "run"

    @property
    def valkey(self) -> Path:
        return self.root / "valkey"

    @property
    def demo_logins(self) -> Path:
        """Written by seed_demo: a list of objects with username, password and role."""
        return self.root / "demo-logins.json"

    def lock_path(self, name: str) -> Path:
        return self.run / f"{name}.lock"

    def secrets(self) -> InstallationSecrets:
        """This installation's secrets, made when the folder is new."""
        with locked(self.lock_path("secrets")):
            return load_or_create(self.root)

    def postgres(self, account: ServerAccount, installation_id: str) -> Path:
        """Where the database lies: in this folder, or for root in a shared place when its account cannot get here."""
        here = self.root / "postgres"
        if here.exists() or account.is_ourselves or account.can_use(self.root):
            return here
        make_shared_home()
        return SHARED_HOME / installation_id / "postgres"


def open_data_folder() -> DataFolder:
    """The folder OC_DATA_DIR names (default: .data in the project), created when it is missing."""
    root = Path(os.environ.get("OC_DATA_DIR") or PROJECT_ROOT / ".data").expanduser().resolve()
    folder = DataFolder(root)
    try:
        for path in (root, folder.run, folder.logs, folder.valkey):
            path.mkdir(parents=True, exist_ok=True)
            path.chmod(0o700)
        if os.geteuid() == 0:
            # The database server runs as another account and has to pass through; it can list nothing here.
            root.chmod(0o711)
        probe = folder.run / f".writable-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as fault:
        raise RuntimeTrouble(
            f"The data folder {root} cannot be used ({fault.strerror}): make it writable, or name another one "
            "in OC_DATA_DIR."
        ) from None
    return folder
