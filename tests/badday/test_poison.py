"""One message that cannot be taken in, among many that can."""

from __future__ import annotations

import pytest

from tests.badday.books import states_of
from tests.badday.day import assert_invariants_hold
from tests.badday.system import System, wait_until

pytestmark = [pytest.mark.processes, pytest.mark.timeout(400)]

# A fault that only one order meets. The error's class is one that a broken connection could also have.
BREAK = """
CREATE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.buyer_nick = '毒**' THEN RAISE EXCEPTION 'this order cannot be written' USING ERRCODE = '54000'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER poison BEFORE INSERT ON orders_order FOR EACH ROW EXECUTE FUNCTION poison();
"""
MEND = "DROP TRIGGER poison ON orders_order; DROP FUNCTION poison();"
AGAIN = """
from ordercenter.events.models import InboxMessage
from ordercenter.events.retrying import retry_messages
answer = len(retry_messages(ids=[{message_id}]).done)
"""


def test_a_poisonous_message_is_parked_alone_with_a_case_and_is_read_again_once_the_fault_is_mended(
    system: System,
) -> None:
    system.sandbox.switches(ship_after_s=3600)
    system.ask(BREAK)
    before = system.sandbox.create_trades(count=15)
    poison = system.sandbox.create_trade(buyer={"name": "毒蘑菇"})
    numbers = before + system.sandbox.create_trades(count=15)

    with_warehouse = dict.fromkeys(numbers, "in_fulfillment")
    wait_until(lambda: states_of(system, numbers) == with_warehouse, timeout_s=60, what="all others are taken in")
    wait_until(lambda: parked(system, poison), timeout_s=60, what="the poisonous one is parked")
    ((message_id, error),) = parked(system, poison)
    wait_until(lambda: cases_about(system, message_id), timeout_s=30, what="there is a case")
    all_parked = system.count("SELECT count(*) FROM events_inbox WHERE status = 'parked'")
    state_while_parked = states_of(system, [poison])
    system.ask(MEND)
    again = system.run_code(AGAIN.format(message_id=message_id))
    wait_until(lambda: states_of(system, [poison]), timeout_s=60, what="it is taken in")

    assert error == "OperationalError: this order cannot be written"
    assert (all_parked, state_while_parked, again) == (1, {}, 1)
    assert cases_about(system, message_id) == [("MESSAGE_PARKED",)]
    assert_invariants_hold(system)


def parked(system: System, number: str) -> list[tuple[int, str]]:
    """Row id and error of the parked messages about an order."""
    return system.ask("SELECT id, error FROM events_inbox WHERE status = 'parked' AND subject LIKE %s", [f"%:{number}"])


def cases_about(system: System, message_id: int) -> list[tuple[str]]:
    return system.ask("SELECT code::text FROM cases_case WHERE subject = %s", [f"message:{message_id}"])
