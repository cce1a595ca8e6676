"""Days that are played while bad things happen, and what must be true of them afterwards."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

from tests.badday.system import System, wait_until

UNDONE = {
    "messages to be read": "SELECT count(*) FROM events_inbox WHERE status = 'waiting'",
    "facts to be handled": "SELECT count(*) FROM events_delivery WHERE status = 'waiting'",
    "commands to be sent": "SELECT count(*) FROM events_outgoing WHERE status IN ('waiting', 'sending')",
}


CHECK = """
from datetime import timedelta
from django.utils import timezone
from ordercenter.console.invariants import CHECKS, run_checks
verdicts = run_checks(CHECKS, stale_before=timezone.now() - timedelta(minutes=1))
assert len(verdicts) > 20
answer = [[v.check.name, [list(pair) for pair in v.sample]] for v in verdicts if v.broken]
"""


class Day:
    """One day of the played shop, by the id of its scenario."""

    def __init__(self, system: System, *, seed: int, orders: int, per_s: float, **spec: Any) -> None:
        self.system, self.orders = system, orders
        self.id = system.sandbox.start_scenario(seed=seed, orders=orders, rate_per_s=per_s, **spec)

    def wait_for(self, share: float) -> None:
        """Wait until this share of its orders is paid."""
        paid = int(self.orders * share)
        wait_until(
            lambda: self.system.sandbox.progress(self.id)["paid"] >= paid, timeout_s=300, what=f"{paid} orders are paid"
        )

    def drain_time(self, *, timeout_s: float) -> float:
        """Seconds until every order that is paid by now has reached its warehouse, been told to its channel or found a
        person: what piled up is worked off, while new orders keep coming in.
        """
        piled_up = {number for number, way in self.ways().items() if way["paid_at"] and not way["tracking_at"]}

        def left() -> list[str]:
            ways, planted = self.ways(), self.planted()
            return [n for n in piled_up if n not in planted and not ways[n]["tracking_at"]]

        try:
            return wait_until(lambda: not left(), timeout_s=timeout_s, what="the backlog is worked off", every_s=0.5)
        except AssertionError as error:
            error.add_note("\n".join(self.where_is(number) for number in left()[:5]))
            raise

    def where_is(self, number: str) -> str:
        """What the platforms saw of an order, and how far it is with us."""
        ask = self.system.ask
        way = {what: at for what, at in self.ways()[number].items() if what.endswith("_at")}
        order = ask("SELECT state, is_on_hold, received_at FROM orders_order WHERE channel_order_no = %s", [number])
        kept = ask("SELECT status, tries, received_at, due_at FROM events_inbox WHERE subject LIKE %s", [f"%{number}%"])
        sent = ask(
            "SELECT c.kind, c.status, c.tries, c.due_at, c.error FROM events_outgoing c JOIN fulfillment_shipmentline l"
            " ON c.subject = 'shipment:' || l.shipment_id JOIN orders_order o ON o.id = l.order_id"
            " WHERE o.channel_order_no = %s",
            [number],
        )
        return f"{number}: way {way}; order {order}; messages {kept}; commands {sent}"

    def ways(self) -> dict[str, dict[str, Any]]:
        """By order number the instants of its way, as the platforms saw it."""
        return self.system.sandbox.receipts(self.id)

    def planted(self) -> dict[str, str]:
        """Order number -> code of the problem that it carries.

        Of two orders that look the same the one that comes later is held. Where a message was lost and came again after
        half a minute, that is the one that was placed first.
        """
        told = self.system.sandbox.scenario(self.id)["planted"]
        twins = {number: what["partner"] for number, what in told.items() if "partner" in what}
        held = {
            number
            for (number,) in self.system.ask(
                "SELECT o.channel_order_no FROM orders_order o JOIN cases_case c ON c.subject = 'order:' || o.id"
                " WHERE c.code = 'DUPLICATE_SUSPECT' AND o.channel_order_no = ANY(%s)",
                [[*twins, *twins.values()]],
            )
        }
        turned = {number: partner for number, partner in twins.items() if number not in held and partner in held}
        return {turned.get(number, number): what["code"] for number, what in told.items()}

    def wait_finished(self, *, timeout_s: float) -> float:
        """Wait until the day is played and nothing waits anywhere; returns how long that took from now."""
        self.system.sandbox.wait_played(self.id, timeout_s=600)

        def is_over() -> bool:
            planted = self.planted()
            if not all(way["finished_at"] for number, way in self.ways().items() if number not in planted):
                return False
            return not self.system.sandbox.state()["messages_waiting"] and not any(self.undone().values())

        try:
            return wait_until(is_over, timeout_s=timeout_s, what="the day is over", every_s=0.5)
        except AssertionError as error:
            planted, ways = self.planted(), self.ways()
            late = [number for number, way in ways.items() if number not in planted and not way["finished_at"]]
            error.add_note(f"{self.undone()}; {len(late)} orders on their way")
            error.add_note("\n".join(self.where_is(number) for number in late[:5]))
            raise

    def undone(self) -> dict[str, int]:
        return {what: self.system.count(statement) for what, statement in UNDONE.items()}

    def assert_whole(self) -> None:
        """Nothing lost, nothing doubled: at the platforms, in our books, and by every invariant."""
        planted, ways = self.planted(), self.ways()
        clean = sorted(set(ways) - set(planted))
        assert len(ways) == self.orders
        self._assert_platforms_saw_each_order_once(clean, ways)
        self._assert_books_hold_each_order_once(clean)
        self._assert_each_problem_found_a_person(planted)
        assert_invariants_hold(self.system)

    def _assert_platforms_saw_each_order_once(self, clean: list[str], ways: dict[str, dict[str, Any]]) -> None:
        state = self.system.sandbox.state()
        deliveries = state["deliveries"]
        assert {n: len(ways[n]["deliveries"]) for n in clean if len(ways[n]["deliveries"]) != 1} == {}
        assert (deliveries["changed"], deliveries["trades_twice"]) == ([], {})
        assert Counter(ways[n]["status"] for n in clean) == {"TRADE_FINISHED": len(clean)}

    def _assert_books_hold_each_order_once(self, clean: list[str]) -> None:
        ask = self.system.ask
        states = ask(
            "SELECT state, count(*), count(DISTINCT channel_order_no) FROM orders_order"
            " WHERE channel_order_no = ANY(%s) GROUP BY state",
            [clean],
        )
        parts = ask(
            "SELECT o.channel_order_no, p.payments, s.shipments, s.parcels, s.sent FROM orders_order o"
            " CROSS JOIN LATERAL (SELECT count(*) AS payments FROM finance_paymententry e"
            "   WHERE e.order_id = o.id AND e.kind = 'payment') p"
            " CROSS JOIN LATERAL (SELECT count(DISTINCT l.shipment_id) AS shipments,"
            "     count(DISTINCT c.id) AS parcels, count(DISTINCT w.id) AS sent FROM fulfillment_shipmentline l"
            "   LEFT JOIN fulfillment_parcel c ON c.shipment_id = l.shipment_id"
            "   LEFT JOIN events_outgoing w ON w.subject = 'shipment:' || l.shipment_id"
            "     AND w.kind = 'qimen.deliveryorder.create' AND w.status = 'done'"
            "   WHERE l.order_id = o.id) s"
            " WHERE o.channel_order_no = ANY(%s) AND (p.payments, s.shipments, s.parcels, s.sent) <> (1, 1, 1, 1)",
            [clean],
        )
        assert states == [("completed", len(clean), len(clean))]
        assert parts == []

    def _assert_each_problem_found_a_person(self, planted: dict[str, str]) -> None:
        found = dict(
            self.system.ask(
                "SELECT o.channel_order_no, array_agg(c.code::text) FROM orders_order o"
                " JOIN cases_case c ON c.subject = 'order:' || o.id WHERE o.channel_order_no = ANY(%s) GROUP BY 1",
                [list(planted)],
            )
        )
        assert {n: code for n, code in planted.items() if code not in found.get(n, [])} == {}


def assert_invariants_hold(system: System) -> None:
    """Every invariant, and nothing that came due waits for more than a minute."""
    broken = system.run_code(CHECK)
    assert broken == []


def seconds_between(earlier: str, later: str) -> float:
    """Seconds between two instants of the sandbox."""
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()
