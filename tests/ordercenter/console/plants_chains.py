"""Planted violations: states, history, keys."""

from __future__ import annotations

from tests.flows.lived_in import LivedIn
from tests.ordercenter.console.plants_base import order, plants, sql, told, without_constraint


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
