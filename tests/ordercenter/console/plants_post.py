"""Planted violations: the post office: facts, messages, commands, timers."""

from __future__ import annotations

from tests.flows.lived_in import LivedIn
from tests.ordercenter.console.plants_base import LONG_AGO, both, order, plants, sql


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
