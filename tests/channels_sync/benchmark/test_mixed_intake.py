"""What the measurement of mixed intake puts into the inbox is what the platforms say."""

from __future__ import annotations

from collections import Counter

import pytest

from channels_sync.benchmark.mixed_intake import MIX, mixed_orders, take_all_in
from channels_sync.demo import seed_company
from channels_sync.models import ChannelAccount
from channels_sync.sandbox import credentials
from ordercenter.events.inbox import receive
from ordercenter.events.models import EventRow
from ordercenter.events.relay import Relay
from ordercenter.orders.models import Order


@pytest.mark.django_db
def test_each_raw_order_of_the_six_platforms_becomes_one_paid_order() -> None:
    seed_company(credentials=credentials.generate(), sandbox_url="http://127.0.0.1:9")
    accounts = {row.adapter: row for row in ChannelAccount.objects.select_related("shop")}
    messages = list(mixed_orders(accounts, orders=60, seed=3))

    kept = receive(messages)
    take_all_in(Relay())

    sold = Counter(message.kind.partition(".")[0] for message in messages)
    taken = Counter(Order.objects.values_list("shop__channel__code", flat=True))
    assert kept == 60
    assert set(sold) == set(MIX)
    assert taken == sold
    assert not Order.objects.filter(paid_amount__lte=0).exists()
    assert EventRow.objects.filter(name="orders.order.paid").count() == 60
