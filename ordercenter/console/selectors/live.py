"""Live-stream sessions for their pages: the list, the board by the second, and commissions line by line."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection
from django.db.models import Case, IntegerField, QuerySet, Sum, Value, When

from channels_sync.live_models import LiveItem, LiveSale, LiveSession
from channels_sync.states import LiveState
from ordercenter.catalog.models import ListingMatch
from ordercenter.common.money import ZERO, to_cents
from ordercenter.common.scope import Scope

MINUTE = timedelta(minutes=1)
LOOK_S = 10
OFFERED = 30


@dataclass(frozen=True)
class BoardRow:
    """One SKU. sold: pieces ordered; locked: set aside for the session; left: of that, not promised to orders yet."""

    item: LiveItem
    sold: int
    amount: Decimal
    locked: int
    left: int
    is_open: bool

    @property
    def runs_out(self) -> bool:
        """Few of what was set aside are left, or none: somebody should do something now."""
        return self.is_open and self.left <= self.item.few_at


@dataclass(frozen=True)
class Board:
    """A session as it stands at an instant. per_second: orders of the last ten seconds, by second."""

    at: datetime
    rows: list[BoardRow]
    orders: int
    pieces: int
    amount: Decimal
    per_minute: int
    per_second: Decimal


def sessions_in_scope(scope: Scope) -> QuerySet[LiveSession]:
    """Those on air first, then what is planned, then what is over."""
    place = Case(
        When(state=LiveState.LIVE, then=Value(0)),
        When(state=LiveState.PLANNED, then=Value(1)),
        default=Value(2),
        output_field=IntegerField(),
    )
    rows = scope.narrow(LiveSession.objects.select_related("shop"), shop="shop_id")
    return rows.order_by(place, "-planned_start", "-pk")


def sessions_to_filter_by(scope: Scope, *, chosen: int | None) -> list[LiveSession]:
    """The sessions that a list of orders offers: the newest, and the one that is chosen already. Two statements."""
    sessions = sessions_in_scope(scope).exclude(state=LiveState.CANCELLED)
    newest = list(sessions[:OFFERED])
    if chosen is not None and all(session.pk != chosen for session in newest):
        newest.extend(sessions.filter(pk=chosen))
    return newest


def sessions_of_order(order_id: int, scope: Scope) -> QuerySet[LiveSession]:
    """The sessions whose sale lines of this order are."""
    return sessions_in_scope(scope).filter(pk__in=LiveSale.objects.filter(order_id=order_id).values("session_id"))


def orders_sold_in(session: LiveSession) -> QuerySet[LiveSale, int]:
    """The ids of the orders of which a line was sold in the session."""
    return LiveSale.objects.filter(session=session).values_list("order_id", flat=True)


def board_of(session: LiveSession, *, at: datetime) -> Board:
    """The figures of now. Four statements, two of which read the sales from one index."""
    orders, minute, look = _count_orders(session, at)
    listed = _sold_by_listing(session)
    sold = _sold_by_sku(session, listed)
    items = LiveItem.objects.filter(session=session, is_dropped=False).select_related("sku", "warehouse", "quota")
    rows = []
    for item in items.order_by("sku__code"):
        pieces, amount = sold.get(item.sku_id, (0, ZERO))
        is_open = item.quota is not None and item.quota.state == "open"
        left = item.quota.left if is_open and item.quota is not None else 0
        rows.append(BoardRow(item, pieces, amount, item.quantity, left, is_open))
    per_second = (Decimal(look) / LOOK_S).quantize(Decimal("0.1"))
    pieces, amount = sum(row[2] for row in listed), sum((row[3] for row in listed), ZERO)
    return Board(at, rows, orders, pieces, amount, minute, per_second)


# Orders in a hash, not sorted: a board is asked for every second, and a session may have a hundred thousand of them.
_COUNT = """
SELECT count(*), count(*) FILTER (WHERE at > %(minute)s), count(*) FILTER (WHERE at > %(look)s)
FROM (SELECT max(placed_at) AS at FROM channels_sync_livesale WHERE session_id = %(session)s GROUP BY order_id) o
"""
_Sold = tuple[str, str, int, Decimal]


def _count_orders(session: LiveSession, at: datetime) -> tuple[int, int, int]:
    """Orders in all, of the last minute, and of the last LOOK_S seconds."""
    times = {"minute": at - MINUTE, "look": at - timedelta(seconds=LOOK_S)}
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, {"session": session.pk, **times})
        orders, minute, look = cursor.fetchone()
    return orders, minute, look


def _sold_by_listing(session: LiveSession) -> list[_Sold]:
    """(listing, listing SKU, pieces, money) of what was ordered."""
    sales = LiveSale.objects.filter(session=session).values_list("listing_id", "listing_sku_id")
    return list(sales.annotate(n=Sum("pieces"), money=Sum("amount")))


def _sold_by_sku(session: LiveSession, listed: Sequence[_Sold]) -> dict[int, tuple[int, Decimal]]:
    """What was sold by SKU, by way of the listings of the shop; what no listing is matched for is left out."""
    matches = ListingMatch.objects.filter(shop_id=session.shop_id, listing_id__in={row[0] for row in listed})
    skus = {(m[0], m[1]): m[2] for m in matches.values_list("listing_id", "listing_sku_id", "sku_id")}
    sold: dict[int, tuple[int, Decimal]] = defaultdict(lambda: (0, ZERO))
    for listing_id, listing_sku_id, pieces, amount in listed:
        sku_id = skus.get((listing_id, listing_sku_id)) or skus.get((listing_id, ""))
        if sku_id is not None:
            known = sold[sku_id]
            sold[sku_id] = (known[0] + pieces, known[1] + amount)
    return sold


_LINES = """
SELECT o.channel_order_no, l.channel_line_no, k.code, l.ordered, l.cancelled, l.returned, l.paid_share,
       i.commission_percent, o.state
FROM channels_sync_livesale v
JOIN orders_order o ON o.id = v.order_id
JOIN orders_orderline l ON l.order_id = v.order_id AND l.channel_line_no = v.channel_line_no
LEFT JOIN catalog_sku k ON k.id = l.sku_id
LEFT JOIN channels_sync_liveitem i ON i.session_id = v.session_id AND i.sku_id = l.sku_id
WHERE v.session_id = %s ORDER BY o.id, l.line_no
"""


def commission_of(*, paid: Decimal, ordered: int, gone: int, percent: Decimal) -> tuple[Decimal, Decimal]:
    """What the commission of a line is worked out on, and the commission, both to the fen, half up.

    The base is the line's paid share of the pieces that were neither cancelled nor returned.
    """
    base = to_cents(paid * max(0, ordered - gone) / ordered) if ordered else ZERO
    return base, to_cents(base * percent / 100)


def commission_lines(session: LiveSession) -> Iterator[list[Any]]:
    """Order, line, SKU, pieces, gone, base, percent, commission: a row for each line of the session's orders.

    An unpaid order has no base yet: nothing was paid.
    """
    with connection.cursor() as cursor:
        cursor.execute(_LINES, [session.pk])
        rows = cursor.fetchall()
    for number, line_no, sku, ordered, cancelled, returned, paid, percent, state in rows:
        gone = ordered if state in ("pending_payment", "awaiting_balance") else cancelled + returned
        base, commission = commission_of(paid=paid, ordered=ordered, gone=gone, percent=percent or ZERO)
        yield [number, line_no, sku or "", ordered, gone, base, percent or ZERO, commission]
