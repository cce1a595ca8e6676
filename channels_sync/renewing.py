"""Access tokens, renewed before they end, one process at a time: a second renewal would take the first one's away."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from django.db.models import Q
from django.utils import timezone

from channels_sync.accounts import all_is_well, authorisation_is_lost
from channels_sync.models import ChannelAccount
from channels_sync.platforms import connection_of, platform_of, renew_of
from ordercenter.cases import services as cases
from ordercenter.cases.services import CaseDraft
from ordercenter.common.platform_errors import AuthorizationExpired
from ordercenter.common.secretfield import seal

logger = structlog.get_logger(__name__)

# So long one process may take; then another one tries.
LEASE = timedelta(seconds=60)
# The shop's owner is told so long before only they can help.
WARN_BEFORE = timedelta(days=3)


def renew_authorisation(*, account: ChannelAccount, at: datetime | None = None) -> bool:
    """Fetch a new access token when the present one ends soon; whether there is a new one.

    Makes the outside call between two short transactions. Raises what the platform answers; when it says that only the
    seller can help, the account gets its case and pauses. Warns with a case three days before the end of what we can do
    by ourselves.
    """
    now, platform = at or timezone.now(), platform_of(account)
    _warn_of_the_end(account, now)
    if (
        (renew := renew_of(account)) is None
        or not _is_due(account, now, platform.renew_before)
        or not _claim(account, now)
    ):
        return False
    account.refresh_from_db()
    try:
        renewed = renew(connection_of(account))
    except Exception as error:
        # Whatever ended it: the next one may try. A lost grant is told besides.
        ChannelAccount.objects.filter(pk=account.pk).update(renewing_until=None)
        if isinstance(error, AuthorizationExpired):
            authorisation_is_lost(account, error, at=now)
        raise
    account.secrets = seal(dict(renewed.secrets))
    account.authorised_until, account.renewed_at = renewed.valid_until, now
    # The lease ends with the row that holds the new token: in between, another process would renew with the old one.
    account.renewable_until, account.renewing_until = renewed.renewable_until, None
    account.save(update_fields=["secrets", "authorised_until", "renewed_at", "renewable_until", "renewing_until"])
    all_is_well(account)
    logger.info("channel.renewed", account=account.pk, valid_until=str(renewed.valid_until))
    return True


def _is_due(account: ChannelAccount, now: datetime, before: timedelta) -> bool:
    if account.authorised_until is None:
        # Never fetched; or it has no end, and was.
        return account.renewed_at is None
    return account.authorised_until - before <= now


def _claim(account: ChannelAccount, now: datetime) -> bool:
    mine = ChannelAccount.objects.filter(
        Q(renewing_until=None) | Q(renewing_until__lt=now), pk=account.pk, renewed_at=account.renewed_at
    )
    return bool(mine.update(renewing_until=now + LEASE))


def _warn_of_the_end(account: ChannelAccount, now: datetime) -> None:
    """One case while the end is near; it closes by itself once the end has moved away."""
    renews = renew_of(account) is not None
    end = account.renewable_until if renews else account.authorised_until
    subject = f"account:{account.pk}"
    if end is not None and now > end - WARN_BEFORE:
        evidence = {"ends_at": end.isoformat(), "shop": account.shop_id}
        draft = CaseDraft(
            code="CHANNEL_AUTH_ENDING",
            subject=subject,
            shop_id=account.shop_id,
            reference=account.app_key,
            evidence=evidence,
        )
        cases.open_cases(drafts=[draft])
    else:
        cases.close_cases_of(subjects=[subject], codes=["CHANNEL_AUTH_ENDING"], resolution="authorised for longer")
