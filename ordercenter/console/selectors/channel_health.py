"""How each channel is doing: when it last spoke, how late it is, what it lost, what waits, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Q, QuerySet, Sum
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from channels_sync.models import ChannelAccount, PullRun, SyncCursor
from channels_sync.platforms import PLATFORMS
from ordercenter.common.scope import Scope

# What is shown of lag and errors is that of the last hour, of gaps that of the last day.
RECENT, GAPS = timedelta(hours=1), timedelta(hours=24)
SLOW_S = 60
TOKEN_WARNING = timedelta(days=3)
RUN_ROWS = 30

_MESSAGES = """
SELECT source, max(received_at), count(*), count(*) FILTER (WHERE status = 'parked'),
       percentile_cont(0.5) WITHIN GROUP (ORDER BY lag), percentile_cont(0.99) WITHIN GROUP (ORDER BY lag)
FROM (SELECT source, received_at, status,
             greatest(extract(epoch FROM received_at - platform_at), 0) AS lag
      FROM events_inbox WHERE received_at > %s AND source = ANY(%s)) AS recent
GROUP BY source
"""
_WAITING = """
SELECT source, count(DISTINCT subject) FILTER (WHERE status = 'waiting'),
       count(DISTINCT subject) FILTER (WHERE status = 'parked'), min(received_at) FILTER (WHERE status = 'waiting')
FROM events_inbox WHERE status IN ('waiting', 'parked') AND source = ANY(%s) GROUP BY source
"""
_COMMANDS = """
SELECT target, count(*) FROM events_outgoing WHERE status = 'waiting' AND target = ANY(%s) GROUP BY target
"""


@dataclass(frozen=True)
class Trouble:
    """A red line: what is wrong, how many orders it touches (None: not known), and what to do."""

    what: str | Promise
    orders: int | None
    todo: str | Promise


@dataclass
class ChannelHealth:
    """One account. lag_p50_s, lag_p99_s: from the platform's time of a change to our row; None: nothing came.

    messages, parked_recently: of the last hour. waiting, parked: orders whose messages wait or were set aside.
    commands: calls to the channel that wait. missed: what only the pulls of the last day found.
    """

    account: ChannelAccount
    platform: str | Promise
    last_heard_at: datetime | None = None
    lag_p50_s: float | None = None
    lag_p99_s: float | None = None
    messages: int = 0
    parked_recently: int = 0
    waiting: int = 0
    parked: int = 0
    waiting_since: datetime | None = None
    commands: int = 0
    missed: int = 0
    found: int = 0
    token_left: timedelta | None = None
    cursors: list[SyncCursor] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)

    @property
    def source(self) -> str:
        return f"account:{self.account.pk}"

    @property
    def error_percent(self) -> float | None:
        return 100 * self.parked_recently / self.messages if self.messages else None

    @property
    def token_days(self) -> int | None:
        return None if self.token_left is None else self.token_left.days


def accounts_in_scope(scope: Scope) -> QuerySet[ChannelAccount]:
    """The accounts of the shops that the reader may see."""
    rows = ChannelAccount.objects.select_related("shop__channel").order_by("shop__name", "pk")
    return scope.narrow(rows, shop="shop_id")


def channel_health(*, scope: Scope, at: datetime) -> list[ChannelHealth]:
    """Every account that the reader may see, those in trouble first. Six statements."""
    found = {
        f"account:{account.pk}": ChannelHealth(account, PLATFORMS[account.adapter].label)
        for account in accounts_in_scope(scope)
        if account.adapter in PLATFORMS
    }
    sources = list(found)
    for source, heard, messages, parked, p50, p99 in _rows(_MESSAGES, [at - RECENT, sources]):
        row = found[source]
        row.last_heard_at, row.messages, row.parked_recently, row.lag_p50_s, row.lag_p99_s = (
            heard,
            messages,
            parked,
            p50,
            p99,
        )
    for source, waiting, parked, since in _rows(_WAITING, [sources]):
        found[source].waiting, found[source].parked, found[source].waiting_since = waiting, parked, since
    for target, commands in _rows(_COMMANDS, [sources]):
        found[target].commands = commands
    ids = [row.account.pk for row in found.values()]
    gaps = PullRun.objects.filter(account_id__in=ids, created_at__gt=at - GAPS).values("account_id")
    for gap in gaps.annotate(missed_sum=Sum("missed"), kept_sum=Sum("kept")):
        row = found[f"account:{gap['account_id']}"]
        row.missed, row.found = gap["missed_sum"] or 0, gap["kept_sum"] or 0
    for cursor in SyncCursor.objects.filter(account_id__in=ids).order_by("kind"):
        found[f"account:{cursor.account_id}"].cursors.append(cursor)
    for row in found.values():
        _judge(row, at)
    return sorted(found.values(), key=lambda row: (not row.troubles, row.account.shop.name))


def recent_runs(account: ChannelAccount) -> list[PullRun]:
    """The newest pulls that brought something, failed, or were asked for."""
    rows = PullRun.objects.filter(account=account).filter(
        Q(kept__gt=0) | Q(missed__gt=0) | Q(asked_by__isnull=False) | ~Q(error="")
    )
    return list(rows.select_related("asked_by").order_by("-created_at")[:RUN_ROWS])


def _judge(row: ChannelHealth, at: datetime) -> None:
    account, troubles = row.account, row.troubles
    renews = PLATFORMS[account.adapter].renew is not None
    end = account.renewable_until if renews else account.authorised_until
    row.token_left = end - at if end is not None else None
    if not account.is_active:
        troubles.append(Trouble(_("Switched off."), row.commands or None, _("Switch the account on again.")))
        return
    if account.paused_until is not None and account.paused_until > at:
        if "authorization_expired" in account.pause_reason:
            todo = _("Ask the shop's owner to authorise the connection again.")
        elif "quota" in account.pause_reason:
            todo = _("It goes on by itself at the platform's midnight; ask the platform for a larger quota.")
        else:
            todo = _("It goes on by itself.")
        troubles.append(Trouble(_("Paused by the platform."), row.commands + row.waiting, todo))
    if row.token_left is not None and row.token_left < TOKEN_WARNING:
        troubles.append(
            Trouble(_("The authorisation ends soon."), None, _("Ask the shop's owner to authorise it for longer."))
        )
    if row.parked:
        todo = _("Read the errors below, mend their cause, and read the messages once more.")
        troubles.append(Trouble(_("Messages were set aside."), row.parked, todo))
    if row.waiting_since is not None and at - row.waiting_since > timedelta(seconds=SLOW_S):
        todo = _("See whether relays and listener run, and whether the platform answers.")
        troubles.append(Trouble(_("Messages wait for more than a minute."), row.waiting, todo))
    if row.lag_p99_s is not None and row.lag_p99_s > SLOW_S:
        todo = _("The platform tells late; what it lost is found by the pull.")
        troubles.append(Trouble(_("Changes come late."), None, todo))
    if row.missed:
        todo = _("They are in by the pull. If it goes on, check the address for pushes at the platform.")
        troubles.append(Trouble(_("The platform did not tell of some orders."), row.missed, todo))
    if any(cursor.held_from for cursor in row.cursors):
        todo = _("The case names the field. All else comes in, and the span is read again until nothing is missing.")
        troubles.append(Trouble(_("Rows of the channel cannot be read."), None, todo))
    if any(cursor.last_error for cursor in row.cursors):
        todo = _("See the error of the last pull; it is tried again every minute.")
        troubles.append(Trouble(_("The last pull failed."), None, todo))


def _rows(sql: str, parameters: list[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return list(cursor.fetchall())
