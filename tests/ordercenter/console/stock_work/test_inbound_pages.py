"""Deliveries on the pages: purchases and returns made, sent, received and called off."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from fulfillment.models import InboundOrder
from ordercenter.inventory.models import (
    Supply,
)
from ordercenter.orders.models import Order, OrderLine
from tests.flows.world import World
from tests.fulfillment.floor.house import broken_invariants
from tests.ordercenter.console.people import client_of, person
from tests.ordercenter.console.stock_work.steps import level, texts

pytestmark = pytest.mark.django_db


def test_a_purchase_is_made_from_pasted_lines_sent_and_received(world: World, boss: Client) -> None:
    data = {
        "warehouse": world.east.pk,
        "due_on": "2026-12-01",
        "goods": "SKU-1\t20\nSKU-2, 5\n\nSKU-1 1",
        "supplier": "陶坊",
        "reason": "补货",
        "key": uuid4().hex,
    }
    answer = boss.post(reverse("console:inbound-new", args=["purchase"]), data)
    inbound = InboundOrder.objects.get()
    assert (answer.status_code, inbound.state) == (303, "sent")
    assert list(inbound.lines.order_by("sku__code").values_list("sku__code", "planned")) == [
        ("SKU-1", 21),
        ("SKU-2", 5),
    ]
    assert Supply.objects.count() == 2

    first, second = inbound.lines.order_by("sku__code")
    came = {
        f"good-{first.pk}": 20,
        f"defective-{first.pk}": 1,
        f"good-{second.pk}": 4,
        "is_final": "on",
        "reason": "到货",
        "key": uuid4().hex,
    }
    answer = boss.post(reverse("console:inbound-receive", args=[inbound.pk]), came)

    assert answer.status_code == 302
    assert (level(world).on_hand, level(world).damaged) == (30, 1)
    page = texts(boss.get(reverse("console:inbound-order", args=[inbound.pk])))
    # Booked ahead of the warehouse's own confirm, which will be matched with it.
    assert "SKU-2 商品2 5 4 (4 by hand) 0 0 -1" in page
    assert broken_invariants() == {}


def test_a_purchase_comes_from_a_file_as_well(world: World, boss: Client) -> None:
    file = SimpleUploadedFile("po.csv", "货号,数量\nSKU-1,20\n".encode("gb18030"))
    data = {"warehouse": world.east.pk, "due_on": "2026-12-01", "table": file, "reason": "x", "key": uuid4().hex}

    assert boss.post(reverse("console:inbound-new", args=["purchase"]), data).status_code == 303
    assert InboundOrder.objects.get().lines.get().planned == 20


@pytest.mark.parametrize(
    ("goods", "said"),
    [
        ("", "Name at least one SKU with its pieces."),
        ("SKU-1", "Line 1: “SKU-1” is no SKU code with pieces"),
        ("SKU-1 3\nSKU-1 -3", "Line 2: “-3” is no number of pieces from 1 up"),
        ("NO-1 3", "there is no SKU “NO-1”"),
        ("SET-1 3", "there is no SKU “SET-1”"),
    ],
)
def test_goods_that_cannot_be_read_are_named(world: World, boss: Client, goods: str, said: str) -> None:
    data = {"warehouse": world.east.pk, "due_on": "2026-12-01", "goods": goods, "reason": "x"}

    page = boss.post(reverse("console:inbound-new", args=["purchase"]), data)

    assert (page.status_code, said in texts(page)) == (400, True)
    assert not InboundOrder.objects.exists()


def test_a_return_is_made_of_the_lines_of_an_order(world: World, boss: Client) -> None:
    order = Order.objects.get()
    OrderLine.objects.filter(order=order).update(reserved=0, released=0, shipped=2)
    address = reverse("console:inbound-new", args=["return"])
    line = order.lines.get()
    assert f'name="line-{line.pk}"' in boss.get(address, {"order": order.channel_order_no}).content.decode()
    data = {"order": order.channel_order_no, "warehouse": world.south.pk, f"line-{line.pk}": 2, "reason": "七天无理由"}

    assert boss.post(address, data | {"key": uuid4().hex}).status_code == 303

    made = InboundOrder.objects.get()
    assert (made.kind, made.order_id, made.lines.get().planned) == ("return", order.pk, 2)
    assert "announced already" in texts(boss.get(address, {"order": order.channel_order_no}))
    assert "There is no such order for you." in texts(boss.get(address, {"order": "nonsense"}))


def test_a_delivery_is_called_off_with_a_reason_only(world: World, boss: Client) -> None:
    world.east.kind = "own"
    world.east.save()
    data = {"warehouse": world.east.pk, "due_on": "2026-12-01", "goods": "SKU-1 3", "reason": "x", "key": uuid4().hex}
    boss.post(reverse("console:inbound-new", args=["purchase"]), data)
    inbound = InboundOrder.objects.get()
    address = reverse("console:inbound-verb", args=[inbound.pk, "cancel"])

    boss.post(address, {"reason": " "})
    assert InboundOrder.objects.get().state == "planned"
    boss.post(address, {"reason": "不要了"})
    assert InboundOrder.objects.get().state == "cancelled"


def test_deliveries_are_for_those_who_may(world: World, operator: Client) -> None:
    assert operator.get(reverse("console:inbound")).status_code == 200
    for kind in ("purchase", "transfer", "return"):
        assert operator.get(reverse("console:inbound-new", args=[kind])).status_code == 403
    assert operator.post(reverse("console:inbound-items")).status_code == 403
    assert client_of(person()).get(reverse("console:inbound")).status_code == 403


def test_all_items_are_told_from_the_page(world: World, boss: Client) -> None:
    assert boss.post(reverse("console:inbound-items"), {"warehouse": world.east.pk}).status_code == 302
    assert "1 call with items is on its way." in texts(boss.get(reverse("console:inbound")))
    assert boss.post(reverse("console:inbound-items"), {"warehouse": 999999}).status_code == 404
