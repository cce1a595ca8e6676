"""Rows at the price of a dict are the same rows."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.db import models

from ordercenter.cases.models import Case
from ordercenter.catalog.models import Sku
from ordercenter.common.rows import new_row
from ordercenter.events.models import OutgoingCommand
from ordercenter.orders.models import Order, OrderLine

AT = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)


def columns(row: models.Model) -> dict[str, object]:
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


@pytest.mark.parametrize(
    ("model", "values"),
    [
        (Sku, {"code": "A", "name": "a"}),
        (OrderLine, {"order_id": 7, "line_no": 1, "ordered": 2}),
        (
            Order,
            {"shop_id": 1, "channel_order_no": "1", "total_amount": Decimal(1), "placed_at": AT, "received_at": AT},
        ),
    ],
)
def test_a_new_row_is_what_the_models_own_constructor_makes(
    model: type[models.Model], values: dict[str, object]
) -> None:
    made, ordinary = new_row(model, **values), model(**values)

    assert columns(made) == columns(ordinary)
    assert (made._state.adding, made._state.db) == (ordinary._state.adding, ordinary._state.db) == (True, None)


def test_a_default_that_is_made_anew_is_not_shared() -> None:
    first, second = new_row(OutgoingCommand, kind="a"), new_row(OutgoingCommand, kind="b")

    assert first.payload == second.payload == {}
    assert first.payload is not second.payload
    assert abs((second.created_at - datetime.now(UTC)).total_seconds()) < 60


def test_a_new_row_of_a_machine_can_move() -> None:
    case = new_row(Case, code="BLACKLIST", subject="order:1", due_at=AT)

    case.snooze(until=AT)

    assert (case.state, case.state_in_database) == ("snoozed", "open")


@pytest.mark.django_db
class TestReading:
    @pytest.fixture(autouse=True)
    def _sku(self) -> None:
        Sku.objects.create(code="A", name="a", list_price=Decimal("1.50"))

    def test_a_row_read_the_fast_way_is_the_row_that_django_reads(self) -> None:
        fast = Sku.objects.get()
        slow = models.Model.from_db.__func__(Sku, "default", list(columns(fast)), list(columns(fast).values()))  # type: ignore[attr-defined]

        assert fast == slow
        assert columns(fast) == columns(slow)
        assert (fast._state.adding, fast._state.db) == (slow._state.adding, slow._state.db) == (False, "default")

    def test_a_row_of_some_fields_fetches_the_others_when_asked(self) -> None:
        part = Sku.objects.only("code").get()

        assert part.get_deferred_fields() >= {"name", "list_price"}
        assert (part.code, part.list_price) == ("A", Decimal("1.50"))

    def test_annotations_and_relations_come_along(self) -> None:
        row = Sku.objects.annotate(twice=models.F("list_price") * 2).get()

        assert row.twice == Decimal("3.00")
        row.name = "b"
        row.save()
        assert Sku.objects.get().name == "b"

    def test_any_of_finds_what_in_finds_also_nothing_and_twice_the_same(self) -> None:
        Sku.objects.create(code="B", name="b")
        pks = list(Sku.objects.order_by("pk").values_list("pk", flat=True))

        assert list(Sku.objects.filter(pk__any_of=[pks[1], pks[1], 0]).values_list("code", flat=True)) == ["B"]
        assert list(Sku.objects.filter(code__any_of={"A", "B", "C"}).order_by("code")) == list(
            Sku.objects.order_by("code")
        )
        assert not Sku.objects.filter(pk__any_of=[]).exists()
