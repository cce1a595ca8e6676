"""From a stored account to a client of its platform."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from channels_sync.adapters.base import ChannelAdapter
from channels_sync.adapters.tmall import TmallAdapter
from channels_sync.models import ChannelAccount
from ordercenter.cases import services as cases
from ordercenter.cases.services import CaseDraft
from ordercenter.common.errors import Misconfigured, OrderCenterError
from ordercenter.common.platform_errors import AuthorizationExpired, ChannelThrottled
from ordercenter.common.secretfield import unseal
from ordercenter.common.top_client import TopClient, TopCredentials
from ordercenter.events.retrying import pause_is_over

# How often an account without authorisation looks whether it was given a new one.
AUTHORISATION_PAUSE_S = 60


class ChannelPaused(OrderCenterError):
    """The platform asked us to wait, or the shop's authorisation has to be renewed first."""

    code = "channels.paused"
    title = _("The channel is paused.")
    hint = _("It goes on by itself; renew the authorisation if that is the reason.")
    retryable = True
    is_pause = True
    status = 503

    def __init__(self, *, account_id: int, wait_s: float, reason: str):
        super().__init__(f"account {account_id} is paused for {wait_s:.0f} s: {reason}")
        self.account_id, self.wait_s, self.reason = account_id, wait_s, reason


def adapter_of(account: ChannelAccount) -> ChannelAdapter:
    """A client for this account. Raises Misconfigured for an adapter that is not installed or incomplete secrets."""
    if account.adapter != "tmall":
        raise Misconfigured(f"account {account.pk}: there is no adapter {account.adapter}")
    secrets = unseal(account.secrets)
    try:
        credentials = TopCredentials(
            app_key=account.app_key, secret=secrets["secret"], session=secrets["session"], base_url=account.base_url
        )
    except KeyError as missing:
        raise Misconfigured(f"account {account.pk}: its secrets lack {missing}") from missing
    return TmallAdapter(TopClient(credentials), message_group=account.message_group)


def refuse_while_paused(account: ChannelAccount, *, at: datetime) -> None:
    """Raises ChannelPaused while the platform's ban or quota lasts."""
    if account.paused_until is not None and account.paused_until > at:
        wait_s = (account.paused_until - at).total_seconds()
        raise ChannelPaused(account_id=account.pk, wait_s=wait_s, reason=account.pause_reason)


@transaction.atomic
def pause_after(account: ChannelAccount, error: OrderCenterError, *, at: datetime) -> ChannelPaused | None:
    """Remember a ban, a used-up quota or a lost authorisation, so that no further call is wasted on it.

    A lost authorisation makes one case for the account, however many calls meet it. Returns what further calls get, or
    None for an error that does not concern the account as a whole.
    """
    if not isinstance(error, ChannelThrottled | AuthorizationExpired):
        return None
    # One after the other: several processes meet a lost authorisation at the same moment.
    ChannelAccount.objects.select_for_update().get(pk=account.pk)
    wait_s = error.wait_s
    if isinstance(error, AuthorizationExpired):
        wait_s = AUTHORISATION_PAUSE_S
        cases.open_cases(
            drafts=[
                CaseDraft(
                    code="CHANNEL_AUTH",
                    subject=f"account:{account.pk}",
                    shop_id=account.shop_id,
                    reference=account.app_key,
                    evidence=error.evidence(),
                )
            ]
        )
    reason = f"{error.code}: {error}"[:200]
    ChannelAccount.objects.filter(pk=account.pk).update(
        paused_until=at + timedelta(seconds=wait_s), pause_reason=reason
    )
    return ChannelPaused(account_id=account.pk, wait_s=wait_s, reason=reason)


def all_is_well(account: ChannelAccount) -> None:
    """A call went through: a case about the authorisation has lost its cause."""
    if account.pause_reason:
        ChannelAccount.objects.filter(pk=account.pk).update(paused_until=None, pause_reason="")
        account.pause_reason, account.paused_until = "", None
        pause_is_over(f"account:{account.pk}")
        cases.close_cases_of(subjects=[f"account:{account.pk}"], codes=["CHANNEL_AUTH"], resolution="authorised again")
