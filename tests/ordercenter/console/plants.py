"""One planted violation for each way in which an invariant can be broken, written past every service and constraint."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import connection

from finance.models import Statement
from fulfillment.models import Basket, PickLine, Wave, Waybill
from fulfillment.services.dispatching import CREATE_KIND
from ordercenter.cases.models import Case
from tests.flows.lived_in import LivedIn

Plant = Callable[[LivedIn], None]
# Name of the check -> what breaks it. A plant breaks its own check and no other.
PLANTS: list[tuple[str, Plant]] = []


def plants(check: str) -> Callable[[Plant], Plant]:
    """Register a function as planting a violation of this check."""

    def register(plant: Plant) -> Plant:
        PLANTS.append((check, plant))
        return plant

    return register


def sql(statement: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(statement, values)


def both(table: str, pk: int, changes: str) -> None:
    """Change a row, and its newest history row with it: whoever cheats may cheat twice."""
    app, _, model = table.partition("_")
    history = f"{app}_historical{model}"
    sql(f"UPDATE {table} SET {changes} WHERE id = %s", pk)
    sql(
        f"UPDATE {history} SET {changes} WHERE history_id = (SELECT max(history_id) FROM {history} WHERE id = %s)",
        pk,
    )


def without_constraint(table: str, name: str) -> None:
    sql(f"ALTER TABLE {table} DROP CONSTRAINT {name}")


def order(lived: LivedIn, name: str, changes: str) -> None:
    both("orders_order", lived.order(name), changes)


def line(lived: LivedIn, name: str, changes: str) -> None:
    sql(f"UPDATE orders_orderline SET {changes} WHERE id = %s", lived.line(name))


def told(machine: str, pk: int, move: str, src: str, dst: str) -> None:
    sql(
        "INSERT INTO audit_state_change (at, machine, subject_id, move, src, dst, actor, chain_id)"
        " VALUES (now(), %s, %s, %s, %s, %s, 'x', gen_random_uuid())",
        machine,
        pk,
        move,
        src,
        dst,
    )


LONG_AGO = "now() - interval '1 hour'"


# --- lines ------------------------------------------------------------------------------------------------------------


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


# --- stock ------------------------------------------------------------------------------------------------------------


@plants("stock_is_sum_of_movements")
def stock_from_nowhere(lived: LivedIn) -> None:
    sql(
        "UPDATE inventory_stocklevel SET on_hand = on_hand + 1 WHERE sku_id = %s AND warehouse_id = %s",
        lived.world.skus[0].pk,
        lived.world.east.pk,
    )


@plants("stock_is_sum_of_movements")
def movements_without_a_stock_row(lived: LivedIn) -> None:
    sql(
        "DELETE FROM inventory_stocklevel WHERE sku_id = %s AND warehouse_id = %s AND reserved = 0",
        lived.world.skus[0].pk,
        lived.world.south.pk,
    )


@plants("reserved_is_sum_of_reservations")
def reserved_for_nobody(lived: LivedIn) -> None:
    sql(
        "UPDATE inventory_stocklevel SET reserved = reserved + 1 WHERE sku_id = %s AND warehouse_id = %s",
        lived.world.skus[0].pk,
        lived.world.east.pk,
    )


@plants("reserved_is_sum_of_reservations")
def promised_softly_and_counted_as_hard(lived: LivedIn) -> None:
    sql("UPDATE inventory_reservation SET is_allocated = false WHERE line_id = %s", lived.line("at_warehouse"))


@plants("stock_is_sum_of_movements")
def damaged_goods_from_nowhere(lived: LivedIn) -> None:
    sql("UPDATE inventory_stocklevel SET damaged = 1 WHERE sku_id = %s", lived.world.skus[0].pk)


@plants("set_aside_is_sum_of_quotas")
def set_aside_for_nobody(lived: LivedIn) -> None:
    sql("UPDATE inventory_stocklevel SET set_aside = 1 WHERE sku_id = %s", lived.world.skus[0].pk)


@plants("takeovers_keep_to_the_cap")
def more_changed_hands_than_was_allowed(lived: LivedIn) -> None:
    sql(
        "INSERT INTO inventory_stocktakeover (taker_order_id, giver_order_id, sku_id, warehouse_id, pieces, taker_rank,"
        " giver_rank, allowed, day, at, reason) VALUES (2, 1, %s, %s, 3, 2, 0, 2, now()::date, now(), 'x')",
        lived.world.skus[0].pk,
        lived.world.east.pk,
    )


@plants("takeovers_keep_to_the_cap")
def a_higher_grade_gave_to_a_lower_one(lived: LivedIn) -> None:
    sql("ALTER TABLE inventory_stocktakeover DROP CONSTRAINT takeover_from_lower_grade")
    sql(
        "INSERT INTO inventory_stocktakeover (taker_order_id, giver_order_id, sku_id, warehouse_id, pieces, taker_rank,"
        " giver_rank, allowed, day, at, reason) VALUES (2, 1, %s, %s, 1, 0, 2, 2, now()::date, now(), 'x')",
        lived.world.skus[0].pk,
        lived.world.east.pk,
    )


@plants("unpaid_holds_have_an_order")
def goods_held_for_an_order_that_is_over(lived: LivedIn) -> None:
    place = (lived.world.skus[0].pk, lived.world.east.pk)
    sql("UPDATE inventory_stocklevel SET reserved = reserved + 1 WHERE sku_id = %s AND warehouse_id = %s", *place)
    sql(
        "INSERT INTO inventory_reservation (holder, sku_id, warehouse_id, quantity, is_allocated, from_quota, state,"
        " created_at) VALUES ('order:987654', %s, %s, 1, false, 0, 'active', now())",
        *place,
    )


@plants("quotas_end_in_time")
def a_live_lock_that_nobody_ended(lived: LivedIn) -> None:
    open_quota(lived, ends_at="now() - interval '1 hour'")


@plants("holds_expire_in_time")
def a_promise_before_payment_that_lives_for_ever(lived: LivedIn) -> None:
    place = (lived.world.skus[0].pk, lived.world.east.pk)
    sql("UPDATE inventory_stocklevel SET reserved = reserved + 1 WHERE sku_id = %s AND warehouse_id = %s", *place)
    sql(
        "INSERT INTO inventory_reservation (holder, sku_id, warehouse_id, quantity, state, created_at, expires_at)"
        " VALUES ('cart:1', %s, %s, 1, 'active', now(), now() - interval '1 hour')",
        *place,
    )


@plants("capacity_is_sum_of_uses")
def minutes_that_no_production_order_takes(lived: LivedIn) -> None:
    resource(lived, used=30)


@plants("capacity_never_overbooked")
def a_day_with_too_few_minutes(lived: LivedIn) -> None:
    without_constraint("inventory_capacityday", "capacity_never_overbooked")
    resource(lived, used=90, booked=90)


@plants("claims_belong_to_waiting_lines")
def a_date_promised_to_a_line_that_does_not_wait(lived: LivedIn) -> None:
    claim(lived, "completed", 1)


@plants("claims_belong_to_waiting_lines")
def a_date_promised_for_more_than_is_waited_for(lived: LivedIn) -> None:
    sql("DELETE FROM inventory_supplyclaim")
    claim(lived, "short", 102)


@plants("published_number_has_reasons")
def a_number_above_what_may_be_offered(lived: LivedIn) -> None:
    sql(
        "WITH l AS (INSERT INTO catalog_listingmatch (shop_id, listing_id, listing_sku_id, sku_id)"
        " VALUES (%s, 'x', '', %s) RETURNING id)"
        " INSERT INTO inventory_channelstock (listing_id, published, version, why, published_at, acked_version, error)"
        " SELECT id, 5, 1, '{\"offer\": 4}', now(), 0, '' FROM l",
        lived.world.shop.pk,
        lived.world.skus[0].pk,
    )


@plants("tables_did_what_they_say")
def a_table_that_moved_nothing_of_what_it_says(lived: LivedIn) -> None:
    sql(
        "WITH t AS (INSERT INTO inventory_stocktable (kind, reference, note, file_name, original, parsed, digest, rows,"
        " moved, warehouse_ids, state, uploaded_at, applied_at) VALUES ('count', '', '', 't.csv', '', '', 'abc', 3, 3,"
        " '{}', 'applied', now(), now()) RETURNING *),"
        " h AS (INSERT INTO inventory_historicalstocktable (id, kind, reference, note, file_name, digest, rows, moved,"
        " warehouse_ids, state, uploaded_at, applied_at, history_date, history_type) SELECT id, kind, reference, note,"
        " file_name, digest, rows, moved, warehouse_ids, state, uploaded_at, applied_at, now(), '+' FROM t)"
        " INSERT INTO audit_state_change (at, machine, subject_id, move, src, dst, actor, chain_id)"
        " SELECT now(), 'stocktable', id, move, src, dst, 'x', gen_random_uuid()"
        " FROM t, (VALUES ('create', '', 'draft'), ('apply', 'draft', 'applied')) AS m(move, src, dst)"
    )


@plants("received_pieces_are_in_the_ledger")
def received_goods_that_nobody_booked(lived: LivedIn) -> None:
    delivery(lived, kind="purchase", put_away=4)


@plants("transfers_left_the_other_warehouse")
def a_transfer_that_left_nowhere(lived: LivedIn) -> None:
    delivery(lived, kind="transfer", put_away=0)


def delivery(lived: LivedIn, *, kind: str, put_away: int) -> None:
    """A planned delivery of five pieces, told and kept in history as the services do it."""
    names = (
        "code, kind, warehouse_id, state, shipment_code, carrier_code, tracking_no, supplier, warehouse_ref, reference,"
        " note, created_at"
    )
    sql(
        f"WITH i AS (INSERT INTO fulfillment_inboundorder ({names}) VALUES ('IN-PLANT', %s, %s, 'planned', '', '', '',"
        " '', '', '', '', now()) RETURNING *),"
        f" h AS (INSERT INTO fulfillment_historicalinboundorder (id, {names}, history_date, history_type)"
        f" SELECT id, {names}, now(), '+' FROM i),"
        " l AS (INSERT INTO fulfillment_inboundline (inbound_id, sku_id, planned, good, defective, quarantine,"
        " put_away)"
        " SELECT id, %s, 5, %s, 0, 0, %s FROM i)"
        " INSERT INTO audit_state_change (at, machine, subject_id, move, src, dst, actor, chain_id)"
        " SELECT now(), 'inboundorder', id, 'create', '', 'planned', 'x', gen_random_uuid() FROM i",
        kind,
        lived.world.east.pk,
        lived.world.skus[0].pk,
        put_away,
        put_away,
    )


def open_quota(lived: LivedIn, *, ends_at: str) -> None:
    """A quota that is sold out, told and kept in history as the services do it."""
    sql(
        'WITH q AS (INSERT INTO inventory_channelquota (shop_id, sku_id, warehouse_id, kind, quantity, "left",'
        f" starts_at, ends_at, reason, state) VALUES (%s, %s, %s, 'live', 1, 0, {LONG_AGO} - interval '1 day',"
        f" {ends_at}, '', 'open') RETURNING *),"
        " h AS (INSERT INTO inventory_historicalchannelquota (id, shop_id, sku_id, warehouse_id, kind, quantity,"
        ' "left", starts_at, ends_at, reason, state, history_date, history_type)'
        ' SELECT id, shop_id, sku_id, warehouse_id, kind, quantity, "left", starts_at, ends_at, reason, state,'
        " now(), '+' FROM q)"
        " INSERT INTO audit_state_change (at, machine, subject_id, move, src, dst, actor, chain_id)"
        " SELECT now(), 'channelquota', id, move, src, dst, 'x', gen_random_uuid()"
        " FROM q, (VALUES ('create', '', 'planned'), ('open', 'planned', 'open')) AS m(move, src, dst)",
        lived.world.shop.pk,
        lived.world.skus[0].pk,
        lived.world.east.pk,
    )


def resource(lived: LivedIn, *, used: int, booked: int = 0) -> None:
    """A workshop with an hour of one day, so many minutes of it used, and so many booked by a production order."""
    sql(
        "WITH r AS (INSERT INTO inventory_productionresource (code, name, warehouse_id, is_active)"
        " VALUES ('W1', 'W1', %s, true) RETURNING id)"
        " INSERT INTO inventory_capacityday (resource_id, day, minutes, used) SELECT id, current_date, 60, %s FROM r",
        lived.world.east.pk,
        used,
    )
    if booked:
        sql(
            "WITH p AS (INSERT INTO inventory_productionorder (sku_id, resource_id, quantity, ready_on, state,"
            " created_at) SELECT %s, resource_id, 1, day, 'planned', now() FROM inventory_capacityday RETURNING id),"
            " u AS (INSERT INTO inventory_capacityuse (production_id, capacity_id, minutes)"
            " SELECT p.id, c.id, %s FROM p, inventory_capacityday c)"
            " INSERT INTO audit_state_change (at, machine, subject_id, move, src, dst, actor, chain_id)"
            " SELECT now(), 'productionorder', id, 'create', '', 'planned', 'x', gen_random_uuid() FROM p",
            lived.world.skus[0].pk,
            booked,
        )


def claim(lived: LivedIn, name: str, pieces: int) -> None:
    sql(
        "INSERT INTO inventory_supplyclaim (sku_id, quantity, basis, order_id, line_id, made_at)"
        " SELECT sku_id, %s, 'unknown', order_id, id, now() FROM orders_orderline WHERE id = %s",
        pieces,
        lived.line(name),
    )


@plants("stock_never_oversold")
def less_than_nothing_on_hand(lived: LivedIn) -> None:
    without_constraint("inventory_stocklevel", "stock_never_oversold")
    without_constraint("inventory_stocklevel", "stock_lies_there")
    sku, south = lived.world.skus[0].pk, lived.world.south.pk
    sql(
        "INSERT INTO inventory_stockmovement (sku_id, warehouse_id, delta, reason, ref, idempotency_key, at)"
        " SELECT sku_id, warehouse_id, -on_hand - 1, 'count', 'x', 'x', now() FROM inventory_stocklevel"
        " WHERE sku_id = %s AND warehouse_id = %s",
        sku,
        south,
    )
    sql("UPDATE inventory_stocklevel SET on_hand = -1 WHERE sku_id = %s AND warehouse_id = %s", sku, south)


@plants("one_open_reservation")
def a_promise_in_two_rows(lived: LivedIn) -> None:
    sql("DROP INDEX one_open_reservation")
    sql("UPDATE inventory_reservation SET quantity = quantity - 1 WHERE line_id = %s", lived.line("at_warehouse"))
    sql(
        "INSERT INTO inventory_reservation (order_id, line_id, sku_id, warehouse_id, quantity, is_allocated, state,"
        " created_at) SELECT order_id, line_id, sku_id, warehouse_id, 1, is_allocated, 'active', now()"
        " FROM inventory_reservation"
        " WHERE line_id = %s",
        lived.line("at_warehouse"),
    )


@plants("reservations_belong_to_lines")
def a_promise_to_nobody(lived: LivedIn) -> None:
    sql("UPDATE inventory_reservation SET line_id = 999999 WHERE line_id = %s", lived.line("completed"))


@plants("reservations_belong_to_lines")
def a_promise_of_other_goods(lived: LivedIn) -> None:
    sql(
        "UPDATE inventory_reservation SET sku_id = %s WHERE line_id = %s",
        lived.world.skus[9].pk,
        lived.line("completed"),
    )


@plants("shipped_pieces_left_the_stock")
def a_parcel_that_took_nothing(lived: LivedIn) -> None:
    sql("DROP TRIGGER movement_append_only ON inventory_stockmovement")
    sql("UPDATE inventory_stockmovement SET ref = 'elsewhere' WHERE ref = %s", lived.shipment("completed").code)


# --- shipments --------------------------------------------------------------------------------------------------------


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


# --- money ------------------------------------------------------------------------------------------------------------


@plants("order_total_adds_up")
def a_discount_that_nobody_got(lived: LivedIn) -> None:
    order(lived, "unpaid", "discount_amount = discount_amount + 1")


@plants("paid_shares_add_up")
def a_line_that_pays_too_much(lived: LivedIn) -> None:
    line(lived, "unmatched", "paid_share = paid_share + 0.01")


@plants("paid_is_sum_of_payments")
def paid_more_than_came_in(lived: LivedIn) -> None:
    order(lived, "completed", "paid_amount = paid_amount + 1")


@plants("paid_is_sum_of_payments")
def money_that_the_order_does_not_know_of(lived: LivedIn) -> None:
    sql(
        "INSERT INTO finance_paymententry (order_id, shop_id, kind, provider, external_no, request_no, merchant_no,"
        " amount, expected_fee, currency, occurred_at, recorded_at)"
        " VALUES (%s, %s, 'payment', 'alipay', 'x', '', '', 54, 0, 'CNY', now(), now())",
        lived.order("unpaid"),
        lived.world.shop.pk,
    )


@plants("refunded_is_sum_of_refunds")
def refunded_without_a_refund(lived: LivedIn) -> None:
    order(lived, "completed", "refunded_amount = 1")


@plants("refunds_within_payments")
def more_goes_back_than_came_in(lived: LivedIn) -> None:
    without_constraint("orders_order", "refunds_within_payment")
    order(lived, "refunded", "paid_amount = paid_amount - 1")
    sql(
        "UPDATE finance_paymententry SET amount = amount - 1 WHERE kind = 'payment' AND order_id = %s",
        lived.order("refunded"),
    )


@plants("refunds_within_shares")
def a_line_refunded_beyond_its_price(lived: LivedIn) -> None:
    sql(
        "UPDATE orders_orderline SET paid_share = paid_share + CASE line_no WHEN 1 THEN -1 ELSE 1 END"
        " WHERE order_id = %s",
        lived.order("refunded"),
    )


@plants("paid_once")
def the_same_order_paid_again(lived: LivedIn) -> None:
    order(lived, "completed", "paid_amount = paid_amount * 2")
    sql(
        "INSERT INTO finance_paymententry (order_id, shop_id, kind, provider, external_no, request_no, merchant_no,"
        " amount, expected_fee, currency, occurred_at, recorded_at)"
        " SELECT order_id, shop_id, kind, provider, 'again', request_no, merchant_no, amount, expected_fee, currency,"
        " occurred_at, recorded_at FROM finance_paymententry WHERE order_id = %s",
        lived.order("completed"),
    )


@plants("statements_add_up")
def a_bill_with_other_sums(lived: LivedIn) -> None:
    sql("UPDATE finance_statement SET fee_total = fee_total + 1")
    sql("UPDATE finance_historicalstatement SET fee_total = fee_total + 1")


@plants("matches_are_the_same_money")
def matched_with_nothing(lived: LivedIn) -> None:
    sql("DELETE FROM finance_match")


@plants("matches_are_the_same_money")
def matched_with_other_money(lived: LivedIn) -> None:
    sql(
        "UPDATE finance_paymententry SET expected_fee = expected_fee + 0.01 WHERE order_id = %s",
        lived.order("completed"),
    )


@plants("closed_days_are_clean")
def a_day_closed_over_a_difference(lived: LivedIn) -> None:
    sql("UPDATE finance_statement SET state = 'closed'")
    sql("UPDATE finance_historicalstatement SET state = 'closed'")
    told("statement", Statement.objects.get().pk, "close", "matched", "closed")


@plants("differences_have_cases")
def a_difference_nobody_will_look_at(lived: LivedIn) -> None:
    sql("UPDATE cases_case SET subject = 'statement_line:0' WHERE code = 'SETTLEMENT_DIFF'")
    sql("UPDATE cases_historicalcase SET subject = 'statement_line:0' WHERE code = 'SETTLEMENT_DIFF'")


# --- states, history, keys --------------------------------------------------------------------------------------------


@plants("state_chains_unbroken")
def a_move_that_is_missing(lived: LivedIn) -> None:
    sql(
        "DELETE FROM audit_state_change WHERE machine = 'order' AND move = 'approve' AND subject_id = %s",
        lived.order("completed"),
    )


@plants("state_chains_unbroken")
def a_birth_that_is_missing(lived: LivedIn) -> None:
    sql(
        "DELETE FROM audit_state_change WHERE machine = 'order' AND move = 'create' AND subject_id = %s",
        lived.order("completed"),
    )


@plants("state_moves_are_legal")
def a_move_that_no_machine_makes(lived: LivedIn) -> None:
    told("order", lived.order("unpaid"), "teleport", "pending_payment", "pending_payment")


@plants("states_are_told")
def a_state_set_by_hand(lived: LivedIn) -> None:
    order(lived, "unpaid", "state = 'awaiting_balance'")


@plants("states_are_told")
def moves_of_a_row_that_is_gone(lived: LivedIn) -> None:
    told("order", 999999, "create", "", "pending_payment")


@plants("states_are_told")
def a_reservation_ended_by_hand(lived: LivedIn) -> None:
    sql(
        "DELETE FROM audit_state_change WHERE machine = 'reservation' AND subject_id ="
        " (SELECT id FROM inventory_reservation WHERE line_id = %s)",
        lived.line("completed"),
    )


@plants("history_is_true")
def changed_behind_the_history(lived: LivedIn) -> None:
    sql("UPDATE orders_order SET buyer_nick = 'somebody else' WHERE id = %s", lived.order("unpaid"))


@plants("history_is_true")
def history_that_is_gone(lived: LivedIn) -> None:
    sql("DELETE FROM fulfillment_historicalshipment WHERE id = %s", lived.shipment("at_warehouse").pk)


@plants("keys_are_unique")
def a_timer_set_twice(lived: LivedIn) -> None:
    without_constraint("events_timer", "events_timer_key_key")
    for _twice in range(2):
        sql(
            "INSERT INTO events_timer (due_at, event, payload, key, chain_id, depth, fired_at)"
            " VALUES (now(), 'x', '{}', 'x', gen_random_uuid(), 0, now())"
        )


@plants("references_exist")
def goods_that_are_in_no_catalogue(lived: LivedIn) -> None:
    sql("UPDATE orders_orderline SET bundle_id = 999999 WHERE id = %s", lived.line("unmatched"))


# --- the post office --------------------------------------------------------------------------------------------------


@plants("facts_reach_their_handlers")
def a_fact_that_one_handler_never_got(lived: LivedIn) -> None:
    sql(
        "DELETE FROM events_delivery"
        " WHERE id = (SELECT max(id) FROM events_delivery WHERE handler = 'fulfillment.stop')"
    )


@plants("no_delivery_waits")
def a_fact_that_waits(lived: LivedIn) -> None:
    sql(
        f"UPDATE events_delivery SET status = 'waiting', due_at = {LONG_AGO}"
        " WHERE id = (SELECT max(id) FROM events_delivery)"
    )


@plants("no_message_waits")
def a_message_that_waits(lived: LivedIn) -> None:
    sql(
        f"UPDATE events_inbox SET status = 'waiting', due_at = {LONG_AGO} WHERE id = (SELECT max(id) FROM events_inbox)"
    )


@plants("no_command_waits")
def a_command_that_waits(lived: LivedIn) -> None:
    sql(f"UPDATE events_outgoing SET due_at = {LONG_AGO} WHERE status = 'waiting'")


@plants("no_command_waits")
def a_command_in_dead_hands(lived: LivedIn) -> None:
    sql(f"UPDATE events_outgoing SET status = 'sending', lease_until = {LONG_AGO} WHERE status = 'waiting'")


@plants("no_timer_waits")
def a_timer_that_does_not_fire(lived: LivedIn) -> None:
    sql(
        "INSERT INTO events_timer (due_at, event, payload, key, chain_id, depth)"
        f" VALUES ({LONG_AGO}, 'x', '{{}}', 'x', gen_random_uuid(), 0)"
    )


@plants("parked_has_case")
def a_message_set_aside_in_silence(lived: LivedIn) -> None:
    sql("UPDATE events_inbox SET status = 'parked' WHERE id = (SELECT max(id) FROM events_inbox)")


@plants("parked_has_case")
def a_fact_set_aside_in_silence(lived: LivedIn) -> None:
    sql("UPDATE events_delivery SET status = 'parked' WHERE id = (SELECT max(id) FROM events_delivery)")


@plants("failed_command_has_case")
def a_call_given_up_in_silence(lived: LivedIn) -> None:
    sql("UPDATE events_outgoing SET status = 'dead' WHERE status = 'waiting'")


@plants("no_run_waits_for_nothing")
def a_flow_that_waits_for_nothing(lived: LivedIn) -> None:
    sql(
        f"UPDATE workflow_flowrun SET status = 'waiting', waits_for = 'command', changed_at = {LONG_AGO}"
        " WHERE id = (SELECT min(id) FROM workflow_flowrun WHERE subject = %s)",
        f"order:{lived.order('unmatched')}",
    )


@plants("no_order_in_limbo")
def an_order_that_nobody_brings_on(lived: LivedIn) -> None:
    pk = lived.order("unmatched")
    order(lived, "unmatched", "is_on_hold = false")
    sql("UPDATE orders_hold SET released_at = now() WHERE order_id = %s", pk)
    sql("UPDATE orders_historicalhold SET released_at = now() WHERE order_id = %s", pk)
    sql(f"UPDATE audit_state_change SET at = {LONG_AGO} WHERE machine = 'order' AND subject_id = %s", pk)


@plants("parcels_are_reported")
def a_parcel_the_channel_does_not_know_of(lived: LivedIn) -> None:
    both("fulfillment_shipment", lived.shipment("completed").pk, f"reported_at = NULL, shipped_at = {LONG_AGO}")


# --- waybills and parcels ---------------------------------------------------------------------------------------------


def waybill(lived: LivedIn, **values: Any) -> int:
    """A waybill of the order at the warehouse, with its history and the moves that brought it there."""
    shipment = lived.shipment("at_warehouse")
    row = Waybill.objects.create(shipment=shipment, carrier=shipment.carrier, **values)
    told("waybill", row.pk, "create", "", "requested")
    return row.pk


@plants("waybills_are_asked_for")
def a_waybill_that_nobody_asks_for(lived: LivedIn) -> None:
    both("fulfillment_waybill", waybill(lived), f"requested_at = {LONG_AGO}")


@plants("waybills_have_numbers")
def a_waybill_without_its_number(lived: LivedIn) -> None:
    told("waybill", waybill(lived, state="assigned"), "assign", "requested", "assigned")


@plants("parcels_left_under_good_numbers")
def a_parcel_under_a_number_that_was_given_up(lived: LivedIn) -> None:
    pk = waybill(lived, state="void", number=lived.shipment("completed").parcels.get().tracking_no)
    told("waybill", pk, "void", "requested", "void")


@plants("delivered_means_every_parcel")
def a_delivered_shipment_whose_parcel_is_on_its_way(lived: LivedIn) -> None:
    pk = lived.shipment("completed").pk
    both("fulfillment_shipment", pk, "state = 'delivered'")
    told("shipment", pk, "mark_delivered", "shipped", "delivered")


@plants("scans_once")
def a_scan_told_twice(lived: LivedIn) -> None:
    parcel = lived.shipment("completed").parcels.get().pk
    sql("DROP INDEX scan_once")
    for _ in range(2):
        sql(
            "INSERT INTO fulfillment_trackingscan (parcel_id, at, kind, text, place, source, digest, recorded_at)"
            " VALUES (%s, '2026-11-24 00:00+00', 'collected', 'x', '', 'x', 'x', now())",
            parcel,
        )


# --- couriers and their bills -----------------------------------------------------------------------------------------


@plants("one_contract_at_a_time")
def two_prices_for_one_parcel(lived: LivedIn) -> None:
    without_constraint("fulfillment_couriercontract", "one_contract_at_a_time")
    sql("UPDATE fulfillment_couriercontract SET warehouse_id = %s", lived.world.east.pk)


@plants("one_contract_at_a_time")
def two_peak_fees_on_one_day(lived: LivedIn) -> None:
    without_constraint("fulfillment_peakfee", "one_peak_fee_at_a_time")
    for first in (1, 5):
        sql(
            "INSERT INTO fulfillment_peakfee (contract_id, starts_on, ends_on, fee)"
            " SELECT min(id), make_date(2026, 11, %s), '2026-11-20', 1 FROM fulfillment_couriercontract",
            first,
        )


@plants("rates_are_whole")
def tiers_that_overlap(lived: LivedIn) -> None:
    sql("""UPDATE fulfillment_courierrate SET tiers = '[[1000, "3.00"], [500, "2.00"]]' WHERE zone = ''""")


@plants("rates_are_whole")
def a_zone_that_is_there_twice(lived: LivedIn) -> None:
    without_constraint("fulfillment_courierrate", "rate_once_per_zone")
    sql("UPDATE fulfillment_courierrate SET zone = ''")


@plants("rates_are_whole")
def steps_that_the_rounding_does_not_divide(lived: LivedIn) -> None:
    sql("UPDATE fulfillment_couriercontract SET rounding_g = 300")


@plants("freight_bills_add_up")
def a_line_that_asks_for_more(lived: LivedIn) -> None:
    sql("UPDATE fulfillment_freightline SET amount = amount + 1 WHERE tracking_no = 'ZT1'")


@plants("freight_bills_add_up")
def a_line_of_a_bill_lost(lived: LivedIn) -> None:
    sql("DELETE FROM fulfillment_freightline WHERE tracking_no = 'STRANGE1'")


@plants("closed_freight_bills_are_clean")
def a_closed_bill_with_a_line_that_nobody_decided(lived: LivedIn) -> None:
    both("fulfillment_freightbill", lived.freight_bill, "state = 'closed'")
    told("freightbill", lived.freight_bill, "close", "open", "closed")


@plants("closed_freight_bills_are_clean")
def a_sign_off_without_a_reason(lived: LivedIn) -> None:
    sql(
        "UPDATE fulfillment_freightline SET found_verdict = verdict, verdict = 'signed_off'"
        " WHERE tracking_no = 'STRANGE1'"
    )


@plants("parcels_are_paid_once")
def a_parcel_that_is_paid_twice(lived: LivedIn) -> None:
    sql(
        "UPDATE fulfillment_freightline SET verdict = 'matched', parcel_id = (SELECT parcel_id"
        " FROM fulfillment_freightline WHERE tracking_no = 'ZT1') WHERE tracking_no = 'STRANGE1'"
    )


@plants("freight_differences_have_cases")
def a_difference_that_nobody_is_told_of(lived: LivedIn) -> None:
    sql("UPDATE fulfillment_freightline SET verdict = 'billed_twice' WHERE tracking_no = 'ZT1'")


# --- the floor of an own warehouse ------------------------------------------------------------------------------------


def pick_line(lived: LivedIn, **values: Any) -> PickLine:
    """A wave with a basket for the order at the warehouse, and its line in it."""
    shipment = lived.shipment("at_warehouse")
    wave = Wave.objects.create(code="W1", warehouse=shipment.warehouse)
    told("wave", wave.pk, "create", "", "open")
    basket = Basket.objects.create(wave=wave, shipment=shipment, number=1)
    line = shipment.lines.get()
    return PickLine.objects.create(
        **({"basket": basket, "shipment_line": line, "sku_id": line.sku_id, "wanted": line.quantity} | values)
    )


@plants("picked_within_wanted")
def more_picked_than_wanted(lived: LivedIn) -> None:
    line = pick_line(lived)
    without_constraint("fulfillment_pickline", "picked_within_wanted")
    sql("UPDATE fulfillment_pickline SET picked = wanted + 1 WHERE id = %s", line.pk)


@plants("picked_in_one_wave")
def picked_without_a_basket(lived: LivedIn) -> None:
    pk = lived.shipment("at_warehouse").pk
    both("fulfillment_shipment", pk, "state = 'waved'")
    told("shipment", pk, "join_wave", "accepted", "waved")


@plants("picked_in_one_wave")
def a_basket_in_the_wave_of_another_house(lived: LivedIn) -> None:
    line = pick_line(lived)
    here = lived.shipment("at_warehouse").warehouse_id
    other = next(w.pk for w in (lived.world.east, lived.world.south) if w.pk != here)
    both("fulfillment_wave", line.basket.wave_id, f"warehouse_id = {other}")


@plants("pick_lines_are_of_their_shipment")
def more_wanted_than_the_shipment_has(lived: LivedIn) -> None:
    pick_line(lived, wanted=99)
