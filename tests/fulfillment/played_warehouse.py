"""Our system and played warehouses that speak the real protocol with it, over HTTP both ways."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from django.test import Client

from channels_sync.sandbox.credentials import generate
from channels_sync.sandbox.switches import Switches
from channels_sync.sandbox.wsgi import now_ms
from fulfillment.models import Shipment, WmsAccount
from ordercenter.inventory.models import StockLevel
from tests.channels_sync.sandbox.stage import FakeClock, Stage
from tests.flows.outside import settle_down
from tests.flows.world import World
from tests.local_http import Received, Reply, serving


class Play:
    """Our system and a played warehouse of the same customer: `turn` lets both do what is due."""

    def __init__(self, stage: Stage, url: str) -> None:
        self.stage, self.world = stage, World(stock=100)
        keys = stage.credentials
        east, south = self.world.east, self.world.south
        for warehouse, code in ((east, "WH-HZ-01"), (south, "WH-GZ-01")):
            warehouse.code, warehouse.customer_id = code, keys.qimen_customer_id
            warehouse.save()
        WmsAccount.objects.update(base_url=url, app_key=keys.qimen_app_key)
        for account in WmsAccount.objects.all():
            account.secret = keys.qimen_secret
            account.save()
        sku = self.world.skus[1]
        sku.code = "SKU-1001"
        sku.save()
        self.sku = sku

    def order(self, pieces: int = 2) -> Shipment:
        trade = self.world.trade(("SKU-1001", pieces, "110.00"))
        self.world.deliver(trade)
        settle_down()
        return Shipment.objects.order_by("-pk")[0]

    def turn(self, seconds: float = 4) -> None:
        settle_down()
        self.stage.pass_time(seconds)
        settle_down()

    def level(self) -> StockLevel:
        return StockLevel.objects.get(sku=self.sku, warehouse=self.world.east)

    def south(self) -> StockLevel:
        return StockLevel.objects.get(sku=self.sku, warehouse=self.world.south)


@contextmanager
def playing() -> Iterator[Play]:
    """Both warehouses of the company, and us, for the length of a test."""
    stage = Stage(
        generate(), FakeClock(now_ms()), resting=Switches(wms_callback_url="http://testserver/qimen/{customerId}/")
    )

    def to_us(url: str, body: bytes) -> bytes:
        parts = urlsplit(url)
        return bytes(Client().post(f"{parts.path}?{parts.query}", body, content_type="text/xml").content)

    stage.app.warehouse._send = to_us

    def to_them(request: Received) -> Reply:
        answer = stage.http.post(
            request.path, params=request.query, content=request.body, headers={"content-type": "text/xml"}
        )
        return Reply(answer.content, answer.status_code, "text/xml;charset=utf-8")

    with serving(to_them) as server:
        yield Play(stage, f"{server.url}/router/qimen/service")
    stage.close()
