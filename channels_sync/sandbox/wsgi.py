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
import time
from collections.abc import Callable, Iterable
from http import HTTPStatus
from pathlib import Path
from typing import Any

from channels_sync.sandbox.alipay import Alipay
from channels_sync.sandbox.control_api import ControlApi, Reporter
from channels_sync.sandbox.courier_doors import Kuaidi100Door, SfDoor
from channels_sync.sandbox.credentials import Credentials, load_or_create
from channels_sync.sandbox.doors import DOORS
from channels_sync.sandbox.environ import Environ, base_url_of, body_of, form_of, query_of, request_of
from channels_sync.sandbox.misbehaviour import BROKEN, Misbehaviour, Mood, mood_of
from channels_sync.sandbox.platforms import PlatformDoor, Reply
from channels_sync.sandbox.plays import Plays
from channels_sync.sandbox.pusher import Bring, Pusher
from channels_sync.sandbox.qimen import Qimen
from channels_sync.sandbox.shop import Shop
from channels_sync.sandbox.switches import Switches
from channels_sync.sandbox.warehouse import Send, Warehouse
from channels_sync.sandbox.waybills import Couriers
from channels_sync.sandbox.world import World, now_ms
from ordercenter.common.errors import Misconfigured

logger = logging.getLogger(__name__)

TIDY_EVERY_MS = 3_600_000
DEFAULT_RATE = "6"
DEFAULT_CALLBACK = Switches.wms_callback_url
DEFAULT_PUSH_CALLBACK = Switches.push_callback_url
_LOOPBACK = ("127.0.0.1", "::1")
_LOCAL_NAMES = ("127.0.0.1", "localhost", "[::1]")

StartResponse = Callable[..., Any]

_XML = "text/xml;charset=utf-8"
_PHRASES = {status.value: status.phrase for status in HTTPStatus}


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
        bring: Bring | None = None,
    ):
        """state_path: None keeps the world in memory. resting: the switches at the start and after a reset.

        send, bring: how the warehouse's and couriers' words and the platforms' pushes reach us; real HTTP unless said.
        """
        resting = resting or Switches()
        self.world = World(state_path, clock=clock)
        self.world.switches = resting
        self.shop = Shop(self.world)
        self.plays = Plays(self.world, self.shop)
        self.warehouse = Warehouse(self.world, credentials, send=send)
        self.couriers = Couriers(self.world, send=send)
        self._sf = SfDoor(self.couriers, credentials)
        self._kuaidi100 = Kuaidi100Door(self.couriers, credentials)
        self.doors = {code: door(self.shop, credentials, self.couriers) for code, door in DOORS.items()}
        self.pusher = Pusher(self.world, self.doors, credentials, bring=bring)
        self.shop.tell = self.pusher.tell
        self._qimen = Qimen(self.warehouse, credentials)
        self._alipay = Alipay(self.world, credentials)
        reporter = Reporter(self.warehouse, credentials.qimen_customer_id)
        self._control = ControlApi(self.world, self.shop, self.plays, self.couriers, resting=resting, reporter=reporter)
        self._moods = Misbehaviour(self.world)
        self._routes: dict[str, Callable[[Environ], Reply]] = {
            "/router/qimen/service": self._serve_qimen,
            "/gateway.do": self._serve_alipay,
            "/std/service": lambda environ: self._serve_courier(environ, self._sf.answer),
            "/poll": lambda environ: self._serve_courier(environ, self._kuaidi100.subscribe),
            "/poll/query.do": lambda environ: self._serve_courier(environ, self._kuaidi100.query),
            "/healthz": lambda _environ: Reply(b"ok", content_type="text/plain"),
        }
        self.shop.resume()
        self.warehouse.resume()
        self.plays.resume()
        self.couriers.resume()
        self.pusher.resume()

    def start(self) -> None:
        """Let the world move: the agenda, the confirms, the background shop, and an hourly tidying."""
        self.warehouse.start()
        self.couriers.start()
        self.pusher.start()
        self._tidy()
        self.plays.set_background(self.world.switches.background_per_min)
        self.world.agenda.start()

    def stop(self) -> None:
        self.world.close()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        try:
            reply = self._serve(environ, environ.get("PATH_INFO", ""))
        except ConnectionAbortedError:
            # Nobody gets an answer: the socket is closed already. A status is needed only to satisfy the server.
            reply = Reply(b"", status=500, content_type="text/plain")
        headers = [("Content-Type", reply.content_type), *reply.headers.items()]
        status = f"{reply.status} {_PHRASES.get(reply.status, 'Other')}"
        if isinstance(reply.body, bytes):
            start_response(status, [*headers, ("Content-Length", str(len(reply.body)))])
            return [reply.body]
        start_response(status, headers)
        return reply.body

    def _serve(self, environ: Environ, path: str) -> Reply:
        if (route := self._routes.get(path)) is not None:
            return route(environ)
        for door in self.doors.values():
            if path == door.root or path.startswith(f"{door.root}/"):
                return self._serve_platform(environ, door, path.removeprefix(door.root))
        if path.startswith("/control/"):
            return self._serve_control(environ, path.removeprefix("/control/"))
        if path.startswith("/bill/"):
            return self._serve_bill(path)
        return Reply(b"no such door", status=404, content_type="text/plain")

    def _serve_platform(self, environ: Environ, door: PlatformDoor, path: str) -> Reply:
        switches = self.world.switches.of(door.traits.code)
        request = request_of(environ, path=path)
        socket = environ.get("gunicorn.socket")
        return self._moods.answer(socket, lambda: door.serve(request), mood_of(switches), hold_s=switches.hold_s)

    def _serve_qimen(self, environ: Environ) -> Reply:
        query, body = query_of(environ), body_of(environ)
        switches = self.world.switches
        mood = Mood(broken=switches.wms_http_500, garbage=switches.wms_garbage, silent=switches.wms_silent)
        return self._answer(environ, lambda: Reply(self._qimen.answer(query, body), content_type=_XML), mood)

    def _serve_courier(self, environ: Environ, process: Callable[[dict[str, str]], bytes]) -> Reply:
        form = form_of(environ)
        switches = self.world.switches
        mood = Mood(broken=switches.courier_http_500, silent=switches.courier_silent, slow_ms=switches.courier_slow_ms)
        return self._answer(environ, lambda: Reply(process(form)), mood)

    def _answer(self, environ: Environ, process: Callable[[], Reply], mood: Mood) -> Reply:
        connection, hold_s = environ.get("gunicorn.socket"), self.world.switches.hold_s
        return self._moods.answer(connection, process, mood, hold_s=hold_s)

    def _serve_alipay(self, environ: Environ) -> Reply:
        form = {**query_of(environ), **form_of(environ)}
        return Reply(self._alipay.answer(form, base_url=base_url_of(environ)))

    def _serve_bill(self, path: str) -> Reply:
        if self.world.switches.bill_http_500:
            return BROKEN
        archive = self._alipay.bill(path.removeprefix("/bill/").removesuffix(".zip"))
        if archive is None:
            return Reply(b"the address is wrong or too old", status=403, content_type="text/plain")
        return Reply(archive, content_type="application/zip")

    def _serve_control(self, environ: Environ, path: str) -> Reply:
        method = environ["REQUEST_METHOD"]
        host = (environ.get("HTTP_HOST") or "127.0.0.1").rpartition(":")[0] or environ.get("HTTP_HOST", "127.0.0.1")
        if environ.get("REMOTE_ADDR", "127.0.0.1") not in _LOOPBACK or host not in _LOCAL_NAMES:
            return Reply(b"for loopback only", status=403, content_type="text/plain")
        body: Any = {}
        if method == "POST":
            # A page in a browser cannot send this type to another host without asking first.
            if not environ.get("CONTENT_TYPE", "").startswith("application/json"):
                return Reply(b"send application/json", status=415, content_type="text/plain")
            try:
                body = json.loads(body_of(environ) or b"{}")
            except ValueError:
                return Reply(b'{"error":"the body is not JSON"}', status=400)
        status, content = self._control.answer(method, path, query_of(environ), body)
        return Reply(json.dumps(content, ensure_ascii=False).encode(), status=status)

    def _tidy(self) -> None:
        self.world.forget_old()
        self.world.agenda.at(self.world.clock() + TIDY_EVERY_MS, self._tidy)


def create_app() -> SandboxApp:
    """The application as gunicorn's worker makes it.

    From OC_DATA_DIR, OC_SANDBOX_RATE, OC_WMS_CALLBACK_URL and OC_PUSH_CALLBACK_URL.
    """
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
    push_callback = os.environ.get("OC_PUSH_CALLBACK_URL") or DEFAULT_PUSH_CALLBACK
    resting = Switches(background_per_min=rate, wms_callback_url=callback, push_callback_url=push_callback)
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
