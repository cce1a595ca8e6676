"""All platforms that we speak with, by the code that accounts keep."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from channels_sync.adapters import douyin, http, jd, shopify, tmall, wechat_shop, woocommerce
from channels_sync.adapters.base import Connection, Platform, Renewed
from channels_sync.models import ChannelAccount
from ordercenter.common.errors import Misconfigured
from ordercenter.common.secretfield import unseal

PLATFORMS: Mapping[str, Platform] = {
    platform.code: platform
    for platform in (
        tmall.PLATFORM,
        jd.PLATFORM,
        douyin.PLATFORM,
        wechat_shop.PLATFORM,
        shopify.PLATFORM,
        woocommerce.PLATFORM,
        http.PLATFORM,
    )
}


def platform_of(account: ChannelAccount) -> Platform:
    """The account's platform. Raises Misconfigured for one that is not installed."""
    try:
        return PLATFORMS[account.adapter]
    except KeyError:
        raise Misconfigured(f"account {account.pk}: there is no adapter {account.adapter}") from None


def renew_of(account: ChannelAccount) -> Callable[[Connection], Renewed] | None:
    """How the account gets a new access token without the seller; None where it does not, or lacks what it takes."""
    platform = platform_of(account)
    if platform.renew is not None and platform.renew_needs and not unseal(account.secrets).get(platform.renew_needs):
        return None
    return platform.renew


def connection_of(account: ChannelAccount) -> Connection:
    """What a client needs of the account, its secrets unsealed."""
    return Connection(
        account_id=account.pk,
        base_url=account.base_url,
        app_key=account.app_key,
        secrets=unseal(account.secrets),
        options=account.options,
        message_group=account.message_group,
    )
