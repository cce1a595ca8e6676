"""Messages that come five times at once, in disorder, long after: one effect, and the newest word counts."""

from __future__ import annotations

import pytest

from tests.badday.books import effects_of, states_of
from tests.badday.day import UNDONE, assert_invariants_hold
from tests.badday.system import System, wait_until

pytestmark = [pytest.mark.processes, pytest.mark.timeout(400)]

# Everything that the platform and the warehouse ever said about these orders, told once more.
TELL_AGAIN = """
from django.db.models import Q
from ordercenter.events.models import InboxMessage
from ordercenter.events.retrying import replay_messages
codes = {codes!r}
about = Q(message_id="")
for number in {numbers!r}:
    about |= Q(subject__endswith=":" + number)
for code in codes:
    about |= Q(subject="delivery:" + code)
answer = len(replay_messages(ids=list(InboxMessage.objects.filter(about).values_list("pk", flat=True))).done)
"""
READ = """
from channels_sync.accounts import adapter_of
from channels_sync.models import ChannelAccount
from channels_sync.keeping import order_message
account = ChannelAccount.objects.get(adapter="tmall")
(raw,) = adapter_of(account).read_orders([{number!r}]).done
answer = order_message(account, raw).body.decode()
"""
TELL = """
import json
from channels_sync.adapters.base import RawOrder
from channels_sync.models import ChannelAccount
from channels_sync.keeping import order_message
from ordercenter.events.inbox import receive
body = {body!r}
payload = json.loads(body)["trade_fullinfo_get_response"]["trade"]
account = ChannelAccount.objects.get(adapter="tmall")
answer = receive([order_message(account, RawOrder({number!r}, payload, body.encode()))])
"""
ONCE = {
    "orders": 1,
    "paid": 1,
    "completed": 1,
    "payments": 1,
    "shipments": 1,
    "delivery orders": 1,
    "parcels": 1,
    "reports": 1,
}


def test_messages_five_times_at_once_in_disorder_and_long_after_have_one_effect(system: System) -> None:
    system.sandbox.switches(duplicates=1.0, disorder=1.0, wms_confirm_duplicates=1.0)
    numbers = system.sandbox.create_trades(count=6)
    for number in numbers:
        system.sandbox.repeat_message(number, times=5)
        # The word of its creation comes after that of its payment.
        system.sandbox.repeat_message(number, fact="placed")
    wait_until(lambda: all_are(system, numbers, "completed"), timeout_s=60, what="all are completed")
    for number in numbers:
        system.sandbox.repeat_message(number, times=2)
    codes = [code for number in numbers for code in system.sandbox.trade(number)["way"]["deliveries"]]
    told_again = system.run_code(TELL_AGAIN.format(numbers=numbers, codes=codes))
    wait_until(lambda: is_quiet(system), timeout_s=60, what="everything is read")

    assert told_again >= 3 * len(numbers)
    assert [effects_of(system, number) for number in numbers] == [ONCE] * len(numbers)
    assert all_are(system, numbers, "completed")
    assert system.sandbox.state()["deliveries"]["trades_twice"] == {}
    assert_invariants_hold(system)


def test_of_two_updates_that_overtook_each_other_the_newer_counts(system: System) -> None:
    system.sandbox.switches(lost_messages=1.0, ship_after_s=3600)
    number = system.sandbox.create_trade(paid=False)
    unpaid = system.run_code(READ.format(number=number))
    system.sandbox.pay(number)
    paid = system.run_code(READ.format(number=number))

    # A pull may be faster with one of them: who brings it makes no difference.
    system.run_code(TELL.format(number=number, body=paid))
    wait_until(lambda: all_are(system, [number], "in_fulfillment"), timeout_s=60, what="it is with the warehouse")
    system.run_code(TELL.format(number=number, body=unpaid))
    wait_until(lambda: is_quiet(system), timeout_s=60, what="everything is read")

    assert '"WAIT_BUYER_PAY"' in unpaid
    both = "SELECT status, count(*) FROM events_inbox WHERE subject LIKE %s GROUP BY status"
    assert system.ask(both, [f"%:{number}"]) == [("done", 2)]
    assert states_of(system, [number]) == {number: "in_fulfillment"}
    assert system.ask("SELECT channel_status FROM orders_order WHERE channel_order_no = %s", [number]) == [
        ("WAIT_SELLER_SEND_GOODS",)
    ]


def all_are(system: System, numbers: list[str], state: str) -> bool:
    return states_of(system, numbers) == dict.fromkeys(numbers, state)


def is_quiet(system: System) -> bool:
    """Nothing waits, at the platform or with us."""
    if system.sandbox.state()["messages_waiting"]:
        return False
    return not any(system.count(statement) for statement in UNDONE.values())
