"""Planted violations: shipments."""

from __future__ import annotations

from fulfillment.services.dispatching import CREATE_KIND
from ordercenter.cases.models import Case
from tests.flows.lived_in import LivedIn
from tests.ordercenter.console.plants_base import both, plants, sql, without_constraint


@plants("line_pieces_are_in_shipments")
def released_to_no_shipment(lived: LivedIn) -> None:
    sql("UPDATE fulfillment_shipmentline SET quantity = quantity - 1 WHERE order_id = %s", lived.order("at_warehouse"))


@plants("line_sent_once")
def sent_twice(lived: LivedIn) -> None:
    sql("UPDATE fulfillment_shipmentline SET quantity = quantity + 1 WHERE order_id = %s", lived.order("stopping"))


@plants("shipment_shares_add_up")
def a_fen_too_few_in_the_box(lived: LivedIn) -> None:
    sql("UPDATE fulfillment_shipmentline SET amount = amount - 0.01 WHERE order_id = %s", lived.order("at_warehouse"))


@plants("shipment_shares_add_up")
def freight_that_nobody_paid(lived: LivedIn) -> None:
    sql("UPDATE fulfillment_shipmentline SET freight = 1 WHERE order_id = %s", lived.order("at_warehouse"))


@plants("shipment_lines_are_right")
def an_empty_shipment(lived: LivedIn) -> None:
    sql("DELETE FROM fulfillment_shipmentline WHERE order_id = %s", lived.order("stopped"))


@plants("shipment_lines_are_right")
def other_goods_in_the_box(lived: LivedIn) -> None:
    sql(
        "UPDATE fulfillment_shipmentline SET sku_id = %s WHERE order_id = %s",
        lived.world.skus[9].pk,
        lived.order("at_warehouse"),
    )


@plants("shipment_lines_are_right")
def more_left_than_was_in_it(lived: LivedIn) -> None:
    without_constraint("fulfillment_shipmentline", "shipped_within_quantity")
    sql("UPDATE fulfillment_shipmentline SET quantity = 1 WHERE order_line_id = %s", lived.line("completed"))


@plants("shipped_means_parcel")
def a_parcel_on_the_wrong_shipment(lived: LivedIn) -> None:
    parcel = lived.shipment("completed").parcels.get().pk
    both("fulfillment_parcel", parcel, f"shipment_id = {lived.shipment('at_warehouse').pk}")


@plants("one_command_per_shipment")
def the_warehouse_was_never_told(lived: LivedIn) -> None:
    sql(
        "UPDATE events_outgoing SET subject = 'shipment:0' WHERE subject = %s AND kind = %s",
        f"shipment:{lived.shipment('at_warehouse').pk}",
        CREATE_KIND,
    )


@plants("one_command_per_shipment")
def the_warehouse_was_told_twice(lived: LivedIn) -> None:
    sql(
        "INSERT INTO events_outgoing (kind, target, subject, idempotency_key, payload, status, due_at, tries,"
        " error_code, error, created_at, chain_id, depth)"
        " SELECT kind, target, subject, 'again', payload, status, due_at, tries,"
        " error_code, error, created_at, chain_id, depth FROM events_outgoing WHERE subject = %s AND kind = %s",
        f"shipment:{lived.shipment('at_warehouse').pk}",
        CREATE_KIND,
    )


@plants("shipped_after_cancel_has_case")
def a_stray_parcel_that_nobody_knows_of(lived: LivedIn) -> None:
    case = Case.objects.get(code="SHIPPED_AFTER_CANCEL").pk
    both("cases_case", case, "code = 'SOMETHING_ELSE'")


@plants("loads_are_planned_shipments")
def room_that_no_shipment_takes(lived: LivedIn) -> None:
    sql(
        'INSERT INTO fulfillment_warehouseload (warehouse_id, "on", parcels) VALUES (%s, now()::date, 2)',
        lived.world.east.pk,
    )


@plants("loads_are_planned_shipments")
def a_count_that_fell_below_nothing(lived: LivedIn) -> None:
    sql(
        'INSERT INTO fulfillment_warehouseload (warehouse_id, "on", parcels) VALUES (%s, now()::date, -1)',
        lived.world.east.pk,
    )


@plants("loads_are_planned_shipments")
def a_shipment_that_takes_room_uncounted(lived: LivedIn) -> None:
    shipment = lived.shipment("at_warehouse")
    sql(
        "UPDATE fulfillment_shipment SET decision = jsonb_set(decision, '{parcels}', jsonb_build_array("
        "jsonb_build_object('warehouse', warehouse_id, 'on', '2026-12-01'))) WHERE id = %s",
        shipment.pk,
    )
