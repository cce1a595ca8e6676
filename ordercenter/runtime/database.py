"""Who uses the embedded database: the first one starts it, the last one out stops it.

Each user holds a shared lock on one file for as long as it lives, so the kernel does the counting: a user that was
killed no longer counts, and no number in a file can go stale. A second lock makes start and stop wait for each other.
"""

from pathlib import Path

from .account import server_account
from .data_folder import DataFolder
from .errors import RuntimeTrouble
from .locks import FileLock, locked
from .postgres import PostgresCluster, RunningServer
from .preparation_mark import PreparationMark
from .secret_store import InstallationSecrets


class EmbeddedDatabase:
    """The embedded database of one data folder, as one process uses it."""

    def __init__(self, folder: DataFolder, secrets: InstallationSecrets) -> None:
        account = server_account()
        self._folder = folder
        self._gate = folder.lock_path("postgres-gate")
        self._use = FileLock(folder.lock_path("postgres-users"))
        self._cluster_folder = folder.postgres(account, secrets.installation_id)
        if not account.is_ourselves:
            # Its account passes through this folder; the umask may not take that away.
            self._cluster_folder.parent.mkdir(parents=True, exist_ok=True)
            self._cluster_folder.parent.chmod(0o711)
        self.cluster = PostgresCluster(self._cluster_folder, password=secrets.postgres_password, account=account)

    @property
    def log(self) -> Path:
        return self._folder.logs / "postgres.log"

    @property
    def in_use(self) -> bool:
        """Whether this process counts as a user."""
        return self._use.held

    def lock_fileno(self) -> int:
        """The descriptor that keeps the database in use; children that inherit it keep it running."""
        return self._use.fileno()

    def acquire(self) -> str:
        """Count as a user; start the server if it is not running. Returns its DATABASE_URL."""
        with locked(self._gate):
            self._use.take(shared=True)
            return self.cluster.url(self._ensure_running().port)

    def revive(self) -> bool:
        """Start the server again if it died while we use it; True when it had."""
        if self.cluster.running() is not None:
            return False
        with locked(self._gate):
            died = self.cluster.running() is None
            self._ensure_running()
            return died

    def release(self) -> None:
        """No longer count as a user; stop the server when there is no other."""
        with locked(self._gate):
            self._use.drop()
            alone = FileLock(self._use.path)
            if alone.take(wait=False):
                self.cluster.stop()
                alone.drop()

    def _ensure_running(self) -> RunningServer:
        server = self.cluster.running()
        if server is not None and server.ready:
            return server
        if not self.cluster.exists:
            self._create()
        server = self.cluster.start(port=self._last_port(), log=self.log)
        self._port_file.write_text(str(server.port))
        self.cluster.ensure_database(server.port)
        return server

    def _create(self) -> None:
        leftovers = self._cluster_folder.is_dir() and any(self._cluster_folder.iterdir())
        if leftovers:
            raise RuntimeTrouble(
                f"{self._cluster_folder} is not empty and not a PostgreSQL data folder: move it away, or name another "
                "data folder in OC_DATA_DIR."
            )
        PreparationMark(self._folder).clear()
        self.cluster.create()

    @property
    def _port_file(self) -> Path:
        return self._folder.run / "postgres-port"

    def _last_port(self) -> int | None:
        # The same port as last time where possible, so that a saved connection of a BI tool goes on working.
        try:
            return int(self._port_file.read_text())
        except (FileNotFoundError, ValueError):
            return None
