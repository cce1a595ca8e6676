"""What one `up` leaves for others to find: who it is, where it answers, which run its processes belong to."""

import json
from dataclasses import asdict, dataclass, field

from .data_folder import DataFolder
from .locks import FileLock
from .processes import ProcessMark, end_run
from .secret_store import write_private


@dataclass
class RunRecord:
    """run_id: the random name that every process of the run carries. valkey_port: 0 with a broker from outside."""

    run_id: str
    supervisor: ProcessMark
    url: str = ""
    valkey_port: int = 0
    children: dict[str, int] = field(default_factory=dict)

    def save(self, folder: DataFolder) -> None:
        write_private(folder.run / "up.json", json.dumps(asdict(self)))


def read_record(folder: DataFolder) -> RunRecord | None:
    """What the running or the last `up` wrote; None when there is none."""
    try:
        found = json.loads((folder.run / "up.json").read_text())
        return RunRecord(**{**found, "supervisor": ProcessMark(**found["supervisor"])})
    except (FileNotFoundError, ValueError, TypeError, KeyError):
        return None


def up_lock(folder: DataFolder) -> FileLock:
    """Held by `up` for as long as it lives."""
    return FileLock(folder.lock_path("up"))


def running_record(folder: DataFolder) -> RunRecord | None:
    """What the `up` wrote that runs now; None when none runs."""
    lock = up_lock(folder)
    if lock.take(wait=False):
        lock.drop()
        return None
    return read_record(folder)


def end_leftovers(folder: DataFolder, *, grace_s: float = 10.0) -> int:
    """End what an `up` that was killed left running; says how many processes. The caller holds the up lock."""
    record = read_record(folder)
    ended = end_run(record.run_id, grace_s=grace_s) if record else 0
    (folder.run / "up.json").unlink(missing_ok=True)
    return ended
