"""Small questions to our books about some orders, by their channel's numbers."""

from __future__ import annotations

from typing import Any

from tests.badday.system import System


def states_of(system: System, numbers: list[str]) -> dict[str, str]:
    """Order number -> state, of those that are in our books."""
    rows = "SELECT channel_order_no, state FROM orders_order WHERE channel_order_no = ANY(%s)"
    return dict(system.ask(rows, [numbers]))


def open_cases(system: System, numbers: list[str], code: str) -> list[str]:
    """The orders that an open case with this code is about."""
    rows = system.ask(
        "SELECT o.channel_order_no FROM cases_case c JOIN orders_order o ON c.subject = 'order:' || o.id"
        " WHERE o.channel_order_no = ANY(%s) AND c.code = %s AND c.closed_at IS NULL",
        [numbers, code],
    )
    return [row[0] for row in rows]


def commands_of(system: System, numbers: list[str], kind: str) -> list[dict[str, Any]]:
    """tries, status and error_code of the commands of one kind about the shipments of these orders."""
    rows = system.ask(
        "SELECT w.tries, w.status, w.error_code FROM events_outgoing w JOIN (SELECT DISTINCT l.shipment_id"
        "   FROM fulfillment_shipmentline l JOIN orders_order o ON o.id = l.order_id"
        "   WHERE o.channel_order_no = ANY(%s)) s"
        " ON w.subject = 'shipment:' || s.shipment_id WHERE w.kind = %s ORDER BY w.id",
        [numbers, kind],
    )
    return [{"tries": tries, "status": status, "error_code": code} for tries, status, code in rows]


def effects_of(system: System, number: str) -> dict[str, int]:
    """How often each thing that must happen once has happened to an order."""
    names = ("orders", "paid", "completed", "payments", "shipments", "delivery orders", "parcels", "reports")
    (row,) = system.ask(
        "WITH o AS (SELECT id FROM orders_order WHERE channel_order_no = %(number)s),"
        " s AS (SELECT DISTINCT l.shipment_id AS id FROM fulfillment_shipmentline l JOIN o ON o.id = l.order_id),"
        " e AS (SELECT v.name FROM events_event v JOIN o ON v.subject = 'order:' || o.id),"
        " w AS (SELECT c.kind FROM events_outgoing c JOIN s ON c.subject = 'shipment:' || s.id AND c.status = 'done')"
        " SELECT (SELECT count(*) FROM o), (SELECT count(*) FROM e WHERE name = 'orders.order.paid'),"
        "  (SELECT count(*) FROM e WHERE name = 'orders.order.completed'),"
        "  (SELECT count(*) FROM finance_paymententry p JOIN o ON o.id = p.order_id), (SELECT count(*) FROM s),"
        "  (SELECT count(*) FROM w WHERE kind = 'qimen.deliveryorder.create'),"
        "  (SELECT count(*) FROM fulfillment_parcel p JOIN s ON s.id = p.shipment_id),"
        "  (SELECT count(*) FROM w WHERE kind = 'channel.tracking')",
        {"number": number},
    )
    return dict(zip(names, row, strict=True))
