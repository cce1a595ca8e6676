"""The sandbox as one WSGI application: routes, misbehaviour on demand, and the start of everything behind it.

One process, several threads: the state lives in this process's memory and in one SQLite file. `create_app` is what
gunicorn calls; tests build `SandboxApp` themselves with a clock and without threads.
"""

from __future__ import annotations

import atexit
import fcntl
import gc
import json
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from channels_sync.sandbox.alipay import Alipay
from channels_sync.sandbox.control_api import ControlApi, Reporter
from channels_sync.sandbox.courier_doors import Kuaidi100Door, SfDoor
from channels_sync.sandbox.credentials import Credentials, load_or_create
from channels_sync.sandbox.plays import Plays
from channels_sync.sandbox.qimen import Qimen
from channels_sync.sandbox.shop import Shop
from channels_sync.sandbox.switches import Switches
from channels_sync.sandbox.top import Top
from channels_sync.sandbox.warehouse import Send, Warehouse
from channels_sync.sandbox.waybills import Couriers
from channels_sync.sandbox.world import World, now_ms
from ordercenter.common.errors import Misconfigured

logger = logging.getLogger(__name__)

MOST_BODY = 4 * 1024 * 1024
MOST_HELD = 4
TIDY_EVERY_MS = 3_600_000
DEFAULT_RATE = "6"
DEFAULT_CALLBACK = Switches.wms_callback_url
_LOOPBACK = ("127.0.0.1", "::1")
_LOCAL_NAMES = ("127.0.0.1", "localhost", "[::1]")

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Answer = tuple[str, str, bytes]  # status, content type, body

_JSON = "application/json;charset=utf-8"
_XML = "text/xml;charset=utf-8"
_BROKEN: Answer = ("500 Internal Server Error", "text/html", b"<html><body>500 Internal Server Error</body></html>")
_GARBAGE: Answer = ("200 OK", "text/html", "<html><body>系统繁忙，请稍后再试</body>".encode("gbk"))


class SandboxApp:
    """The WSGI callable with the whole played world behind it."""

    def __init__(
        self,
        credentials: Credentials,
        *,
        state_path: Path | None = None,
        clock: Callable[[], int] = now_ms,
        resting: Switches | None = None,
        send: Send | None = None,
    ):
        """state_path: None keeps the world in memory. resting: the switches at the start and after a reset."""
        resting = resting or Switches()
        self.world = World(state_path, clock=clock)
        self.world.switches = resting
        self.shop = Shop(self.world)
        self.plays = Plays(self.world, self.shop)
        self.warehouse = Warehouse(self.world, credentials, send=send)
        self.couriers = Couriers(self.world, send=send)
        self._sf = SfDoor(self.couriers, credentials)
        self._kuaidi100 = Kuaidi100Door(self.couriers, credentials)
        self._top = Top(self.shop, credentials, self.couriers)
        self._qimen = Qimen(self.warehouse, credentials)
        self._alipay = Alipay(self.world, credentials)
        reporter = Reporter(self.warehouse, credentials.qimen_customer_id)
        self._control = ControlApi(self.world, self.shop, self.plays, self.couriers, resting=resting, reporter=reporter)
        self._held = threading.BoundedSemaphore(MOST_HELD)
        self._routes: dict[str, Callable[[Environ], Answer]] = {
            "/router/rest": self._serve_top,
            "/router/qimen/service": self._serve_qimen,
            "/gateway.do": self._serve_alipay,
            "/std/service": lambda environ: self._serve_courier(environ, self._sf.answer),
            "/poll": lambda environ: self._serve_courier(environ, self._kuaidi100.subscribe),
            "/poll/query.do": lambda environ: self._serve_courier(environ, self._kuaidi100.query),
            "/healthz": lambda _environ: ("200 OK", "text/plain", b"ok"),
        }
        self.shop.resume()
        self.warehouse.resume()
        self.plays.resume()
        self.couriers.resume()

    def start(self) -> None:
        """Let the world move: the agenda, the confirms, the background shop, and an hourly tidying."""
        self.warehouse.start()
        self.couriers.start()
        self._tidy()
        self.plays.set_background(self.world.switches.background_per_min)
        self.world.agenda.start()

    def stop(self) -> None:
        self.world.close()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        route = self._routes.get(path)
        try:
            if route is not None:
                status, content_type, body = route(environ)
            elif path.startswith("/control/"):
                status, content_type, body = self._serve_control(environ, path.removeprefix("/control/"))
            elif path.startswith("/bill/"):
                status, content_type, body = self._serve_bill(path)
            else:
                status, content_type, body = "404 Not Found", "text/plain", b"no such door"
        except ConnectionAbortedError:
            # Nobody gets an answer: the socket is closed already. A status is needed only to satisfy the server.
            status, content_type, body = "500 Cut", "text/plain", b""
        start_response(status, [("Content-Type", content_type), ("Content-Length", str(len(body)))])
        return [body]

    def _serve_top(self, environ: Environ) -> Answer:
        form = {**_query(environ), **_form(environ)}
        switches = self.world.switches
        if switches.slow_ms:
            time.sleep(switches.slow_ms / 1000)
        return self._misbehave(
            environ,
            lambda: ("200 OK", _JSON, self._top.answer(form)),
            broken=switches.http_500,
            garbage=switches.garbage,
            silent=switches.no_answer,
        )

    def _serve_qimen(self, environ: Environ) -> Answer:
        query, body = _query(environ), _body(environ)
        switches = self.world.switches
        return self._misbehave(
            environ,
            lambda: ("200 OK", _XML, self._qimen.answer(query, body)),
            broken=switches.wms_http_500,
            garbage=switches.wms_garbage,
            silent=switches.wms_silent,
        )

    def _serve_courier(self, environ: Environ, process: Callable[[dict[str, str]], bytes]) -> Answer:
        form = _form(environ)
        switches = self.world.switches
        if switches.courier_slow_ms:
            time.sleep(switches.courier_slow_ms / 1000)
        return self._misbehave(
            environ,
            lambda: ("200 OK", _JSON, process(form)),
            broken=switches.courier_http_500,
            garbage=0.0,
            silent=switches.courier_silent,
        )

    def _serve_alipay(self, environ: Environ) -> Answer:
        form = {**_query(environ), **_form(environ)}
        base_url = f"http://{environ.get('HTTP_HOST') or environ.get('SERVER_NAME', '127.0.0.1')}"
        return "200 OK", _JSON, self._alipay.answer(form, base_url=base_url)

    def _serve_bill(self, path: str) -> Answer:
        if self.world.switches.bill_http_500:
            return _BROKEN
        archive = self._alipay.bill(path.removeprefix("/bill/").removesuffix(".zip"))
        if archive is None:
            return "403 Forbidden", "text/plain", b"the address is wrong or too old"
        return "200 OK", "application/zip", archive

    def _serve_control(self, environ: Environ, path: str) -> Answer:
        method = environ["REQUEST_METHOD"]
        host = (environ.get("HTTP_HOST") or "127.0.0.1").rpartition(":")[0] or environ.get("HTTP_HOST", "127.0.0.1")
        if environ.get("REMOTE_ADDR", "127.0.0.1") not in _LOOPBACK or host not in _LOCAL_NAMES:
            return "403 Forbidden", "text/plain", b"for loopback only"
        body: Any = {}
        if method == "POST":
            # A page in a browser cannot send this type to another host without asking first.
            if not environ.get("CONTENT_TYPE", "").startswith("application/json"):
                return "415 Unsupported Media Type", "text/plain", b"send application/json"
            try:
                body = json.loads(_body(environ) or b"{}")
            except ValueError:
                return "400 Bad Request", _JSON, b'{"error":"the body is not JSON"}'
        status, content = self._control.answer(method, path, _query(environ), body)
        return (
            f"{status} {'OK' if status == 200 else 'Refused'}",
            _JSON,
            json.dumps(content, ensure_ascii=False).encode(),
        )

    def _misbehave(
        self, environ: Environ, process: Callable[[], Answer], *, broken: float, garbage: float, silent: float
    ) -> Answer:
        if not (broken or garbage or silent):
            return process()
        draw = self.world.rng.random
        if draw() < broken:
            return _BROKEN
        answer = process()
        if draw() < silent:
            self._cut(environ)
        if draw() < garbage:
            status, content_type, body = answer
            return _GARBAGE if draw() < 0.5 else (status, content_type, body[: len(body) // 2])
        return answer

    def _cut(self, environ: Environ) -> None:
        """Keep the caller waiting for a while, if a thread can be spared, and hang up."""
        hold_s = min(self.world.switches.hold_s, 60)
        if hold_s and self._held.acquire(blocking=False):
            try:
                time.sleep(hold_s)
            finally:
                self._held.release()
        connection = environ.get("gunicorn.socket")
        if connection is not None:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                logger.debug("the caller hung up first")
        raise ConnectionAbortedError

    def _tidy(self) -> None:
        self.world.forget_old()
        self.world.agenda.at(self.world.clock() + TIDY_EVERY_MS, self._tidy)


def create_app() -> SandboxApp:
    """The application as gunicorn's worker makes it, from OC_DATA_DIR, OC_SANDBOX_RATE and OC_WMS_CALLBACK_URL."""
    data_dir = Path(os.environ.get("OC_DATA_DIR") or ".data").resolve()
    credentials = load_or_create(data_dir)
    _own(data_dir / "sandbox")
    try:
        rate = float(os.environ.get("OC_SANDBOX_RATE") or DEFAULT_RATE)
        if not 0 <= rate <= 6000:
            raise ValueError(rate)
    except ValueError:
        raise Misconfigured("OC_SANDBOX_RATE must be orders per minute, from 0 to 6000") from None
    callback = os.environ.get("OC_WMS_CALLBACK_URL") or DEFAULT_CALLBACK
    resting = Switches(background_per_min=rate, wms_callback_url=callback)
    app = SandboxApp(credentials, state_path=data_dir / "sandbox" / "state.sqlite3", resting=resting)
    # What was read stays: walking over it again and again would cost pauses.
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    app.start()
    atexit.register(app.stop)
    return app


_OWNED: list[int] = []


def _own(folder: Path) -> None:
    """One sandbox per data folder: the lock lives as long as the process."""
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    for _try in range(20):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            # The worker before this one may still be on its way out.
            time.sleep(0.1)
        else:
            _OWNED.append(lock)
            return
    os.close(lock)
    raise Misconfigured(f"another sandbox uses {folder}: stop it, or set OC_DATA_DIR to another folder")


def _query(environ: Environ) -> dict[str, str]:
    text = environ.get("QUERY_STRING", "")
    return dict(parse_qsl(text, keep_blank_values=True)) if text else {}


def _form(environ: Environ) -> dict[str, str]:
    body = _body(environ)
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=200)) if body else {}
    except ValueError:
        return {}


def _body(environ: Environ) -> bytes:
    length = environ.get("CONTENT_LENGTH") or "0"
    return environ["wsgi.input"].read(min(int(length), MOST_BODY)) if length.isdigit() else b""
