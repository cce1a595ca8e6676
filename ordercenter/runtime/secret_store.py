"""The secrets of one installation, made on its first start and kept in one file only its owner can read."""

import base64
import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from .errors import RuntimeTrouble

FILE_NAME = "secrets.json"


def _key() -> str:
    """32 random bytes in base64, the form of the field keys."""
    return base64.b64encode(secrets.token_bytes(32)).decode()


@dataclass(frozen=True)
class InstallationSecrets:
    """installation_id: a random name of this installation. field_keys: key id -> base64 of 32 bytes."""

    installation_id: str
    secret_key: str
    field_keys: dict[str, str]
    field_key_current: str
    field_hash_key: str
    postgres_password: str
    valkey_password: str

    def __repr__(self) -> str:
        return f"InstallationSecrets(installation_id={self.installation_id!r})"

    def as_environment(self) -> dict[str, str]:
        """The variables from which the settings read them."""
        return {
            "SECRET_KEY": self.secret_key,
            "FIELD_KEYS": ",".join(f"{name}={key}" for name, key in self.field_keys.items()),
            "FIELD_KEY_CURRENT": self.field_key_current,
            "FIELD_HASH_KEY": self.field_hash_key,
        }


def load_or_create(data_dir: Path) -> InstallationSecrets:
    """Read the secrets of this data folder; a new folder gets new ones. The caller holds the folder's lock."""
    path = data_dir / FILE_NAME
    if path.exists():
        return _read(path)
    if (data_dir / "postgres" / "PG_VERSION").exists():
        raise RuntimeTrouble(
            f"{path} is missing, but {data_dir} holds a database that only opens with it: put the file back "
            "from your backup, or move the folder away to start anew."
        )
    made = InstallationSecrets(
        installation_id=secrets.token_hex(8),
        secret_key=secrets.token_urlsafe(50),
        field_keys={"k1": _key()},
        field_key_current="k1",
        field_hash_key=_key(),
        postgres_password=secrets.token_urlsafe(24),
        valkey_password=secrets.token_urlsafe(24),
    )
    write_private(path, json.dumps(asdict(made), indent=2))
    return made


def _read(path: Path) -> InstallationSecrets:
    try:
        return InstallationSecrets(**json.loads(path.read_text()))
    except (ValueError, TypeError) as fault:
        raise RuntimeTrouble(
            f"{path} cannot be read ({fault}): put the file back from your backup; without it encrypted "
            "contacts stay closed."
        ) from None


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read; whoever reads it sees the old text or the new one, never half."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
