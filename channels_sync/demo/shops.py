"""The demo company's shops beside its first: one on each further platform that the sandbox plays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from channels_sync.models import ChannelAccount
from channels_sync.sandbox.credentials import Credentials
from channels_sync.sandbox.platforms import TRAITS
from ordercenter.catalog.models import Channel, ListingMatch, Shop
from ordercenter.common.secretfield import unseal


@dataclass(frozen=True)
class DemoShop:
    """platform: its code, also that of the channel. root: its address below the sandbox's."""

    platform: str
    shop_code: str
    channel_name: str
    root: str
    app_key: Callable[[Credentials], str]
    secrets: Callable[[Credentials], Mapping[str, str]]


FURTHER_SHOPS = (
    DemoShop(
        platform="wechat_shop",
        shop_code="mumian-wechat",
        channel_name="微信小店",
        root="/wechat_shop",
        app_key=lambda keys: keys.wechat_app_id,
        secrets=lambda keys: {
            "secret": keys.wechat_secret,
            "token": keys.wechat_token,
            "aes_key": keys.wechat_aes_key,
        },
    ),
)


def seed_further_shops(*, first: Shop, credentials: Credentials, sandbox_url: str) -> list[Shop]:
    """Write these shops with the goods of the first, or bring their addresses and secrets up to date."""
    shops = []
    for there in FURTHER_SHOPS:
        channel, _ = Channel.objects.get_or_create(code=there.platform, defaults={"name": there.channel_name})
        name = TRAITS[there.platform].shop_name
        shop, _ = Shop.objects.get_or_create(code=there.shop_code, defaults={"channel": channel, "name": name})
        account, is_new = ChannelAccount.objects.get_or_create(
            shop=shop,
            defaults={
                "adapter": there.platform,
                "base_url": f"{sandbox_url}{there.root}",
                "app_key": there.app_key(credentials),
                "secrets": dict(there.secrets(credentials)),
                "push_token": credentials.push_token(there.platform),
            },
        )
        if not is_new:
            # A token that was fetched meanwhile stays.
            account.base_url, account.app_key = f"{sandbox_url}{there.root}", there.app_key(credentials)
            account.secrets = {**unseal(account.secrets), **there.secrets(credentials)}
            account.push_token = credentials.push_token(there.platform)
            account.save()
        ListingMatch.objects.bulk_create(
            [
                ListingMatch(shop=shop, listing_id=row.listing_id, listing_sku_id=row.listing_sku_id, sku_id=row.sku_id)
                for row in ListingMatch.objects.filter(shop=first)
            ],
            ignore_conflicts=True,
        )
        shops.append(shop)
    return shops
