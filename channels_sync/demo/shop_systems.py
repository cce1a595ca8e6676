"""The demo company's shops on shop systems: Shopify, WooCommerce, and its own site behind a connector."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from channels_sync.connector.samples import SAMPLE
from channels_sync.models import ChannelAccount, ConnectorVersion
from channels_sync.sandbox.credentials import Credentials
from channels_sync.sandbox.platforms import TRAITS
from channels_sync.sandbox.platforms.shopify import LOCATION
from ordercenter.catalog.models import Channel, ListingMatch, Shop

CHANNELS = {"shopify": "Shopify", "woocommerce": "WooCommerce", "http": "官网"}
_ROOTS = {"shopify": "/shopify", "woocommerce": "/woocommerce", "http": "/direct"}


def seed_shop_systems(*, first: Shop, credentials: Credentials, sandbox_url: str) -> list[Shop]:
    """Write these shops with the goods of the first, or bring their addresses and secrets up to date."""
    shops = []
    for code, name in CHANNELS.items():
        channel, _ = Channel.objects.get_or_create(code=code, defaults={"name": name})
        defaults = {"channel": channel, "name": TRAITS[code].shop_name}
        shop, _ = Shop.objects.get_or_create(code=f"mumian-{code}", defaults=defaults)
        account = ChannelAccount.objects.filter(shop=shop).first() or ChannelAccount(shop=shop, adapter=code)
        account.base_url = f"{sandbox_url}{_ROOTS[code]}"
        account.app_key, account.secrets = access_of(code, credentials)
        account.push_token = credentials.push_token(code)
        if code == "shopify":
            account.options = {**account.options, "location_id": str(LOCATION)}
        account.save()
        if code == "http" and not account.options.get("connector"):
            _connect(account)
        ListingMatch.objects.bulk_create(
            [
                ListingMatch(shop=shop, listing_id=row.listing_id, listing_sku_id=row.listing_sku_id, sku_id=row.sku_id)
                for row in ListingMatch.objects.filter(shop=first)
            ],
            ignore_conflicts=True,
        )
        shops.append(shop)
    return shops


def access_of(code: str, keys: Credentials) -> tuple[str, Mapping[str, Any]]:
    """App key and secrets of an account."""
    if code == "shopify":
        return keys.shopify_domain, {"access_token": keys.shopify_access_token, "api_secret": keys.shopify_api_secret}
    if code == "woocommerce":
        return keys.woo_key, {"consumer_secret": keys.woo_secret, "webhook_secret": keys.woo_webhook_secret}
    return "mumian", {"api_key": keys.direct_api_key, "webhook_secret": keys.direct_webhook_secret}


def _connect(account: ChannelAccount) -> None:
    """The sample document is the first version, and at work."""
    digest = hashlib.sha256(json.dumps(SAMPLE, sort_keys=True).encode()).hexdigest()
    ConnectorVersion.objects.create(account=account, number=1, document=SAMPLE, digest=digest)
    account.options = {**account.options, "connector": SAMPLE, "connector_version": 1}
    account.save()
