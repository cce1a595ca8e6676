"""A sandbox over real HTTP on loopback, a company with courier accounts at it, and shipments that want labels."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from django.utils import timezone

from channels_sync.sandbox.credentials import Credentials, generate
from channels_sync.sandbox.pusher import Bring
from channels_sync.sandbox.wsgi import SandboxApp
from fulfillment.models import Carrier, CourierAccount, Shipment, TrackingAccount, Waybill
from fulfillment.services import request_waybills
from fulfillment.services.dispatching import CREATE_KIND
from ordercenter.audit.work import unit_of_work
from ordercenter.common.batch import BatchResult
from ordercenter.events import outgoing
from ordercenter.events.models import OutgoingCommand
from ordercenter.events.relay import Relay
from tests.flows.world import World

SENDER = {
    "sender_name": "木棉家居旗舰店",
    "sender_phone": "13900000000",
    "sender_province": "浙江省",
    "sender_city": "杭州市",
    "sender_district": "余杭区",
    "sender_address": "仓前街道1号",
}


class _Threads(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Tests look at the world, not at a log."""


@dataclass
class Post:
    """The sandbox: its address, its played world, its keys."""

    url: str
    app: SandboxApp
    credentials: Credentials

    def switch(self, **wanted: Any) -> None:
        with self.app.world.change():
            self.app.world.switches = replace(self.app.world.switches, **wanted)


@contextmanager
def sandbox(*, bring: Bring | None = None) -> Iterator[Post]:
    """A sandbox whose parcels stand still until told otherwise. bring: where the platforms' pushes go."""
    credentials = generate()
    app = SandboxApp(credentials, bring=bring)
    server = make_server("127.0.0.1", 0, app, server_class=_Threads, handler_class=_Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    post = Post(f"http://127.0.0.1:{server.server_port}", app, credentials)
    post.switch(scan_every_s=0.0)
    try:
        yield post
    finally:
        server.shutdown()
        server.server_close()
        app.stop()


class Dispatch:
    """The company of `World` with accounts at the couriers, and orders that became shipments."""

    def __init__(self, post: Post) -> None:
        self.post, self.world = post, World()
        keys = post.credentials
        self.zto = CourierAccount.objects.create(
            carrier=self.world.carrier,
            adapter="cainiao",
            base_url=f"{post.url}/router/rest",
            app_key=keys.top_app_key,
            secrets={"secret": keys.top_secret, "session": keys.top_session, "user_id": keys.seller_id},
            template_url="http://cloudprint.cainiao.com/template/standard/301",
            **SENDER,
        )
        self.sf_carrier = Carrier.objects.create(code="SF", name="顺丰速运")
        self.sf = CourierAccount.objects.create(
            carrier=self.sf_carrier,
            adapter="sf",
            base_url=f"{post.url}/std/service",
            app_key=keys.sf_partner_id,
            secrets={"checkword": keys.sf_checkword},
            customer_code="7551234567",
            **SENDER,
        )

    def tracking(self, *, callback_url: str = "http://127.0.0.1:9/") -> TrackingAccount:
        keys = self.post.credentials
        return TrackingAccount.objects.create(
            name="快递100",
            base_url=self.post.url,
            customer=keys.kuaidi100_customer,
            secrets={"key": keys.kuaidi100_key, "salt": keys.kuaidi100_salt},
            callback_url=callback_url,
        )

    def shipments(self, count: int = 1, *, carrier: Carrier | None = None, **changes: Any) -> list[Shipment]:
        """Orders that came as far as the warehouse, whose delivery orders nobody sends."""
        known = set(Shipment.objects.values_list("pk", flat=True))
        self.world.deliver(*(self.world.trade(("SKU-1", 2, "110.00"), **changes) for _ in range(count)))
        Relay().drain()
        OutgoingCommand.objects.filter(kind=CREATE_KIND).update(status="done")
        rows = Shipment.objects.exclude(pk__in=known).order_by("pk")
        if carrier is not None:
            rows.update(carrier=carrier)
        return list(rows.all())


def ask(shipments: list[Shipment], **more: Any) -> BatchResult:
    with unit_of_work() as work:
        return request_waybills(shipment_ids=[shipment.pk for shipment in shipments], work=work, **more)


def send() -> int:
    """Sender and relay in turns until nothing is due; how many commands were tried."""
    tried = 0
    while True:
        now = sum(outgoing.drain_target(target).tried for target in outgoing.waiting_targets(at=timezone.now()))
        tried += now
        if not Relay().drain() + now:
            return tried


def due_now() -> None:
    """What pauses is due at once."""
    OutgoingCommand.objects.filter(status="waiting").update(due_at=timezone.now())
    CourierAccount.objects.update(paused_until=None)
    TrackingAccount.objects.update(paused_until=None)


def waybills_of(shipment: Shipment) -> list[Waybill]:
    return list(Waybill.objects.filter(shipment=shipment).order_by("pk"))
