"""All played platforms, and how much of the background shop's orders each of them sells.

A platform that is listed here is alive: the background shop sells on it, scenarios may, and its pushes go out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from channels_sync.sandbox.credentials import Credentials
from channels_sync.sandbox.platforms import TMALL, PlatformDoor
from channels_sync.sandbox.platforms.direct import DirectDoor
from channels_sync.sandbox.platforms.douyin import DouyinDoor
from channels_sync.sandbox.platforms.jd import JdDoor
from channels_sync.sandbox.platforms.shopify import ShopifyDoor
from channels_sync.sandbox.platforms.tmall import TmallDoor
from channels_sync.sandbox.platforms.wechat_shop import WechatShopDoor
from channels_sync.sandbox.platforms.woocommerce import WooCommerceDoor
from channels_sync.sandbox.shop import Shop
from channels_sync.sandbox.waybills import Couriers

DOORS: dict[str, Callable[[Shop, Credentials, Couriers], PlatformDoor]] = {
    TMALL: TmallDoor,
    "wechat_shop": WechatShopDoor,
    "jd": JdDoor,
    "douyin": DouyinDoor,
    "shopify": ShopifyDoor,
    "woocommerce": WooCommerceDoor,
    "http": DirectDoor,
}


# Most of a platform with live rooms is sold in one: its share is larger, so that a board moves while somebody looks.
_WITH_ROOMS = 4.0


def background_mix() -> Mapping[str, float]:
    """Weights by platform: Tmall sells as much as all others together."""
    others = {code: _WITH_ROOMS if code == "douyin" else 1.0 for code in DOORS if code != TMALL}
    return {TMALL: sum(others.values()) or 1.0, **others}
