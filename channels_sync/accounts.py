"""From a stored account to a client of its platform."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from channels_sync.adapters.base import ChannelAdapter
from channels_sync.models import ChannelAccount
from channels_sync.platforms import connection_of, platform_of, renew_of
from ordercenter.cases import services as cases
from ordercenter.cases.services import CaseDraft
from ordercenter.common.errors import Misconfigured, OrderCenterError
from ordercenter.common.platform_errors import AuthorizationExpired, ChannelThrottled
from ordercenter.events.retrying import pause_is_over

# How often an account without authorisation looks whether it was given a new one.
AUTHORISATION_PAUSE_S = 60
# Meanwhile a new token is fetched.
RENEWAL_PAUSE_S = 1.0


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
    platform = platform_of(account)
    try:
        return platform.connect(connection_of(account))
    except KeyError as missing:
        raise Misconfigured(f"account {account.pk}: its secrets lack {missing}") from missing


def refuse_while_paused(account: ChannelAccount, *, at: datetime) -> None:
    """Raises ChannelPaused while the platform's ban or quota lasts."""
    if account.paused_until is not None and account.paused_until > at:
        wait_s = (account.paused_until - at).total_seconds()
        raise ChannelPaused(account_id=account.pk, wait_s=wait_s, reason=account.pause_reason)


@transaction.atomic
def pause_after(account: ChannelAccount, error: OrderCenterError, *, at: datetime) -> ChannelPaused | None:
    """Remember a ban, a used-up quota or a lost authorisation, so that no further call is wasted on it.

    A lost authorisation makes one case for the account, however many calls meet it; where the platform lets us renew it
    ourselves, that is tried first, and the case comes when it fails. Returns what further calls get, or None for an
    error that does not concern the account as a whole.
    """
    if isinstance(error, AuthorizationExpired):
        # One after the other: several processes meet a lost authorisation at the same moment.
        locked = ChannelAccount.objects.select_for_update().get(pk=account.pk)
        if not _is_renewable(locked, at):
            return authorisation_is_lost(account, error, at=at)
        ChannelAccount.objects.filter(pk=account.pk).update(authorised_until=at)
        return _pause(account, error, at=at, wait_s=RENEWAL_PAUSE_S)
    if isinstance(error, ChannelThrottled):
        return _pause(account, error, at=at, wait_s=error.wait_s)
    return None


@transaction.atomic
def authorisation_is_lost(account: ChannelAccount, error: AuthorizationExpired, *, at: datetime) -> ChannelPaused:
    """Only the seller can help: one case for the account, and no calls but one look a minute."""
    ChannelAccount.objects.select_for_update().get(pk=account.pk)
    draft = CaseDraft(
        code="CHANNEL_AUTH",
        subject=f"account:{account.pk}",
        shop_id=account.shop_id,
        reference=account.app_key,
        evidence=error.evidence(),
    )
    cases.open_cases(drafts=[draft])
    return _pause(account, error, at=at, wait_s=AUTHORISATION_PAUSE_S)


def all_is_well(account: ChannelAccount) -> None:
    """A call went through: a case about the authorisation has lost its cause."""
    if account.pause_reason:
        ChannelAccount.objects.filter(pk=account.pk).update(paused_until=None, pause_reason="")
        account.pause_reason, account.paused_until = "", None
        pause_is_over(f"account:{account.pk}")
        cases.close_cases_of(subjects=[f"account:{account.pk}"], codes=["CHANNEL_AUTH"], resolution="authorised again")


def _is_renewable(account: ChannelAccount, at: datetime) -> bool:
    """Whether a refused token may be renewed by us: not one that was renewed just now and is refused all the same."""
    if renew_of(account) is None:
        return False
    return account.renewed_at is None or at - account.renewed_at > timedelta(seconds=AUTHORISATION_PAUSE_S)


def _pause(account: ChannelAccount, error: OrderCenterError, *, at: datetime, wait_s: float) -> ChannelPaused:
    reason = f"{error.code}: {error}"[:200]
    ChannelAccount.objects.filter(pk=account.pk).update(
        paused_until=at + timedelta(seconds=wait_s), pause_reason=reason
    )
    return ChannelPaused(account_id=account.pk, wait_s=wait_s, reason=reason)
