"""Promises that are answered at once: hot SKUs, live sales, anything before payment. One statement each, or for many.

The pipeline reserves within its unit of work, on rows that stay locked until its commit. Here the statement is all of
the transaction, and the stock row is free again before the disk has answered: the statement commits without waiting for
the log (synchronous_commit off for this transaction alone), and a second, tiny commit then waits for the log up to and
including it. So buyers of one SKU queue for a fraction of a millisecond instead of for the disk, and still nobody is
told yes before the promise is safe; whatever else commits meanwhile lies behind it in the same log.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

import psycopg
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from ordercenter.common.batch import BatchResult
from ordercenter.inventory.errors import StockShort
from ordercenter.inventory.models import ChannelQuota, Reservation
from ordercenter.inventory.states import QuotaState, ReservationState

TRIES = 3


@dataclass(frozen=True, slots=True)
class Wanted:
    """Pieces wanted at once, for an order line, or for a holder without an order (then with an end).

    shop_id: whose quota may be used; 0 for none. quota_id: the quota for named orders only that this is named for.
    """

    sku_id: int
    warehouse_id: int
    quantity: int
    holder: str = ""
    order_id: int | None = None
    line_id: int | None = None
    shop_id: int = 0
    expires_at: datetime | None = None
    quota_id: int = 0

    @property
    def who(self) -> str:
        """All that one asks for is promised together or not at all."""
        return self.holder or f"order:{self.order_id}"


# What may be promised before payment; `l` is the stock row.
_ATS = "l.on_hand + l.oversell_limit - l.reserved - l.allocated - l.set_aside - l.safety"
_COLUMNS = (
    "(order_id, line_id, shop_id, holder, sku_id, warehouse_id, quantity, is_allocated, quota_id, from_quota, state,"
    " created_at, expires_at)"
)
# The statement's snapshot may be older than the locked row, and the database checks its constraints on the row of the
# snapshot first: every counter of a constraint is written as it was read under the lock.
_READ = "l.on_hand, l.reserved, l.allocated, l.set_aside, l.oversell_limit, l.sold_short"
_AS_READ = "on_hand = f.on_hand, allocated = f.allocated, oversell_limit = f.oversell_limit, sold_short = f.sold_short"
_OFF = "off AS MATERIALIZED (SELECT set_config('synchronous_commit', $1, true))"

# $1 synchronous_commit, $2 SKU, $3 warehouse, $4 pieces, $5 order, $6 line, $7 shop, $8 holder, $9 now, $10 end;
# of a quota also $11, the one for named orders that this is named for
_FROM_POOL: LiteralString = f"""
WITH {_OFF}, u AS (
    UPDATE inventory_stocklevel l SET reserved = l.reserved + $4::int
    WHERE l.sku_id = $2::bigint AND l.warehouse_id = $3::bigint AND {_ATS} >= $4::int RETURNING l.id)
INSERT INTO inventory_reservation {_COLUMNS}
SELECT $5::bigint, $6::bigint, $7::bigint, $8::text, $2::bigint, $3::bigint, $4::int, false, NULL, 0, 'active',
       $9::timestamptz, $10::timestamptz
FROM u, off RETURNING id
"""

# The level is locked first, as everywhere; then the quota gives all of it or nothing.
_FROM_QUOTA: LiteralString = f"""
WITH {_OFF},
locked AS MATERIALIZED (
    SELECT l.id, {_READ}, {_ATS} AS free FROM inventory_stocklevel l
    WHERE l.sku_id = $2::bigint AND l.warehouse_id = $3::bigint FOR UPDATE),
q AS (
    UPDATE inventory_channelquota q SET "left" = q."left" - $4::int FROM locked
    WHERE q.shop_id = $7::bigint AND q.sku_id = $2::bigint AND q.warehouse_id = $3::bigint AND q.state = 'open'
      AND (q.ends_at IS NULL OR q.ends_at > $9::timestamptz) AND q."left" >= $4::int
      AND (NOT q.only_named_orders OR q.id = $11::bigint) RETURNING q.id),
u AS (
    UPDATE inventory_stocklevel l
    SET {_AS_READ}, reserved = f.reserved + $4::int,
        set_aside = f.set_aside - CASE WHEN EXISTS (TABLE q) THEN $4::int ELSE 0 END
    FROM locked f WHERE l.id = f.id AND (EXISTS (TABLE q) OR f.free >= $4::int) RETURNING l.id)
INSERT INTO inventory_reservation {_COLUMNS}
SELECT $5::bigint, $6::bigint, $7::bigint, $8::text, $2::bigint, $3::bigint, $4::int, false, (SELECT id FROM q),
       CASE WHEN EXISTS (TABLE q) THEN $4::int ELSE 0 END, 'active', $9::timestamptz, $10::timestamptz
FROM u, off RETURNING id
"""

# Rows are locked by key. Who can be served alone is served in turn as long as the pieces last, all lines or none.
_MANY: LiteralString = f"""
WITH {_OFF},
want AS MATERIALIZED (
    SELECT w.* FROM unnest($2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::text[], $7::bigint[], $8::bigint[],
                           $9::int[], $10::timestamptz[]) WITH ORDINALITY
           AS w(who, order_id, line_id, shop_id, holder, sku_id, warehouse_id, quantity, expires_at, turn)),
need AS MATERIALIZED (
    SELECT who, sku_id, warehouse_id, sum(quantity) AS pieces, min(min(turn)) OVER (PARTITION BY who) AS turn
    FROM want GROUP BY who, sku_id, warehouse_id),
locked AS MATERIALIZED (
    SELECT l.id, l.sku_id, l.warehouse_id, {_READ}, {_ATS} AS free FROM inventory_stocklevel l
    WHERE (l.sku_id, l.warehouse_id) IN (SELECT sku_id, warehouse_id FROM need) ORDER BY l.id FOR UPDATE OF l),
able AS MATERIALIZED (
    SELECT n.*, locked.free, bool_and(COALESCE(n.pieces <= locked.free, false)) OVER (PARTITION BY n.who) AS is_able
    FROM need n LEFT JOIN locked USING (sku_id, warehouse_id)),
running AS (
    SELECT who, free, sum(pieces) OVER (PARTITION BY sku_id, warehouse_id ORDER BY turn) AS upto
    FROM able WHERE is_able),
fit AS MATERIALIZED (SELECT who FROM running GROUP BY who HAVING bool_and(upto <= free)),
taken AS MATERIALIZED (
    SELECT locked.id, sum(pieces)::int AS pieces
    FROM need JOIN fit USING (who) JOIN locked USING (sku_id, warehouse_id) GROUP BY locked.id),
u AS (
    UPDATE inventory_stocklevel l
    SET {_AS_READ}, set_aside = f.set_aside, reserved = f.reserved + taken.pieces
    FROM taken JOIN locked f USING (id) WHERE l.id = taken.id RETURNING l.id),
made AS (
    INSERT INTO inventory_reservation {_COLUMNS}
    SELECT w.order_id, w.line_id, w.shop_id, w.holder, w.sku_id, w.warehouse_id, w.quantity, false, NULL, 0, 'active',
           $11::timestamptz, w.expires_at
    FROM want w JOIN fit USING (who), off, (SELECT count(*) FROM u) AS counted)
SELECT who FROM fit
"""

_SAFE: LiteralString = "SELECT pg_logical_emit_message(true, 'ordercenter.safe', '')"


def reserve_now(*, wanted: Wanted, at: datetime | None = None) -> int:
    """Promise these pieces in one statement; answers with the reservation's id once the promise is safe on disk.

    Out of the shop's own quota where that has enough, else out of the pool; never the safety stock, but up to
    oversell_limit pieces more than lie there. Asked again for the same line or holder, it answers with the promise that
    is there. Raises StockShort. Records no fact: who made the order tells it. Inside a caller's transaction the stock
    row stays locked until its end.
    """
    now = at or timezone.now()
    values = [
        wanted.sku_id,
        wanted.warehouse_id,
        wanted.quantity,
        wanted.order_id,
        wanted.line_id,
        wanted.shop_id or None,
        wanted.holder,
        now,
        wanted.expires_at,
    ]
    try:
        rows = _run(_FROM_QUOTA, [*values, wanted.quota_id]) if wanted.shop_id else _run(_FROM_POOL, values)
    except IntegrityError:
        known = _open_promise(wanted)
        if known is None:
            raise
        return known
    if not rows:
        known = _open_promise(wanted)
        if known is not None:
            return known
        raise StockShort(order_id=wanted.order_id or 0, sku_ids=[wanted.sku_id])
    return int(rows[0][0])


def reserve_many_now(*, wanted: Sequence[Wanted], at: datetime | None = None) -> BatchResult:
    """Promise all these in one statement: each who all lines or none, in the order given, as long as pieces last.

    done: who was served, or had been before. Refused by who with StockShort. One more statement for each time that
    somebody was passed over whose pieces another, refused one would have taken; one each for those with a quota.
    """
    now = at or timezone.now()
    result = BatchResult()
    with_quota = _of_quotas(wanted)
    groups: dict[str, list[Wanted]] = {}
    for one in wanted:
        if one in with_quota:
            try:
                reserve_now(wanted=one, at=now)
                result.done.append(one.who)
            except StockShort as error:
                result.refuse(one.who, error)
        else:
            groups.setdefault(one.who, []).append(one)
    for _round in range(len(groups)):
        served = _serve(groups, now)
        result.done.extend(who for who in groups if who in served)
        groups = {who: lines for who, lines in groups.items() if who not in served}
        if not served or not groups:
            break
    for who, lines in groups.items():
        result.refuse(who, StockShort(order_id=lines[0].order_id or 0, sku_ids=sorted({w.sku_id for w in lines})))
    return result


def _serve(groups: dict[str, list[Wanted]], now: datetime) -> set[str]:
    """Run the statement over who is left; a promise made by somebody else meanwhile is found and left out."""
    for tries_left in reversed(range(TRIES)):
        lines = [line for group in groups.values() for line in group]
        try:
            rows = _run(_MANY, [*_columns(lines), now])
        except IntegrityError:
            known = {who for who, group in groups.items() if _open_promise(group[0]) is not None}
            if not known:
                raise
            rest = {who: group for who, group in groups.items() if who not in known}
            return known | (_serve(rest, now) if rest and tries_left else set())
        return {row[0] for row in rows}
    return set()


def _columns(lines: Sequence[Wanted]) -> list[list[Any]]:
    names = ("who", "order_id", "line_id", "shop_id", "holder", "sku_id", "warehouse_id", "quantity", "expires_at")
    columns = [[getattr(line, name) for line in lines] for name in names]
    columns[3] = [shop_id or None for shop_id in columns[3]]
    return columns


def _run(statement: LiteralString, values: list[Any]) -> list[Any]:
    """Run a statement on a prepared plan and wait until what it promised is safe.

    On the driver's own cursor: building and planning these statements anew would cost more than running them.
    """
    connection.ensure_connection()
    alone = not connection.in_atomic_block
    # Inside a caller's transaction a refusal must not break it: a savepoint.
    guard = nullcontext() if alone else transaction.atomic()
    with guard, connection.wrap_database_errors, psycopg.RawCursor(connection.connection) as cursor:
        cursor.execute(statement, ["off" if alone else "on", *values], prepare=True)
        rows = cursor.fetchall()
        if alone and rows:
            cursor.execute(_SAFE, prepare=True)
        return rows


def _open_promise(wanted: Wanted) -> int | None:
    open_ones = Reservation.objects.filter(state=ReservationState.ACTIVE, sku_id=wanted.sku_id)
    open_ones = open_ones.filter(warehouse_id=wanted.warehouse_id)
    mine = open_ones.filter(holder=wanted.holder) if wanted.holder else open_ones.filter(line_id=wanted.line_id)
    return mine.values_list("pk", flat=True).first()


def _of_quotas(wanted: Sequence[Wanted]) -> set[Wanted]:
    """Those whose shop has something set aside there. One statement, none without shops."""
    skus = {one.sku_id for one in wanted if one.shop_id}
    if not skus:
        return set()
    quotas = ChannelQuota.objects.filter(sku_id__any_of=sorted(skus), state=QuotaState.OPEN)
    places = set(quotas.values_list("shop_id", "sku_id", "warehouse_id"))
    return {one for one in wanted if (one.shop_id, one.sku_id, one.warehouse_id) in places}
