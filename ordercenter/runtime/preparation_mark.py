"""Remembers for what the embedded database was last prepared, so that a start need not do it again."""

import hashlib
import json

from .data_folder import PROJECT_ROOT, DataFolder


class PreparationMark:
    """A file in the data folder: which migrations ran, and at which port the demo company finds its platforms."""

    def __init__(self, folder: DataFolder) -> None:
        self._path = folder.root / "postgres.prepared"

    @property
    def exists(self) -> bool:
        """Whether this folder's database ever got its tables."""
        return self._path.exists()

    def fits(self, *, sandbox_port: int) -> bool:
        """Whether nothing is left to do before a start with the platforms at this port."""
        return self.exists and self._path.read_text() == _content(sandbox_port)

    def set(self, *, sandbox_port: int | None = None) -> None:
        """Note that the tables are there and, with a port, the demo company too."""
        self._path.write_text(_content(sandbox_port))

    def clear(self) -> None:
        self._path.unlink(missing_ok=True)


def _content(sandbox_port: int | None) -> str:
    return json.dumps({"migrations": _fingerprint(), "sandbox_port": sandbox_port})


def _fingerprint() -> str:
    """Changes with every migration of ours and with every version of a package that could bring one."""
    digest = hashlib.sha256((PROJECT_ROOT / "requirements.txt").read_bytes())
    for path in sorted(PROJECT_ROOT.glob("*/**/migrations/*.py")):
        digest.update(str(path.relative_to(PROJECT_ROOT)).encode() + path.read_bytes())
    return digest.hexdigest()
