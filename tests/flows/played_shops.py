"""The played platforms beside Tmall over real HTTP, each with a shop of ours, in the test's own thread."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from types import SimpleNamespace
from urllib.parse import urlsplit

import httpx
import pytest
from django.test import Client

from channels_sync.demo.shops import seed_further_shops
from channels_sync.models import ChannelAccount
from channels_sync.sandbox import goods
from channels_sync.sandbox.control import SandboxControl
from channels_sync.sandbox.credentials import Credentials, generate
from channels_sync.sandbox.platforms import Sealed
from channels_sync.sandbox.wsgi import SandboxApp
from channels_sync.services import pull_orders, pull_refunds, read_back
from fulfillment.services.dispatching import CANCEL_KIND, CREATE_KIND
from ordercenter.catalog.models import ListingMatch, Sku
from ordercenter.events import registry
from ordercenter.events.models import OutgoingCommand
from ordercenter.events.registry import Attempt
from tests.channels_sync.sandbox.over_http import over_http
from tests.flows.outside import ANSWERS, settle_down
from tests.flows.world import World


@dataclass
class Played:
    """The sandbox, reached over HTTP; what it pushes comes to our door in the test's own thread."""

    app: SandboxApp
    control: SandboxControl
    url: str
    world: World
    credentials: Credentials

    def account(self, platform: str) -> ChannelAccount:
        return ChannelAccount.objects.select_related("shop").get(adapter=platform)

    def hear(self, platform: str) -> None:
        """All that the platform has to say reaches our books: pushed and read back, or pulled."""
        account = self.account(platform)
        while self.app.world.agenda.run_due() or self.app.pusher.send_waiting():
            pass
        if platform == "jd":
            pull_orders(account=account)
            pull_refunds(account=account)
        else:
            while read_back(account=account):
                pass
        settle_down()


def bring(url: str, sealed: Sealed, _timeout_s: float) -> tuple[int, bytes]:
    parts = urlsplit(url)
    answer = Client().post(
        f"{parts.path}?{parts.query}", data=sealed.body, content_type=sealed.content_type, headers=dict(sealed.headers)
    )
    return answer.status_code, answer.content


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Iterator[Played]:
    def answer_warehouse(_target: str, commands: Sequence[OutgoingCommand]) -> Mapping[int, Attempt]:
        return {c.pk: Attempt(lambda kind=c.kind: dict(ANSWERS[kind])) for c in commands}

    for kind in (CREATE_KIND, CANCEL_KIND):
        monkeypatch.setitem(registry._senders, kind, replace(registry.senders()[kind], prepare=answer_warehouse))
    world = World()
    wares = (*goods.SKUS, goods.SCARCE)
    skus = Sku.objects.bulk_create(
        Sku(code=ware.code, name=ware.title, weight_g=ware.weight_g, list_price=Decimal(ware.price_fen) / 100)
        for ware in wares
    )
    world.stock({sku.code: 100 for sku in skus}, key="demo")
    ListingMatch.objects.bulk_create(
        ListingMatch(shop=world.shop, listing_id=str(ware.num_iid), listing_sku_id=str(ware.sku_id), sku=sku)
        for ware, sku in zip(wares, skus, strict=True)
    )
    credentials = generate()
    app = SandboxApp(credentials, bring=bring)
    control = SandboxControl("http://localhost", transport=httpx.WSGITransport(app=app))
    with over_http(SimpleNamespace(app=app)) as url:
        seed_further_shops(first=world.shop, credentials=credentials, sandbox_url=url)
        yield Played(app, control, url, world, credentials)
    control.close()
    app.stop()
