"""A store with two counters, and the documents that they make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from channels_sync.api.counters import _checked
from channels_sync.counter_models import Counter, CounterDocument, CounterShift
from channels_sync.counters.taking import BatchTaken, take_batch
from finance.models import PaymentEntry
from ordercenter.cases.models import Case
from ordercenter.catalog.models import BundlePart, Channel, Shop, Sku
from ordercenter.common.actor import Actor
from ordercenter.inventory.models import StockLevel, Warehouse
from ordercenter.inventory.services import Movement, move_stock
from ordercenter.inventory.states import MovementReason, WarehouseKind
from ordercenter.orders.models import Order, OrderLine

TEN = datetime(2026, 11, 30, 2, 0, tzinfo=UTC)
TILL = Actor("integration", "till (abc)")


class Store:
    """Ten cups and five plates lie there; a set is one of each."""

    def __init__(self) -> None:
        channel = Channel.objects.create(code="pos", name="门店")
        self.shop = Shop.objects.create(channel=channel, code="store-1", name="西湖店")
        self.house = Warehouse.objects.create(code="STORE-1", name="西湖店", kind=WarehouseKind.STORE)
        self.counters = {
            code: Counter.objects.create(shop=self.shop, store=self.house, code=code, name=code)
            for code in ("C1", "C2")
        }
        self.skus = {code: Sku.objects.create(code=code, name=code) for code in ("CUP", "PLATE")}
        bundle = Sku.objects.create(code="SET", name="SET", is_bundle=True)
        BundlePart.objects.create(bundle=bundle, part=self.skus["CUP"], quantity=2)
        BundlePart.objects.create(bundle=bundle, part=self.skus["PLATE"], quantity=1)
        move_stock(
            movements=[
                Movement(self.skus[code].pk, self.house.pk, n, MovementReason.COUNT, "first", f"first:{code}")
                for code, n in (("CUP", 10), ("PLATE", 5))
            ]
        ).raise_first()

    def send(
        self,
        *documents: Mapping[str, Any],
        counter: str = "C1",
        at: datetime = TEN + timedelta(hours=12),
        sent_at: datetime | None = None,
    ) -> BatchTaken:
        fit, problems = _checked(documents)
        assert problems == {}
        return take_batch(
            counter=Counter.objects.select_related("shop").get(pk=self.counters[counter].pk),
            sent_at=sent_at or at,
            documents=fit,
            at=at,
            actor=TILL,
        )


def sale(number: str, *lines: tuple[str, int, str], minute: int = 0, shift: str = "S1", **more: Any) -> dict[str, Any]:
    """A sale of (SKU, pieces, amount), paid in cash unless payments say otherwise."""
    rows = [
        {"line": str(n), "sku": sku, "quantity": pieces, "amount": amount}
        for n, (sku, pieces, amount) in enumerate(lines or [("CUP", 1, "10.00")], 1)
    ]
    total = sum(Decimal(row["amount"]) for row in rows)
    return {
        "kind": "sale",
        "id": number,
        "business_at": when(minute),
        "shift": shift,
        "lines": rows,
        "payments": [{"method": "cash", "amount": f"{total:.2f}"}],
    } | more


def giving_back(
    number: str, of: str, *lines: tuple[str, int, str], minute: int = 30, shift: str = "S1", **more: Any
) -> dict[str, Any]:
    """A return of (line, pieces, amount) of a sale, in cash."""
    rows = [{"line": line, "quantity": n, "amount": amount} for line, n, amount in lines or [("1", 1, "10.00")]]
    total = sum(Decimal(str(row["amount"])) for row in rows)
    return {
        "kind": "return",
        "id": number,
        "business_at": when(minute),
        "shift": shift,
        "sale": of,
        "lines": rows,
        "payments": [{"method": "cash", "amount": f"{total:.2f}"}],
    } | more


def shift_end(number: str = "S1", *, counted: str, documents: int, minute: int = 600, **more: Any) -> dict[str, Any]:
    return {
        "kind": "shift",
        "id": number,
        "business_at": when(minute),
        "opened_at": when(0),
        "opening_cash": "100.00",
        "counted_cash": counted,
        "documents": documents,
    } | more


def when(minute: int) -> str:
    return (TEN + timedelta(minutes=minute)).isoformat()


def statuses(taken: BatchTaken) -> list[str]:
    return [answer.status for answer in taken.answers]


def on_hand() -> dict[str, int]:
    return dict(StockLevel.objects.values_list("sku__code", "on_hand"))


def outcome() -> dict[str, Any]:
    """Everything that documents of counters lead to, without the numbers and times of our own rows."""
    entries = PaymentEntry.objects.values_list("order__channel_order_no", "kind", "amount", "external_no", "request_no")
    lines = OrderLine.objects.values_list("order__channel_order_no", "line_no", "sku__code", "shipped", "returned")
    return {
        "stock": sorted(StockLevel.objects.values_list("sku__code", "on_hand", "damaged", "sold_short")),
        "orders": sorted(
            Order.objects.values_list("channel_order_no", "state", "total_amount", "paid_amount", "refunded_amount")
        ),
        "lines": sorted(lines),
        "money": sorted((no, kind, amount, _number(paid), _number(back)) for no, kind, amount, paid, back in entries),
        "documents": sorted(
            CounterDocument.objects.values_list("counter__code", "client_no", "state", "wait_reason", "detail")
        ),
        "shifts": sorted(
            CounterShift.objects.values_list("counter__code", "client_no", "expected_cash", "counted_cash", "arrived")
        ),
        "cases": sorted(open_cases()),
    }


def _number(text: str) -> str:
    """A number of ours without the number of the counter's row."""
    return ":".join(text.split(":")[2:])


def open_cases() -> Sequence[tuple[str, str]]:
    return list(Case.objects.filter(state="open").values_list("code", "reference"))
