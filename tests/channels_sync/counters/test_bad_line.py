"""A played day of three counters over a bad line, by real HTTP, and the door itself: keys, scopes, mistakes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from channels_sync.counter_models import Counter, CounterDocument
from channels_sync.demo_store import key_for, make_store
from channels_sync.management.commands.play_counters import what_differs
from channels_sync.sandbox.counters import BadLine, DaySpec, make_day
from finance.models import PaymentEntry
from ordercenter.cases.models import Case
from ordercenter.catalog.models import Sku
from tests.channels_sync.counters.store import Store, sale
from tests.fulfillment.floor.house import broken_invariants
from tests.ordercenter.api.company import Caller, Company

PRICES = {f"G{n}": Decimal(n * 7) for n in range(1, 7)}


def body(**more: Any) -> dict[str, Any]:
    at = datetime.now(UTC).isoformat()
    return {"shop": "store-1", "counter": "C1", "sent_at": at, "documents": [sale("a1")]} | more


@pytest.fixture
def store(db: None) -> Store:
    return Store()


@pytest.fixture
def till(store: Store) -> Caller:
    return Caller(_token(store))


def _token(store: Store, scope: str = "pos:write") -> str:
    from ordercenter.catalog.api_keys import create_key
    from ordercenter.common.actor import SYSTEM

    return create_key(name="till", grants={store.shop.pk: [scope]}, actor=SYSTEM)[1]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("seed", [1, 2])
def test_a_day_over_a_bad_line_ends_right_to_the_piece_and_the_fen(live_server: Any, seed: int) -> None:
    for code, price in PRICES.items():
        Sku.objects.create(code=code, name=code, list_price=price)
    store = make_store()
    begins = timezone.now().astimezone(UTC).replace(hour=2, minute=0, second=0, microsecond=0) - timedelta(days=1)
    day = make_day(DaySpec(seed=seed, day=begins, counters=("C1", "C2", "C3"), prices=PRICES, sales=120))
    line = BadLine(f"{live_server.url}/api/v1/counters/batches", key_for(store.shop)[1], store.shop.code, seed)

    sending = line.bring(day, now=timezone.now)

    assert sending.refused == []
    assert sending.repeated > 0
    assert sending.lost_answers > 0
    assert sending.waiting != set()
    assert what_differs(store, day, seed=seed, begins=begins) == []
    wrong = {counter for counter, difference in day.differences.items() if difference}
    told = {c.reference.partition("/")[0] for c in Case.objects.filter(code="SHIFT_DIFFERENCE", state="open")}
    assert told == wrong
    entries = PaymentEntry.objects.values_list("kind", "amount")
    assert sum(amount if kind == "payment" else -amount for kind, amount in entries) == day.taken
    assert broken_invariants() == {}


def test_the_door_answers_each_document_for_itself(store: Store, till: Caller) -> None:
    wrong = sale("a2", payments=[{"method": "cash", "amount": "1.00"}])
    odd = {"kind": "gift", "id": "a3"}

    answer = till.post("counters/batches", body(documents=[sale("a1"), wrong, odd]))

    assert answer.status_code == 200
    rows = answer.json()["results"]
    assert [(row["index"], row["id"], row["status"]) for row in rows] == [
        (0, "a1", "booked"),
        (1, "a2", "refused"),
        (2, "a3", "refused"),
    ]
    assert [error["field"] for error in rows[1]["error"]["errors"]] == ["payments"]
    assert abs(answer.json()["clock_skew_s"]) <= 2
    assert CounterDocument.objects.count() == 1


def test_a_counter_speaks_with_its_own_key_only_and_a_key_of_another_scope_not_at_all(store: Store) -> None:
    from ordercenter.catalog.models import ApiKey

    first, second = _token(store), _token(store)
    Counter.objects.filter(code="C1").update(api_key=ApiKey.objects.order_by("pk").first())

    assert Caller(first).post("counters/batches", body()).status_code == 200
    refused = Caller(second).post("counters/batches", body())
    assert (refused.status_code, refused.json()["code"]) == (404, "channels.counter_unknown")
    assert Caller(second).post("counters/batches", body(counter="C2")).status_code == 200
    assert Caller(_token(store, "orders:write")).post("counters/batches", body()).status_code == 403


def test_counters_of_other_shops_and_closed_ones_do_not_exist(store: Store, till: Caller) -> None:
    Counter.objects.filter(code="C2").update(is_active=False)

    for wrong in (body(counter="C2"), body(counter="C9"), body(shop="other")):
        assert till.post("counters/batches", wrong).status_code == 404
    assert Company().caller().post("counters/batches", body()).status_code == 403
    assert not CounterDocument.objects.exists()


@pytest.mark.parametrize(
    "change",
    [
        {"documents": []},
        {"documents": [sale(f"x{n}") for n in range(501)]},
        {"sent_at": "yesterday"},
        {"documents": "all"},
        {"more": 1},
    ],
)
def test_a_batch_that_is_none_is_refused_whole(till: Caller, change: dict[str, Any]) -> None:
    answer = till.post("counters/batches", body(**change))

    assert (answer.status_code, answer.json()["code"]) == (400, "api.invalid")
    assert not CounterDocument.objects.exists()
