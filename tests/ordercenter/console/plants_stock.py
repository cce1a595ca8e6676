"""Planted violations: stock, promises, production, channels."""

from __future__ import annotations

from tests.flows.lived_in import LivedIn
from tests.ordercenter.console.plants_base import LONG_AGO, plants, sql, without_constraint


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
