"""The form on the page of an order by which a parcel gets another number."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from fulfillment.models import Parcel, Shipment
from ordercenter.catalog.models import ShopAccess
from ordercenter.inventory.models import WarehouseAccess
from tests.flows.outside import answer_everything, settle_down, ship
from tests.flows.world import World
from tests.ordercenter.console.people import client_of, make_branch, person

pytestmark = pytest.mark.django_db


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    answer_everything(monkeypatch)
    world = World(stock=20)
    world.deliver(world.trade(("SKU-1", 1, "100.00")))
    settle_down()
    ship(Shipment.objects.get(), tracking_no="OLD1")
    settle_down()
    return world


def reader(world: World, role: str) -> Client:
    user = person(role=role)
    ShopAccess.objects.create(user=user, shop=world.shop)
    WarehouseAccess.objects.create(user=user, warehouse_id=Shipment.objects.get().warehouse_id)
    return client_of(user, language="en")


def sent(client: Client, parcel: Parcel, order_id: int, **fields: str) -> str:
    address = reverse("console:order-renumber", args=[order_id, parcel.pk])
    answer = client.post(address, fields, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_supervisor_changes_the_number_and_reads_that_the_channel_is_told(world: World) -> None:
    parcel, order_id = Parcel.objects.get(), Shipment.objects.get().lines.get().order_id
    client = reader(world, "supervisor")
    assert "Change the tracking number" in client.get(reverse("console:order", args=[order_id])).content.decode()

    html = sent(client, parcel, order_id, tracking_no="NEW1", reason="label was wrong")

    assert "The number is changed, and its channel is told." in html
    assert Parcel.objects.get().tracking_no == "NEW1"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"tracking_no": "a b", "reason": "why"}, "A tracking number has 4 to 64 letters, digits and hyphens."),
        ({"tracking_no": "NEW1", "reason": ""}, "reason"),
    ],
)
def test_what_is_no_number_or_has_no_reason_changes_nothing(world: World, fields: dict[str, str], words: str) -> None:
    parcel, order_id = Parcel.objects.get(), Shipment.objects.get().lines.get().order_id

    html = sent(reader(world, "supervisor"), parcel, order_id, **fields)

    assert words in html
    assert Parcel.objects.get().tracking_no == "OLD1"


def test_a_parcel_of_another_order_cannot_be_changed_from_here(world: World) -> None:
    order_id, client = Shipment.objects.get().lines.get().order_id, reader(world, "supervisor")
    other = make_branch("OTHER").parcel

    answer = client.post(reverse("console:order-renumber", args=[order_id, other.pk]), {"tracking_no": "NEW1"})

    assert answer.status_code == 404
    assert Parcel.objects.get(pk=other.pk).tracking_no == "OTHER77001"
