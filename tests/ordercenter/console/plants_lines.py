"""Planted violations: order lines, holds."""

from __future__ import annotations

from tests.flows.lived_in import LivedIn
from tests.ordercenter.console.plants_base import both, line, order, plants, sql, told, without_constraint


@plants("line_quantities_balance")
def a_piece_too_many(lived: LivedIn) -> None:
    without_constraint("orders_orderline", "line_quantities_balance")
    line(lived, "unmatched", "ordered = ordered + 1")


@plants("line_quantities_balance")
def a_negative_quantity(lived: LivedIn) -> None:
    without_constraint("orders_orderline", "orders_orderline_backordered_check")
    line(lived, "unmatched", "backordered = -1, unplanned = unplanned + 1")


@plants("line_delivered_within_shipped")
def more_returned_than_shipped(lived: LivedIn) -> None:
    without_constraint("orders_orderline", "line_delivered_within_shipped")
    line(lived, "unmatched", "returned = 1")


@plants("line_delivered_within_shipped")
def more_delivered_than_shipped(lived: LivedIn) -> None:
    without_constraint("orders_orderline", "line_delivered_within_shipped")
    line(lived, "unmatched", "delivered = 1")


@plants("line_pieces_are_promised")
def reserved_without_a_reservation(lived: LivedIn) -> None:
    line(lived, "at_warehouse", "ordered = ordered + 1, reserved = reserved + 1")


@plants("line_pieces_are_promised")
def a_cancelled_order_that_still_holds_stock(lived: LivedIn) -> None:
    shipment = lived.shipment("stopping").pk
    both("fulfillment_shipment", shipment, "state = 'cancelled'")
    told("shipment", shipment, "cancel", "intercepting", "cancelled")


@plants("order_state_follows_lines")
def open_with_everything_cancelled(lived: LivedIn) -> None:
    line(lived, "unmatched", "cancelled = ordered, unplanned = 0")


@plants("order_state_follows_lines")
def cancelled_with_a_piece_left(lived: LivedIn) -> None:
    line(lived, "stopped", "cancelled = 0, unplanned = ordered")


@plants("order_state_follows_lines")
def completed_with_a_piece_left(lived: LivedIn) -> None:
    line(lived, "completed", "ordered = ordered + 1, unplanned = 1")


@plants("order_state_follows_lines")
def completed_without_delivery(lived: LivedIn) -> None:
    line(lived, "completed", "delivered = 0")


@plants("order_state_follows_lines")
def partly_shipped_with_nothing_left(lived: LivedIn) -> None:
    line(lived, "short_picked", "cancelled = unplanned, unplanned = 0")


@plants("order_state_follows_lines")
def awaiting_nothing(lived: LivedIn) -> None:
    sql("DELETE FROM inventory_supplyclaim")
    line(lived, "short", "unplanned = backordered, backordered = 0")


@plants("hold_flag_is_true")
def marked_without_a_hold(lived: LivedIn) -> None:
    order(lived, "unpaid", "is_on_hold = true")


@plants("hold_flag_is_true")
def held_without_a_mark(lived: LivedIn) -> None:
    order(lived, "unmatched", "is_on_hold = false")


@plants("holds_have_cases")
def a_hold_nobody_will_look_at(lived: LivedIn) -> None:
    sql("UPDATE orders_hold SET case_id = NULL WHERE order_id = %s", lived.order("unmatched"))
    sql("UPDATE orders_historicalhold SET case_id = NULL WHERE order_id = %s", lived.order("unmatched"))
