"""The page of labels: who may see and print what, numbers asked for, labels at once or by a worker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from fulfillment.models import CourierAccount, LabelJob, Parcel, Shipment, TrackingScan, Waybill
from ordercenter.inventory.models import WarehouseAccess
from ordercenter.orders.models import Order
from tests.flows.outside import ship
from tests.fulfillment.courier_stage import Dispatch, Post, ask, sandbox, send
from tests.ordercenter.console.people import client_of, make_branch, person

pytestmark = pytest.mark.django_db
PAGE = "console:waybills"


@pytest.fixture
def post() -> Iterator[Post]:
    with sandbox() as post:
        yield post


@pytest.fixture
def dispatch(post: Post) -> Dispatch:
    return Dispatch(post)


@pytest.fixture
def packer(dispatch: Dispatch) -> Client:
    """Someone of the warehouse that ships here."""
    user = person("packer", role="warehouse")
    WarehouseAccess.objects.create(user=user, warehouse=dispatch.world.east)
    return client_of(user)


def text(client: Client, **query: str) -> str:
    answer = client.get(reverse(PAGE), query)
    assert answer.status_code == 200
    return answer.content.decode()


def test_numbers_are_asked_for_and_labels_printed_from_the_page(dispatch: Dispatch, packer: Client) -> None:
    first, second = dispatch.shipments(2)
    assert first.code in text(packer, view="missing")

    packer.post(reverse("console:waybill-request"), {"shipment": [first.pk, second.pk]})
    send()
    waybills = list(Waybill.objects.order_by("pk"))
    assert [w.state for w in waybills] == ["assigned", "assigned"]
    assert waybills[0].number in text(packer)

    answer = packer.post(reverse("console:waybill-print"), {"waybill": [w.pk for w in waybills]})

    assert (answer["Content-Type"], answer["Cache-Control"]) == ("application/pdf", "no-store")
    assert answer.content.startswith(b"%PDF-")
    waybill = Waybill.objects.select_related("printed_by").get(pk=waybills[0].pk)
    assert (waybill.state, waybill.printed_by.username if waybill.printed_by else "") == ("printed", "packer")
    assert "packer" in text(packer, view="printed")


def test_a_second_print_without_reason_is_refused_in_plain_words(dispatch: Dispatch, packer: Client) -> None:
    (waybill,) = ask(dispatch.shipments()).done
    send()
    packer.post(reverse("console:waybill-print"), {"waybill": waybill.pk})

    answer = packer.post(reverse("console:waybill-print"), {"waybill": waybill.pk}, follow=True)
    assert "a second one needs a reason" in answer.content.decode()
    assert Waybill.objects.get().prints == 1

    answer = packer.post(reverse("console:waybill-print"), {"waybill": waybill.pk, "reason": "jammed"})
    assert answer["Content-Type"] == "application/pdf"
    assert Waybill.objects.get().prints == 2


def test_many_labels_become_a_job_that_only_who_asked_can_open(dispatch: Dispatch, packer: Client) -> None:
    ids = [w.pk for w in ask(dispatch.shipments(25)).done]
    send()

    packer.post(reverse("console:waybill-print"), {"waybill": ids})
    job = LabelJob.objects.get()
    assert "being made" in text(packer)
    assert packer.get(reverse("console:label-job", args=[job.pk])).status_code == 404
    send()

    answer = packer.get(reverse("console:label-job", args=[job.pk]))
    assert answer.content.startswith(b"%PDF-")
    assert client_of(person("boss", superuser=True)).get(reverse("console:label-job", args=[job.pk])).status_code == 404


def test_a_warehouse_sees_and_prints_only_its_own(dispatch: Dispatch, packer: Client) -> None:
    other = make_branch("ZQX", carrier=dispatch.world.carrier)

    assert "ZQX" not in text(packer) + text(packer, view="missing")
    packer.post(reverse("console:waybill-print"), {"waybill": other.waybill.pk})
    packer.post(reverse("console:waybill-request"), {"shipment": other.shipment.pk})

    assert Waybill.objects.get(pk=other.waybill.pk).state == "assigned"
    assert Waybill.objects.count() == 1


def test_who_may_only_look_can_neither_print_nor_ask(dispatch: Dispatch) -> None:
    (shipment,) = dispatch.shipments()
    looker = client_of(
        person(permissions=("fulfillment.view_waybill", "catalog.all_shops", "inventory.all_warehouses"))
    )

    assert shipment.code in text(looker, view="missing")
    assert looker.post(reverse("console:waybill-request"), {"shipment": shipment.pk}).status_code == 403
    assert looker.post(reverse("console:waybill-print"), {"waybill": 1}).status_code == 403
    assert client_of(person()).get(reverse(PAGE)).status_code == 403
    assert not Waybill.objects.exists()


def test_what_is_left_of_the_numbers_is_shown(dispatch: Dispatch, packer: Client) -> None:
    CourierAccount.objects.filter(pk=dispatch.zto.pk).update(numbers_left=12345)

    assert "12345" in text(packer)


@pytest.mark.parametrize(("language", "word"), [("en", "Out for delivery"), ("zh-hans", "派送中")])
def test_the_order_page_tells_where_its_parcels_are(dispatch: Dispatch, language: str, word: str) -> None:
    (shipment,) = dispatch.shipments()
    ship(shipment, tracking_no="73100000000001")
    parcel = Parcel.objects.get()
    TrackingScan.objects.create(
        parcel=parcel, at=timezone.now(), kind="out_for_delivery", text="派件员：李**", source="x", digest="1"
    )
    boss = client_of(person(superuser=True), language=language)

    page = boss.get(reverse("console:order", args=[Order.objects.get().pk])).content.decode()

    assert word in page
    assert "派件员：李**" in page


def test_a_case_about_a_parcel_is_shown_at_its_order(dispatch: Dispatch) -> None:
    (shipment,) = dispatch.shipments(1, receiver_address="退货专用***")
    ask([shipment])
    send()
    boss = client_of(person(superuser=True))
    order = Order.objects.get()

    assert "No waybill number" in boss.get(reverse("console:order", args=[order.pk])).content.decode()
    queue = boss.get(reverse("console:cases"), {"view": "", "code": "WAYBILL_FAILED"}).content.decode()
    assert order.channel_order_no in queue or shipment.code in queue
    assert Shipment.objects.count() == 1
