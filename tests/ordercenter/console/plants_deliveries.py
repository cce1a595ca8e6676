"""Planted violations: deliveries that come in, and goods between warehouses."""

from __future__ import annotations

from tests.flows.lived_in import LivedIn
from tests.ordercenter.console.plants_base import plants, sql


@plants("received_pieces_are_in_the_ledger")
def received_goods_that_nobody_booked(lived: LivedIn) -> None:
    delivery(lived, kind="purchase", put_away=4)


@plants("transfers_left_the_other_warehouse")
def a_transfer_that_left_nowhere(lived: LivedIn) -> None:
    delivery(lived, kind="transfer", put_away=0)


@plants("transfers_are_told_when_they_left")
def goods_on_their_way_to_a_warehouse_that_does_not_know(lived: LivedIn) -> None:
    delivery(lived, kind="purchase", put_away=0)
    names = "code, inbound_id, warehouse_id, state, warehouse_ref, confirms, created_at"
    sql(
        f"WITH o AS (INSERT INTO fulfillment_stockout ({names})"
        " SELECT 'OUT-PLANT', id, warehouse_id, 'left', '', '[]', now() FROM fulfillment_inboundorder"
        " WHERE code = 'IN-PLANT' RETURNING *),"
        f" h AS (INSERT INTO fulfillment_historicalstockout (id, {names}, history_date, history_type)"
        f" SELECT id, {names}, now(), '+' FROM o)"
        " INSERT INTO audit_state_change (at, machine, subject_id, move, src, dst, actor, chain_id)"
        " SELECT now(), 'stockout', id, move, src, dst, 'x', gen_random_uuid() FROM o, (VALUES"
        " ('create', '', 'planned'), ('send', 'planned', 'sent'), ('leave', 'sent', 'left')) AS m(move, src, dst)",
    )


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
