"""Counters with bad lines: each document once, in the order of business, whatever the stock says."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError

from channels_sync.counter_models import Counter, CounterDocument, CounterShift
from channels_sync.counters.looking import look_at_counters
from finance.models import PaymentEntry
from ordercenter.audit.models import StateChange
from ordercenter.cases.models import Case
from ordercenter.catalog.models import Sku
from ordercenter.common.gathering import counted_statements
from ordercenter.events.models import Delivery
from ordercenter.inventory.models import StockLevel, StockMovement, Warehouse
from ordercenter.inventory.services import Movement, Promise, book_counter_moves, move_stock, reserve_stock
from ordercenter.inventory.services.offering import _pool
from ordercenter.inventory.states import MovementReason
from ordercenter.orders.models import Order, OrderLine
from tests.channels_sync.counters.store import (
    TEN,
    Store,
    giving_back,
    on_hand,
    open_cases,
    outcome,
    sale,
    shift_end,
    statuses,
)
from tests.fulfillment.floor.house import broken_invariants

pytestmark = pytest.mark.django_db


@pytest.fixture
def store(db: None) -> Store:
    return Store()


def test_a_sale_is_a_completed_order_paid_and_gone_and_starts_no_flow(store: Store) -> None:
    taken = store.send(sale("a1", ("CUP", 2, "20.00"), ("PLATE", 1, "5.00")))

    order = Order.objects.get()
    assert statuses(taken) == ["booked"]
    assert taken.answers[0].order_id == order.pk
    assert (order.channel_order_no, order.state, order.total_amount, order.paid_amount) == (
        "C1-a1",
        "completed",
        Decimal("25.00"),
        Decimal("25.00"),
    )
    assert (order.placed_at, order.paid_at) == (TEN, TEN)
    lines = OrderLine.objects.order_by("line_no").values_list("sku__code", "ordered", "shipped", "delivered")
    assert list(lines) == [("CUP", 2, 2, 2), ("PLATE", 1, 1, 1)]
    assert on_hand() == {"CUP": 8, "PLATE": 4}
    entry = PaymentEntry.objects.get()
    assert (entry.provider, entry.amount, entry.expected_fee, entry.occurred_at) == ("cash", Decimal("25.00"), 0, TEN)
    moves = StateChange.objects.filter(machine="order").order_by("pk").values_list("move", flat=True)
    assert list(moves) == ["create", "mark_paid", "hand_over"]
    assert not Delivery.objects.filter(handler__startswith="workflow").exists()
    assert broken_invariants() == {}


def test_a_document_that_comes_again_changes_nothing_and_one_that_changed_is_refused(store: Store) -> None:
    store.send(sale("a1"))
    before = outcome()

    again = store.send(sale("a1"), sale("a1"), sale("a1", ("CUP", 2, "20.00")))

    assert [(a.status, a.was_known) for a in again.answers] == [("booked", True), ("booked", True), ("refused", False)]
    assert again.answers[2].error is not None
    assert again.answers[2].error.code == "channels.counter_number_reused"
    assert outcome() == before


def test_a_bundle_leaves_as_its_parts_and_comes_back_as_such(store: Store) -> None:
    store.send(sale("a1", ("SET", 2, "50.00")))
    assert on_hand() == {"CUP": 6, "PLATE": 3}

    taken = store.send(giving_back("r1", "a1", ("1", 1, "25.00")))

    assert statuses(taken) == ["booked"]
    assert on_hand() == {"CUP": 8, "PLATE": 4}
    assert broken_invariants() == {}


def test_what_is_sold_beyond_the_books_is_booked_and_a_case_until_stock_comes(store: Store) -> None:
    taken = store.send(sale("a1", ("PLATE", 7, "35.00")))

    level = StockLevel.objects.get(sku__code="PLATE")
    assert (statuses(taken), level.on_hand, level.sold_short) == (["booked"], -2, 2)
    assert open_cases() == [("COUNTER_OVERSOLD", "PLATE")]
    assert broken_invariants() == {}

    arrival = Movement(level.sku_id, level.warehouse_id, 5, MovementReason.ARRIVAL, "in", "in:1")
    move_stock(movements=[arrival]).raise_first()

    level.refresh_from_db()
    assert (level.on_hand, level.sold_short, open_cases()) == (3, 0, [])
    assert broken_invariants() == {}


def test_pieces_promised_to_others_are_gone_and_the_case_says_how_many(store: Store) -> None:
    order = _waiting_order(store)
    reserve_stock(
        promises=[Promise(order.pk, line.pk, store.skus["CUP"].pk, store.house.pk, 9) for line in order.lines.all()]
    )

    store.send(sale("a1", ("CUP", 4, "40.00")))

    level = StockLevel.objects.get(sku__code="CUP")
    assert (level.on_hand, level.reserved, level.sold_short) == (6, 9, 3)
    case = Case.objects.get(code="COUNTER_OVERSOLD")
    assert (case.warehouse_id, case.evidence) == (store.house.pk, {"on_hand": 6, "promised": 9, "lacking": 3})


def _waiting_order(store: Store) -> Order:
    now = TEN
    order = Order.objects.create(
        shop=store.shop, channel_order_no="W", total_amount=0, placed_at=now, channel_modified_at=now
    )
    OrderLine.objects.create(order=order, line_no=1, channel_line_no="1", ordered=9, unplanned=9, sku=store.skus["CUP"])
    return order


def test_a_return_before_its_sale_waits_for_it(store: Store) -> None:
    early = store.send(giving_back("r1", "a1"))
    assert [(a.status, a.wait_reason) for a in early.answers] == [("waiting", "no_sale")]
    assert on_hand()["CUP"] == 10

    taken = store.send(sale("a1", ("CUP", 3, "30.00")))

    assert statuses(taken) == ["booked"]
    assert CounterDocument.objects.get(client_no="r1").state == "booked"
    assert on_hand()["CUP"] == 8
    order = Order.objects.get()
    assert (order.refunded_amount, OrderLine.objects.get().returned) == (Decimal("10.00"), 1)
    refund = PaymentEntry.objects.get(kind="refund")
    assert (refund.provider, refund.amount, refund.occurred_at) == (
        "cash",
        Decimal("10.00"),
        TEN + timedelta(minutes=30),
    )
    assert broken_invariants() == {}


def test_a_return_at_another_counter_in_one_batch_and_damaged_goods(store: Store) -> None:
    back = giving_back("r1", "a1", sale_counter="C1", shift="S2")
    back["lines"][0]["condition"] = "damaged"
    store.send(back, counter="C2")

    store.send(sale("a1", ("CUP", 2, "20.00")))

    level = StockLevel.objects.get(sku__code="CUP")
    assert (level.on_hand, level.damaged) == (8, 1)
    assert CounterDocument.objects.filter(state="booked").count() == 2


def test_more_than_was_sold_does_not_come_back_and_a_person_looks(store: Store) -> None:
    store.send(sale("a1", ("CUP", 1, "10.00")), giving_back("r1", "a1", minute=10))

    taken = store.send(giving_back("r2", "a1", minute=20))

    assert [(a.status, a.wait_reason) for a in taken.answers] == [("waiting", "too_much")]
    assert open_cases() == [("COUNTER_DOCUMENT", "C1/r2")]
    assert on_hand()["CUP"] == 10
    assert broken_invariants() == {}


def test_goods_that_nobody_knows_wait_for_their_sku(store: Store) -> None:
    taken = store.send(sale("a1", ("GLASS", 1, "8.00")))
    assert [(a.status, a.wait_reason) for a in taken.answers] == [("waiting", "no_sku")]
    assert open_cases() == [("COUNTER_DOCUMENT", "C1/a1")]

    Sku.objects.create(code="GLASS", name="杯")
    look_at_counters(at=TEN + timedelta(hours=13))

    assert CounterDocument.objects.get().state == "booked"
    assert (on_hand()["GLASS"], StockLevel.objects.get(sku__code="GLASS").sold_short) == (-1, 1)
    assert open_cases() == [("COUNTER_OVERSOLD", "GLASS")]


def test_a_return_that_nobody_explains_is_a_case_after_a_day_once(store: Store) -> None:
    store.send(giving_back("r1", "nothing"))

    look_at_counters(at=TEN + timedelta(hours=20))
    assert open_cases() == []
    for hours in (37, 38):
        look_at_counters(at=TEN + timedelta(hours=hours))

    assert open_cases() == [("COUNTER_DOCUMENT", "C1/r1")]
    assert Case.objects.get().times_seen == 1


def test_a_shift_whose_cash_is_right_is_no_case_however_late_its_documents_come(store: Store) -> None:
    store.send(shift_end(counted="105.00", documents=2, cash_in="20.00", cash_out="20.00"))
    shift = CounterShift.objects.get()
    assert (shift.expected_cash, shift.arrived, open_cases()) == (Decimal("100.00"), 0, [])

    store.send(giving_back("r1", "a1", ("1", 1, "5.00")))
    assert open_cases() == []
    store.send(sale("a1", ("CUP", 1, "10.00")))

    shift.refresh_from_db()
    assert (shift.expected_cash, shift.difference, shift.arrived) == (Decimal("105.00"), 0, 2)
    assert open_cases() == []


def test_cash_that_is_missing_is_a_case_that_follows_what_comes_late(store: Store) -> None:
    card = [{"method": "card", "amount": "7.00", "reference": "000123"}, {"method": "cash", "amount": "3.00"}]
    store.send(sale("a1", ("CUP", 1, "10.00"), payments=card), shift_end(counted="101.00", documents=1))

    case = Case.objects.get(code="SHIFT_DIFFERENCE")
    assert (case.money_at_risk, case.evidence) == (
        Decimal("2.00"),
        {"counted": "101.00", "expected": "103.00", "difference": "-2.00", "documents_missing": 0},
    )
    assert sorted(PaymentEntry.objects.values_list("provider", "amount", "merchant_no")) == [
        ("card", Decimal("7.00"), "000123"),
        ("cash", Decimal("3.00"), ""),
    ]

    store.send(giving_back("r1", "a1", ("1", 1, "2.00")))

    assert Case.objects.get(code="SHIFT_DIFFERENCE").state == "auto_resolved"


def test_an_incomplete_shift_is_told_after_a_day(store: Store) -> None:
    store.send(shift_end(counted="100.00", documents=3))

    look_at_counters(at=TEN + timedelta(hours=20))
    assert open_cases() == []
    look_at_counters(at=TEN + timedelta(hours=40))
    look_at_counters(at=TEN + timedelta(hours=41))

    case = Case.objects.get(code="SHIFT_DIFFERENCE")
    assert (case.evidence["documents_missing"], case.times_seen) == (3, 1)


def test_a_clock_that_is_wrong_is_named_until_it_is_right(store: Store) -> None:
    at = TEN + timedelta(hours=1)

    wrong = store.send(sale("a1"), at=at, sent_at=at - timedelta(minutes=20))
    assert (wrong.clock_skew_s, open_cases()) == (1200, [("COUNTER_CLOCK", "store-1/C1")])
    right = store.send(sale("a2"), at=at, sent_at=at - timedelta(seconds=2))

    assert (right.clock_skew_s, open_cases()) == (2, [])
    counter = Counter.objects.get(code="C1")
    assert (counter.last_batch_at, counter.last_business_at, counter.clock_skew_s) == (at, TEN, 2)


def test_a_providers_number_that_is_booked_already_does_not_keep_a_sale_out(store: Store) -> None:
    paid = [{"method": "alipay", "amount": "10.00", "reference": "2026113022001"}]
    store.send(sale("a1", payments=paid))

    taken = store.send(sale("a2", payments=paid))

    assert statuses(taken) == ["booked"]
    entries = PaymentEntry.objects.order_by("pk").values_list("provider", "external_no", "merchant_no", "amount")
    first, second = entries
    assert first == ("alipay", "2026113022001", "", Decimal("10.00"))
    assert (second[0], second[2], second[3]) == ("alipay", "2026113022001", Decimal("10.00"))
    assert second[1].startswith("pos:")


def test_a_counter_stands_in_a_store_and_nowhere_else(store: Store) -> None:
    east = Warehouse.objects.create(code="EAST", name="华东仓")
    counter = Counter.objects.get(code="C1")
    counter.full_clean()
    counter.store = east

    with pytest.raises(ValidationError, match="store"):
        counter.full_clean()


def test_what_lies_in_a_store_is_not_offered_online(store: Store) -> None:
    assert _pool([store.skus["CUP"].pk]) == {}


def test_the_statements_of_a_batch_do_not_grow_with_it(store: Store) -> None:
    def statements(count: int, first: int) -> int:
        with counted_statements() as counted:
            store.send(*[sale(f"x{first + n}", minute=n) for n in range(count)])
        return counted()

    # The first of a process asks for ids, a block for each table.
    statements(60, 0)

    assert statements(60, 100) == statements(200, 1000)


def test_the_ledger_refuses_nothing_and_knows_a_movement_again(store: Store) -> None:
    from ordercenter.audit.work import unit_of_work

    move = Movement(store.skus["CUP"].pk, store.house.pk, -30, MovementReason.COUNTER, "x", "counter:x")
    with unit_of_work() as work:
        assert book_counter_moves(movements=[move], work=work) == [move]
    with unit_of_work() as work:
        assert book_counter_moves(movements=[move], work=work) == []

    assert (on_hand()["CUP"], StockMovement.objects.filter(reason="counter").count()) == (-20, 1)
