"""The two commands `up` and `down`."""

import json
import os
import secrets
import socket
import time
from collections.abc import Mapping

from .catalogues import compile_catalogues
from .children import ChildSpec
from .data_folder import PROJECT_ROOT, DataFolder, open_data_folder
from .database import EmbeddedDatabase
from .errors import RuntimeTrouble
from .logs import say
from .outside import check_broker, check_database
from .postgres import HOST, free_port
from .preparation_mark import PreparationMark
from .processes import RUN_VARIABLE, ProcessMark
from .run_record import RunRecord, end_leftovers, read_record, up_lock
from .secret_store import InstallationSecrets
from .supervisor import Stopped, Supervisor
from .system import DEFAULT_HTTP_PORT, DEFAULT_SANDBOX_PORT, choose_port, listen, manage, web_child, working_children
from .valkey import broker_url, valkey_child

# Longer than the longest grace of a child: the running task of a worker may finish.
DOWN_TIMEOUT_S = 60.0


def up() -> None:
    """Run Order Center until somebody asks it to stop."""
    folder = open_data_folder()
    lock = up_lock(folder)
    if not lock.take(wait=False):
        record = read_record(folder)
        where = f" at {record.url} (process {record.supervisor.pid})" if record else ""
        raise RuntimeTrouble(
            f"Order Center already runs on {folder.root}{where}: stop it with `make down`, or name another data folder "
            "in OC_DATA_DIR."
        )
    try:
        ended = end_leftovers(folder)
        if ended:
            say("up", f"ended {ended} processes that an earlier run left behind")
        _run(folder)
    finally:
        lock.drop()


def _run(folder: DataFolder) -> None:
    begun = time.monotonic()
    compile_catalogues(PROJECT_ROOT)
    installation = folder.secrets()
    with listen("OC_HTTP_PORT", DEFAULT_HTTP_PORT) as listener:
        port = int(listener.getsockname()[1])
        record = RunRecord(
            run_id=secrets.token_hex(16), supervisor=ProcessMark.of(os.getpid()), url=f"http://{HOST}:{port}/"
        )
        if not os.environ.get("OC_HTTP_PORT") and port != DEFAULT_HTTP_PORT:
            say("up", f"port {DEFAULT_HTTP_PORT} is taken by another program: using {port}")
        database = _database(folder, installation)
        try:
            _run_children(folder, installation, record, listener, database, begun)
        finally:
            if database is not None and database.in_use:
                database.release()
                say("database", "given back")
            (folder.run / "up.json").unlink(missing_ok=True)


def _run_children(
    folder: DataFolder,
    installation: InstallationSecrets,
    record: RunRecord,
    listener: socket.socket,
    database: EmbeddedDatabase | None,
    begun: float,
) -> None:
    env = _environment(folder, installation, record, listener)
    broker = _broker(folder, installation, record, env)

    def remember(pids: dict[str, int]) -> None:
        record.children = pids
        record.save(folder)

    supervisor = Supervisor(run_folder=folder.run, logs=folder.logs, env=env, database=database, on_change=remember)
    supervisor.listen_to_signals()
    record.save(folder)
    if database is not None:
        env["DATABASE_URL"] = database.acquire()
        say("database", f"PostgreSQL runs on {folder.root}")
    try:
        supervisor.start(broker)
        database_fd = None if database is None else database.lock_fileno()
        sandbox_port = int(env["OC_SANDBOX_PORT"])
        _prepare_database(folder, supervisor, embedded=database is not None, sandbox_port=sandbox_port)
        # The pages first: all parts at once would fight for the processor, and nobody could look meanwhile.
        supervisor.start([web_child(listener, database_fd=database_fd)])
        supervisor.start(working_children(folder, sandbox_port=sandbox_port, database_fd=database_fd))
        say("up", f"ready after {time.monotonic() - begun:.0f} s: {record.url}  (logs in {folder.logs})")
        show_logins(folder)
        supervisor.run_until_asked_to_stop()
    except Stopped:
        pass
    finally:
        say("up", "stopping")
        supervisor.stop()


def _prepare_database(folder: DataFolder, supervisor: Supervisor, *, embedded: bool, sandbox_port: int) -> None:
    mark = PreparationMark(folder)
    if embedded and mark.fits(sandbox_port=sandbox_port):
        return
    supervisor.run_to_end(ChildSpec(name="prepare", command=manage("prepare"), announces=False))
    if embedded:
        mark.set(sandbox_port=sandbox_port)


def _environment(
    folder: DataFolder, installation: InstallationSecrets, record: RunRecord, listener: socket.socket
) -> dict[str, str]:
    port = int(listener.getsockname()[1])
    sandbox_port = choose_port("OC_SANDBOX_PORT", DEFAULT_SANDBOX_PORT)
    return {
        **installation.as_environment(),
        # Where the played warehouse reports to, and the played platforms push to.
        "OC_WMS_CALLBACK_URL": f"http://{HOST}:{port}/qimen/{{customerId}}/",
        "OC_PUSH_CALLBACK_URL": f"http://{HOST}:{port}/channels/{{platform}}/{{token}}/",
        # The played shop behind the demo's connector.
        "OC_CONNECTOR_INTERNAL_HOSTS": f"{HOST}:{sandbox_port}",
        **os.environ,
        RUN_VARIABLE: record.run_id,
        "OC_DATA_DIR": str(folder.root),
        "OC_HTTP_PORT": str(port),
        "OC_SANDBOX_PORT": str(sandbox_port),
    }


def _database(folder: DataFolder, installation: InstallationSecrets) -> EmbeddedDatabase | None:
    if os.environ.get("DATABASE_URL"):
        check_database()
        return None
    return EmbeddedDatabase(folder, installation)


def _broker(
    folder: DataFolder, installation: InstallationSecrets, record: RunRecord, env: dict[str, str]
) -> list[ChildSpec]:
    if os.environ.get("BROKER_URL"):
        check_broker()
        return []
    record.valkey_port = free_port()
    env["BROKER_URL"] = broker_url(record.valkey_port, installation.valkey_password)
    return [valkey_child(folder, port=record.valkey_port, password=installation.valkey_password)]


def show_logins(folder: DataFolder) -> None:
    """Print the demo logins, as seed_demo wrote them: a list of objects with username, password and role."""
    try:
        logins: list[Mapping[str, str]] = json.loads(folder.demo_logins.read_text())
    except FileNotFoundError:
        return
    for login in logins:
        say("login", f"{login['role']:<12} {login['username']:<14} {login['password']}")


def down() -> None:
    """Stop the Order Center that runs on this data folder, or end what a killed one left behind."""
    folder = open_data_folder()
    lock = up_lock(folder)
    record = read_record(folder)
    if lock.take(wait=False):
        ended = end_leftovers(folder)
        _stop_unused_database(folder)
        lock.drop()
        say("down", f"nothing ran on {folder.root}" + (f"; ended {ended} processes left behind" if ended else ""))
        return
    supervisor = record.supervisor.find() if record else None
    if supervisor is None:
        raise RuntimeTrouble(f"Order Center on {folder.root} is just starting or stopping: try again in a moment.")
    supervisor.terminate()
    deadline = time.monotonic() + DOWN_TIMEOUT_S
    while not lock.take(wait=False):
        if time.monotonic() > deadline:
            say("down", "it does not stop: killing it")
            supervisor.kill()
            deadline += DOWN_TIMEOUT_S
        time.sleep(0.1)
    end_leftovers(folder)
    _stop_unused_database(folder)
    lock.drop()
    say("down", "stopped")


def _stop_unused_database(folder: DataFolder) -> None:
    if (folder.root / "secrets.json").exists() and not os.environ.get("DATABASE_URL"):
        EmbeddedDatabase(folder, folder.secrets()).release()
