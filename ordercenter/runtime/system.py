"""The processes that make up a running Order Center, and how each says that it is ready."""

import os
import socket
import sys
import urllib.error
import urllib.request

from .children import ChildSpec
from .data_folder import PROJECT_ROOT, DataFolder
from .errors import RuntimeTrouble
from .postgres import HOST

DEFAULT_HTTP_PORT = 8000
DEFAULT_SANDBOX_PORT = 8900
_PORTS_TRIED = 50


def listen(variable: str, default: int) -> socket.socket:
    """Open the port for the pages: the one the variable names, else the default, else the next free one.

    Raises RuntimeTrouble when the variable names a port that is taken or is not a number.
    """
    wanted = port_from_environment(variable)
    for port in [wanted] if wanted else range(default, default + _PORTS_TRIED):
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
            listener.listen(128)
            return listener
        except PermissionError:
            listener.close()
            raise RuntimeTrouble(f"Port {port} of {variable} needs root: choose one above 1023.") from None
        except OSError:
            listener.close()
    if wanted:
        raise RuntimeTrouble(
            f"Port {wanted} of {variable} is taken by another program: stop it, or name another port in {variable}."
        )
    raise RuntimeTrouble(f"Ports {default} to {default + _PORTS_TRIED - 1} are all taken: name one in {variable}.")


def choose_port(variable: str, default: int) -> int:
    """Like listen, for a child that opens its port itself."""
    listener = listen(variable, default)
    port = int(listener.getsockname()[1])
    listener.close()
    return port


def port_from_environment(variable: str) -> int | None:
    """The port this variable names, or None when it is not set."""
    text = os.environ.get(variable, "")
    if not text:
        return None
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise RuntimeTrouble(f"{variable} is {text!r}: it has to be a port number between 1 and 65535.")
    return int(text)


def manage(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, str(PROJECT_ROOT / "manage.py"), *arguments)


def _celery(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "celery", "--quiet", "--app", "ordercenter.celery", *arguments)


def _fds(database_fd: int | None) -> tuple[int, ...]:
    return () if database_fd is None else (database_fd,)


def web_child(listener: socket.socket, *, database_fd: int | None) -> ChildSpec:
    """The pages, on a port that is already open.

    database_fd: the lock that keeps the embedded database in use; inherited by every child that uses it.
    """
    port = int(listener.getsockname()[1])
    return ChildSpec(
        name="web",
        command=(
            *(sys.executable, "-m", "gunicorn", "--config", "python:ordercenter.runtime.gunicorn_settings"),
            "ordercenter.wsgi",
        ),
        env={"OC_HTTP_FD": str(listener.fileno())},
        ready=lambda: page_answers(f"http://{HOST}:{port}/livez"),
        pass_fds=(*_fds(database_fd), listener.fileno()),
    )


def working_children(folder: DataFolder, *, sandbox_port: int, database_fd: int | None) -> list[ChildSpec]:
    """The platforms we play, and everything that works without being asked. database_fd: as for web_child."""
    fds = _fds(database_fd)
    # Threads: the work is waiting for other people's servers, and eight of them cost less than two processes.
    worker = _celery("worker", "--pool", "threads", "--concurrency", "8", "--loglevel", "info")
    worker += ("--without-gossip", "--without-mingle")
    schedule = folder.run / "celerybeat-schedule"
    beat = _celery("beat", "--loglevel", "info", "--schedule", str(schedule), "--pidfile", "")
    return [
        ChildSpec(
            name="sandbox",
            command=manage("sandbox"),
            announces=False,
            ready=lambda: page_answers(f"http://{HOST}:{sandbox_port}/healthz"),
            niceness=8,
        ),
        # One is there for new orders, whatever the other is about.
        ChildSpec(name="relay", command=manage("relay", "--side-by-side", "2", "--place", "front"), pass_fds=fds),
        ChildSpec(
            name="relay2", command=manage("relay", "--side-by-side", "2", "--place", "back"), pass_fds=fds, niceness=4
        ),
        ChildSpec(name="listener", command=manage("listen_channels"), pass_fds=fds),
        # Orders on their way go before calls that leave anyway, where a small machine has to choose.
        ChildSpec(name="worker", command=worker, pass_fds=fds, niceness=6),
        ChildSpec(name="beat", command=beat, pass_fds=fds, niceness=10),
    ]


def page_answers(url: str) -> bool:
    """Whether this address answers 200 within two seconds."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
