"""What our books say about the orders of a played day. Reads only; a constant number of statements."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date

from django.db import connection

from fulfillment.services.dispatching import CREATE_KIND


@dataclass(frozen=True, slots=True)
class OrderWay:
    """How far one order came. codes: the cases that were ever opened about it; to_command_ms: None without a command.

    knows_refund: the channel has told us of a refund. to_command_ms: from the receipt of the message that said it was
    paid to the transaction that wrote the command to the warehouse.
    """

    order_no: str
    state: str
    was_held: bool
    codes: frozenset[str]
    has_left: bool
    is_reported: bool
    is_reconciled: bool
    to_command_ms: float | None
    knows_refund: bool = False


@dataclass(frozen=True, slots=True)
class Progress:
    """Counts over the orders of a day, cheap enough for every second. at_their_end: completed or with a case."""

    received: int = 0
    completed: int = 0
    with_case: int = 0
    at_their_end: int = 0
    shipped: int = 0
    reported: int = 0


@dataclass(frozen=True, slots=True)
class Waiting:
    """What has not been worked off: messages, facts, calls."""

    messages: int
    deliveries: int
    commands: int

    def __bool__(self) -> bool:
        return bool(self.messages or self.deliveries or self.commands)


@dataclass(frozen=True, slots=True)
class FoundDifference:
    """A line of a bill that is not the same money as an entry of ours. order_no: as in the bill, without its prefix."""

    verdict: str
    external_no: str
    order_no: str


@dataclass(frozen=True)
class Findings:
    """Everything at the end of the day."""

    ways: dict[str, OrderWay] = field(default_factory=dict)
    differences: list[FoundDifference] = field(default_factory=list)


_PROGRESS = """
SELECT count(*), count(*) FILTER (WHERE o.state = 'completed'), count(*) FILTER (WHERE c.has_case),
       count(*) FILTER (WHERE o.state = 'completed' OR c.has_case),
       count(*) FILTER (WHERE o.state IN ('shipped', 'delivered', 'completed')),
       (SELECT count(DISTINCT l.order_id) FROM fulfillment_shipmentline l
        JOIN fulfillment_shipment s ON s.id = l.shipment_id AND s.reported_at IS NOT NULL
        JOIN orders_order r ON r.id = l.order_id
        WHERE r.shop_id = ANY(%(shops)s) AND r.channel_order_no = ANY(%(numbers)s))
FROM orders_order o
CROSS JOIN LATERAL (SELECT EXISTS (SELECT FROM cases_case c WHERE c.subject = 'order:' || o.id) AS has_case) c
WHERE o.shop_id = ANY(%(shops)s) AND o.channel_order_no = ANY(%(numbers)s)
"""

_WAYS = """
WITH day AS (
    SELECT o.id, o.channel_order_no, o.state, a.id AS account_id
    FROM orders_order o LEFT JOIN channels_sync_channelaccount a ON a.shop_id = o.shop_id
    WHERE o.shop_id = ANY(%(shops)s) AND o.channel_order_no = ANY(%(numbers)s)
), sent AS (
    SELECT l.order_id, bool_or(s.state IN ('shipped', 'delivered')) AS has_left,
           bool_and(s.reported_at IS NOT NULL) FILTER (WHERE s.state IN ('shipped', 'delivered')) AS is_reported,
           min(c.created_at) AS commanded_at
    FROM day JOIN fulfillment_shipmentline l ON l.order_id = day.id
    JOIN fulfillment_shipment s ON s.id = l.shipment_id
    LEFT JOIN events_outgoing c ON c.subject = 'shipment:' || s.id AND c.kind = %(create)s
    GROUP BY l.order_id
), paid AS (
    SELECT p.order_id, bool_and(EXISTS (SELECT FROM finance_match m WHERE m.entry_id = p.id)) AS is_reconciled
    FROM day JOIN finance_paymententry p ON p.order_id = day.id GROUP BY p.order_id
)
SELECT day.channel_order_no, day.state,
       EXISTS (SELECT FROM orders_hold h WHERE h.order_id = day.id),
       ARRAY(SELECT DISTINCT c.code FROM cases_case c WHERE c.subject = 'order:' || day.id
             UNION SELECT c.code FROM fulfillment_shipmentline l
             JOIN cases_case c ON c.subject = 'shipment:' || l.shipment_id WHERE l.order_id = day.id),
       COALESCE(sent.has_left, false), COALESCE(sent.is_reported, false), COALESCE(paid.is_reconciled, false),
       (SELECT extract(epoch FROM sent.commanded_at - max(i.received_at)) * 1000 FROM events_inbox i
        WHERE i.subject = 'account:' || day.account_id || ':' || day.channel_order_no
          AND i.received_at <= sent.commanded_at),
       EXISTS (SELECT FROM orders_refundrequest r WHERE r.order_id = day.id)
FROM day LEFT JOIN sent ON sent.order_id = day.id LEFT JOIN paid ON paid.order_id = day.id
"""

# The payment provider keeps the order's number with a prefix of the platform's.
_DIFFERENCES = """
SELECT l.verdict, l.external_no, regexp_replace(l.merchant_no, '^T200P', '')
FROM finance_statementline l JOIN finance_statement s ON s.id = l.statement_id
WHERE s.business_day = ANY(%s) AND l.verdict <> 'matched' AND l.verdict <> 'signed_off'
"""

_WAITING = """
SELECT (SELECT count(*) FROM events_inbox WHERE status = 'waiting'),
       (SELECT count(*) FROM events_delivery WHERE status = 'waiting'),
       (SELECT count(*) FROM events_outgoing WHERE status IN ('waiting', 'sending'))
"""


def progress_of(*, shop_ids: Collection[int], numbers: Sequence[str]) -> Progress:
    """How far these orders have come."""
    with connection.cursor() as cursor:
        cursor.execute(_PROGRESS, {"shops": list(shop_ids), "numbers": list(numbers)})
        return Progress(*cursor.fetchone())


def still_waiting() -> Waiting:
    """What the post office has not worked off, of whatever order."""
    with connection.cursor() as cursor:
        cursor.execute(_WAITING)
        return Waiting(*cursor.fetchone())


def find(*, shop_ids: Collection[int], numbers: Sequence[str], days: Collection[date]) -> Findings:
    """The ways of these orders, and every difference of the bills of these days."""
    with connection.cursor() as cursor:
        cursor.execute(_WAYS, {"shops": list(shop_ids), "numbers": list(numbers), "create": CREATE_KIND})
        ways = {
            row[0]: OrderWay(
                order_no=row[0],
                state=row[1],
                was_held=row[2],
                codes=frozenset(row[3]),
                has_left=row[4],
                is_reported=row[5],
                is_reconciled=row[6],
                to_command_ms=None if row[7] is None else float(row[7]),
                knows_refund=row[8],
            )
            for row in cursor.fetchall()
        }
        cursor.execute(_DIFFERENCES, [list(days)])
        return Findings(ways, [FoundDifference(*row) for row in cursor.fetchall()])
