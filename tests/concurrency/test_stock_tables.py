"""A table of stock taken in while orders reserve: never half a table, never a promise without its piece."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from ordercenter.catalog.models import Sku
from ordercenter.common.actor import Actor
from ordercenter.common.scope import EVERYTHING
from ordercenter.inventory.errors import StockTableRefused
from ordercenter.inventory.models import StockLevel, StockMovement, StockTable, Warehouse
from ordercenter.inventory.services import (
    Movement,
    Promise,
    TableApplied,
    apply_table,
    bring_table,
    move_stock,
    reserve_stock,
)
from ordercenter.inventory.states import MovementReason
from tests.concurrency.threads import at_once, deadlocks, errors

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def skus() -> list[Sku]:
    house = Warehouse.objects.create(code="EAST", name="华东仓")
    skus = Sku.objects.bulk_create(Sku(code=f"S{n}", name=f"S{n}") for n in range(6))
    move_stock(
        movements=[Movement(sku.pk, house.pk, 20, MovementReason.COUNT, "first", f"first:{sku.code}") for sku in skus]
    ).raise_first()
    return skus


def bring(kind: str, text: str, name: str) -> StockTable:
    keeper = User.objects.create_user(name)
    read = bring_table(
        kind=kind,
        content=text.encode(),
        file_name="t.csv",
        reach=EVERYTHING,
        at=timezone.now(),
        actor=Actor("person", name, keeper.pk),
    )
    assert read.table is not None
    return read.table


def apply(table: StockTable) -> Any:
    actor = Actor("person", "keeper", table.uploaded_by_id)
    return apply_table(table_id=table.pk, reach=EVERYTHING, at=timezone.now(), actor=actor)


def test_one_table_brought_by_several_at_one_instant_has_one_effect(skus: list[Sku]) -> None:
    tables = [bring("adjust", "sku,warehouse,change,reason\nS0,EAST,-5,broken\n", f"k{n}") for n in range(5)]

    answers = at_once(*(partial(apply, table) for table in tables))

    assert errors(answers) == []
    assert sorted(answer.was_known for answer in answers) == [False, True, True, True, True]
    assert StockLevel.objects.get(sku=skus[0]).on_hand == 15
    assert sorted(StockTable.objects.values_list("state", flat=True)) == ["applied", *["discarded"] * 4]


def test_a_table_and_the_orders_that_want_the_same_goods_never_cross(skus: list[Sku]) -> None:
    rows = "".join(f"{sku.code},EAST,-15,gone\n" for sku in reversed(skus))
    table = bring("adjust", f"sku,warehouse,change,reason\n{rows}", "k")
    house = Warehouse.objects.get()
    before = deadlocks()

    def buy(buyer: int) -> None:
        for n in range(12):
            order_id = buyer * 100 + n
            goods = skus if n % 2 else list(reversed(skus))
            reserve_stock(
                promises=[Promise(order_id, order_id * 10 + i, s.pk, house.pk, 1) for i, s in enumerate(goods)]
            )

    answers = at_once(*(partial(buy, buyer) for buyer in range(1, 5)), partial(apply, table))

    assert deadlocks() == before
    assert errors(answers[:4]) == []
    taken_in = isinstance(answers[4], TableApplied)
    assert taken_in or isinstance(answers[4], StockTableRefused)
    # All six rows, or none; 5 or 20 pieces lie there, and that many orders have theirs.
    left = 5 if taken_in else 20
    assert set(StockLevel.objects.values_list("on_hand", "reserved")) == {(left, left)}
    assert StockMovement.objects.filter(reason="adjustment").count() == (6 if taken_in else 0)
    assert StockTable.objects.get().state == ("applied" if taken_in else "draft")
