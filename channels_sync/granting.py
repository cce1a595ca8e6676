"""A seller gives us access with a click: out to the platform's login, back with a code, and the tokens are kept."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.core import signing
from django.utils import timezone

from channels_sync.accounts import all_is_well
from channels_sync.errors import GrantRefused
from channels_sync.models import ChannelAccount
from channels_sync.platforms import connection_of, platform_of
from ordercenter.audit.deeds import record_deed
from ordercenter.audit.work import unit_of_work
from ordercenter.common.actor import Actor
from ordercenter.common.secretfield import seal

# Logging in at a platform takes minutes, not hours.
STATE_HOLDS_S = 1800
_SALT = "channels.granting"


def granting_address(*, account: ChannelAccount, user_id: int, back: str) -> str | None:
    """Where this person's browser goes to give access; None where the platform or the account has no such way."""
    granting = platform_of(account).granting
    if granting is None:
        return None
    state = signing.dumps({"account": account.pk, "user": user_id}, salt=_SALT)
    return granting.address(connection_of(account), state, back)


def account_of_state(state: str, *, user_id: int) -> int:
    """Which account a browser that comes back with this state is about.

    Raises GrantRefused for a state that is not ours, of somebody else, or older than half an hour.
    """
    try:
        told = signing.loads(state, salt=_SALT, max_age=STATE_HOLDS_S)
    except signing.BadSignature as error:
        raise GrantRefused(why="stale") from error
    if told["user"] != user_id:
        raise GrantRefused(why="stale", detail="begun by somebody else")
    return int(told["account"])


def take_grant(
    *, account: ChannelAccount, query: Mapping[str, str], back: str, actor: Actor, at: datetime | None = None
) -> None:
    """Make tokens of what the seller came back with, and go on with the account: a case about its authorisation closes.

    The call goes out of any transaction. Raises GrantRefused, ChannelError. Writes the deed "channel.granted".
    """
    now, granting = at or timezone.now(), platform_of(account).granting
    if granting is None:
        raise GrantRefused(why="denied", detail="this platform has no such way")
    renewed = granting.grant(connection_of(account), query, back)
    account.secrets = seal(dict(renewed.secrets))
    account.authorised_until, account.renewable_until = renewed.valid_until, renewed.renewable_until
    account.renewed_at, account.renewing_until = now, None
    with unit_of_work(at=now, actor=actor) as work:
        account.save(update_fields=["secrets", "authorised_until", "renewable_until", "renewed_at", "renewing_until"])
        until = renewed.valid_until.isoformat() if renewed.valid_until is not None else None
        record_deed(work, action="channel.granted", subject=f"account:{account.pk}", details={"valid_until": until})
    account.refresh_from_db(fields=["pause_reason", "paused_until"])
    all_is_well(account)
