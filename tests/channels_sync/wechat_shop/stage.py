"""A WeChat shop on the sandbox, over real HTTP on loopback, and our client for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from channels_sync.adapters import wechat_shop_client
from channels_sync.adapters.base import Connection
from channels_sync.adapters.wechat_shop import PLATFORM, WechatShopAdapter
from channels_sync.adapters.wechat_shop_client import WechatClient
from channels_sync.sandbox.control_trades import TradeControl
from channels_sync.sandbox.platforms.wechat_shop import CODE
from channels_sync.sandbox.switches import changed
from channels_sync.sandbox.trades import Trade
from tests.fulfillment.courier_stage import Post


class WechatStage:
    """One shop. connection: as our account has it; adapter: a client for it that does not wait between repeats."""

    def __init__(self, post: Post):
        self.post, self.app = post, post.app
        keys = post.credentials
        secrets = {"secret": keys.wechat_secret, "token": keys.wechat_token, "aes_key": keys.wechat_aes_key}
        self.connection = Connection(
            account_id=1, base_url=f"{post.url}/wechat_shop", app_key=keys.wechat_app_id, secrets=secrets
        )
        wechat_shop_client._instead.clear()

    @property
    def adapter(self) -> WechatShopAdapter:
        return WechatShopAdapter(self.client())

    def client(self, **secrets: str) -> WechatClient:
        connection = replace(self.connection, secrets={**self.connection.secrets, **secrets})
        return WechatClient(connection, pause=lambda _s: None)

    def renew(self) -> Mapping[str, Any]:
        """Fetch the token as the one place for it does, and keep it with the account."""
        assert PLATFORM.renew is not None
        renewed = PLATFORM.renew(self.connection)
        self.connection = replace(self.connection, secrets=renewed.secrets)
        return renewed.secrets

    def switch(self, **wanted: Any) -> None:
        with self.app.world.change():
            self.app.world.switches = changed(self.app.world.switches, {"platforms": {CODE: wanted}})

    def sell(self, *lines: tuple[str, int], **wanted: Any) -> Trade:
        """A paid order. lines: (code, pieces)."""
        body = {"platform": CODE, "lines": [{"sku": sku, "num": num} for sku, num in lines or [("SKU-1001", 2)]]}
        (number,) = TradeControl(self.app.shop).make({**body, **wanted})["tids"]
        return self.app.shop.sold_on(CODE, number)
