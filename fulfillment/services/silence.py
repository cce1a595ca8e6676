"""Warehouses that say nothing: documents without an answer, or accepted and never carried out, become cases."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from django.db import connection
from django.utils import timezone

from fulfillment.models import InboundOrder, Shipment, ShipmentLine, StockOut, WmsAccount
from fulfillment.states import InboundState, ShipmentState, StockOutState
from ordercenter.audit.work import Work, unit_of_work
from ordercenter.cases import services as cases
from ordercenter.cases.services import CaseDraft
from ordercenter.events.types import WarehouseSilent

MOST_AT_ONCE = 500
_ALONE = 7_340_021


def tell_silent(*, at: datetime | None = None) -> int:
    """Open a case for each document that a warehouse keeps quiet about for longer than its account allows.

    Delivery orders and goods for another warehouse: answers_within_min counts from sending to an answer,
    ships_within_min until they have left. Announced goods: until an answer, for nobody knows when they arrive. What has
    such a case already gets none; it closes by itself when the warehouse speaks (`close_silent`,
    `close_silent_deliveries`). Returns how many were
    opened. For the beat: two at one instant do the work once.
    """
    now = at or timezone.now()
    with unit_of_work(at=now) as work:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_ALONE])
            if not cursor.fetchone()[0]:
                return 0
            cursor.execute(_SILENT, {"now": now, "most": MOST_AT_ONCE})
            rows = cursor.fetchall()
            cursor.execute(_SILENT_DELIVERIES, {"now": now, "most": MOST_AT_ONCE})
            deliveries = cursor.fetchall()
        drafts = [
            CaseDraft(
                code="WMS_SILENT",
                subject=f"shipment:{pk}",
                shop_id=shop_id,
                warehouse_id=warehouse_id,
                reference=code,
                evidence={"state": state, "minutes": int(minutes)},
                root_cause=f"WMS_SILENT:{warehouse_id}",
                root_title=name,
            )
            for pk, code, shop_id, warehouse_id, name, state, minutes in rows
        ]
        drafts += [
            CaseDraft(
                code="WMS_SILENT",
                subject=f"inbound:{pk}",
                warehouse_id=warehouse_id,
                reference=code,
                evidence={"state": state, "minutes": int(minutes)},
                root_cause=f"WMS_SILENT:{warehouse_id}",
                root_title=name,
            )
            for pk, code, warehouse_id, name, state, minutes in deliveries
        ]
        cases.open_cases(drafts=drafts, work=work)
        _tell({row[0]: row[1] for row in rows}, work)
        return len(drafts)


def tell_silence(*, order_ids: Collection[int], work: Work) -> None:
    """The flow of these orders has stopped because a warehouse did not answer. Emits WarehouseSilent."""
    if order_ids:
        unanswered = ShipmentLine.objects.filter(order_id__in=order_ids, shipment__state=ShipmentState.DISPATCHED)
        pairs = sorted(set(unanswered.values_list("order_id", "shipment__code")))
        for order_id, code in pairs:
            work.record(WarehouseSilent(order_id=order_id, shipment=code))


def _tell(codes: Mapping[int, str], work: Work) -> None:
    """The orders in these shipments, by shipment its number. One statement, none for no shipment."""
    if codes:
        pairs = ShipmentLine.objects.filter(shipment_id__in=codes).values_list("order_id", "shipment_id")
        for order_id, shipment_id in sorted(set(pairs)):
            work.record(WarehouseSilent(order_id=order_id, shipment=codes[shipment_id]))


def close_silent(*, shipment_ids: list[int], work: Work) -> None:
    """The warehouse has spoken about these shipments."""
    cases.close_cases_of(
        subjects=[f"shipment:{pk}" for pk in shipment_ids],
        codes=["WMS_SILENT"],
        resolution="the warehouse has answered",
        work=work,
    )


def close_silent_deliveries(*, inbound_ids: Collection[int], work: Work) -> None:
    """A warehouse has spoken about these deliveries, the sending or the receiving one."""
    if inbound_ids:
        cases.close_cases_of(
            subjects=[f"inbound:{pk}" for pk in inbound_ids],
            codes=["WMS_SILENT"],
            resolution="the warehouse has answered",
            work=work,
        )


# One delivery has one case, whichever of its two warehouses is silent: the receiving one is told after the other spoke.
_SILENT_DELIVERIES = f"""
SELECT q.id, q.code, q.warehouse_id, w.name, q.state, extract(epoch FROM %(now)s - q.sent_at) / 60
FROM (SELECT id, code, warehouse_id, state, sent_at FROM {InboundOrder._meta.db_table}
      WHERE state = '{InboundState.SENT}'
      UNION ALL
      SELECT inbound_id, code, warehouse_id, state, sent_at FROM {StockOut._meta.db_table}
      WHERE state IN ('{StockOutState.SENT}', '{StockOutState.ACCEPTED}')) q
JOIN {WmsAccount._meta.db_table} a ON a.warehouse_id = q.warehouse_id AND a.is_active
JOIN inventory_warehouse w ON w.id = q.warehouse_id AND w.kind = 'qimen'
WHERE q.sent_at < %(now)s - CASE q.state WHEN 'sent' THEN a.answers_within_min
                            ELSE a.ships_within_min END * interval '1 minute'
  AND NOT EXISTS (SELECT FROM cases_case c WHERE c.code = 'WMS_SILENT' AND c.closed_at IS NULL
                  AND c.subject = 'inbound:' || q.id)
ORDER BY q.id LIMIT %(most)s
"""

_SILENT = f"""
SELECT s.id, s.code, s.shop_id, s.warehouse_id, w.name, s.state, extract(epoch FROM %(now)s - s.dispatched_at) / 60
FROM {Shipment._meta.db_table} s
JOIN {WmsAccount._meta.db_table} a ON a.warehouse_id = s.warehouse_id AND a.is_active
JOIN inventory_warehouse w ON w.id = s.warehouse_id AND w.kind = 'qimen'
WHERE s.state IN ('{ShipmentState.DISPATCHED}', '{ShipmentState.ACCEPTED}')
  AND s.dispatched_at < %(now)s - CASE s.state WHEN '{ShipmentState.DISPATCHED}' THEN a.answers_within_min
                                  ELSE a.ships_within_min END * interval '1 minute'
  AND NOT EXISTS (SELECT FROM cases_case c WHERE c.code = 'WMS_SILENT' AND c.closed_at IS NULL
                  AND c.subject = 'shipment:' || s.id)
  AND NOT EXISTS (SELECT FROM {ShipmentLine._meta.db_table} l JOIN cases_case c
                  ON c.code = 'WMS_SILENT' AND c.closed_at IS NULL AND c.subject = 'order:' || l.order_id
                  WHERE l.shipment_id = s.id)
ORDER BY s.id LIMIT %(most)s
"""
