"""The demo company's shops beside its first: one on each further platform that the sandbox plays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.utils import timezone

from channels_sync.models import ChannelAccount
from channels_sync.sandbox.credentials import Credentials
from channels_sync.sandbox.platforms import TRAITS
from channels_sync.sandbox.platforms.settling import SERVICE_PERMILLE
from finance.models import AgreedFee, SettlementTerms
from ordercenter.catalog.models import Channel, ListingMatch, Shop
from ordercenter.common.secretfield import unseal


@dataclass(frozen=True)
class DemoShop:
    """platform: its code, also that of the channel. root: its address below the sandbox's.

    options: see the platform's own; they may name the sandbox's address. token_days, renewable_days: how long the
    tokens among the secrets are good as the seller's grant brought them; 0 where the application fetches its own.
    """

    platform: str
    shop_code: str
    channel_name: str
    root: str
    app_key: Callable[[Credentials], str]
    secrets: Callable[[Credentials], Mapping[str, str]]
    options: Callable[[Credentials, str], Mapping[str, Any]] = lambda _keys, _url: {}
    token_days: int = 0
    renewable_days: int = 0


_TOKENS = ("access_token", "refresh_token")
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
    DemoShop(
        platform="jd",
        shop_code="mumian-jd",
        channel_name="京东",
        root="/jd/routerjson",
        app_key=lambda keys: keys.jd_app_key,
        secrets=lambda keys: {
            "secret": keys.jd_secret,
            "access_token": keys.jd_access_token,
            "refresh_token": keys.jd_refresh_token,
        },
        options=lambda _keys, url: {"oauth_url": f"{url}/jd"},
        token_days=365,
        renewable_days=365,
    ),
    DemoShop(
        platform="douyin",
        shop_code="mumian-douyin",
        channel_name="抖音",
        root="/douyin",
        app_key=lambda keys: keys.douyin_app_key,
        secrets=lambda keys: {
            "secret": keys.douyin_secret,
            "access_token": keys.douyin_access_token,
            "refresh_token": keys.douyin_refresh_token,
        },
        options=lambda keys, _url: {"shop_id": keys.douyin_shop_id},
        token_days=7,
        renewable_days=14,
    ),
)


# What platforms that tell settlements take of them, under their name.
_FEES = {"douyin": "platform_service_fee", "wechat_shop": "platform_commission"}


def seed_further_shops(*, first: Shop, credentials: Credentials, sandbox_url: str) -> list[Shop]:
    """Write these shops with the goods of the first, or bring their addresses and secrets up to date."""
    shops, now = [], timezone.now()
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
                "options": dict(there.options(credentials, sandbox_url)),
                "push_token": credentials.push_token(there.platform),
                "authorised_until": now + timedelta(days=there.token_days) if there.token_days else None,
                "renewable_until": now + timedelta(days=there.renewable_days) if there.renewable_days else None,
            },
        )
        if not is_new:
            account.base_url, account.app_key = f"{sandbox_url}{there.root}", there.app_key(credentials)
            known, given = unseal(account.secrets), there.secrets(credentials)
            # A token that was fetched meanwhile stays.
            given = {name: value for name, value in given.items() if name not in _TOKENS or name not in known}
            account.secrets = {**known, **given}
            account.options = dict(there.options(credentials, sandbox_url))
            account.push_token = credentials.push_token(there.platform)
            account.save()
        ListingMatch.objects.bulk_create(
            [
                ListingMatch(shop=shop, listing_id=row.listing_id, listing_sku_id=row.listing_sku_id, sku_id=row.sku_id)
                for row in ListingMatch.objects.filter(shop=first)
            ],
            ignore_conflicts=True,
        )
        if fee := _FEES.get(there.platform):
            terms, _made = SettlementTerms.objects.get_or_create(shop=shop)
            AgreedFee.objects.get_or_create(terms=terms, code=fee, defaults={"permille": SERVICE_PERMILLE})
        shops.append(shop)
    return shops
