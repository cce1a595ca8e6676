"""Remembers with which migrations the embedded database was last brought up to date, so that a start need not ask."""

import hashlib

from .data_folder import PROJECT_ROOT, DataFolder


class MigrationMark:
    """A file in the data folder that holds the fingerprint of the migrations that ran."""

    def __init__(self, folder: DataFolder) -> None:
        self._path = folder.root / "postgres.migrated"

    @property
    def exists(self) -> bool:
        """Whether this folder's database ever got its tables."""
        return self._path.exists()

    @property
    def is_current(self) -> bool:
        return self.exists and self._path.read_text() == _fingerprint()

    def set(self) -> None:
        self._path.write_text(_fingerprint())

    def clear(self) -> None:
        self._path.unlink(missing_ok=True)


def _fingerprint() -> str:
    """Changes with every migration of ours and with every version of a package that could bring one."""
    digest = hashlib.sha256((PROJECT_ROOT / "requirements.txt").read_bytes())
    for path in sorted(PROJECT_ROOT.glob("*/**/migrations/*.py")):
        digest.update(str(path.relative_to(PROJECT_ROOT)).encode() + path.read_bytes())
    return digest.hexdigest()
