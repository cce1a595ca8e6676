"""The door for warehouses: signed documents are kept exactly as they came, all else is sent away with a reason."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest
from defusedxml.ElementTree import fromstring
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from fulfillment.handlers import CONFIRM_KIND
from fulfillment.models import Shipment, WmsAccount
from fulfillment.wms.qimen import CONFIRM, QimenCredentials, signed_query
from ordercenter.cases.models import Case
from ordercenter.events.models import InboxMessage
from ordercenter.events.relay import Relay
from ordercenter.inventory.models import Warehouse
from ordercenter.orders.models import Order
from tests.flows.world import World

pytestmark = pytest.mark.django_db
SECRET = "wms-EAST"


@pytest.fixture
def world() -> World:
    return World()


def document(code: str = "DO1", *, out_biz_code: str = "OB-1", pieces: int = 1, tracking_no: str = "ZT1") -> bytes:
    return f"""<?xml version="1.0" encoding="utf-8"?>
<request><deliveryOrder><deliveryOrderCode>{code}</deliveryOrderCode><warehouseCode>EAST</warehouseCode>
<orderType>JYCK</orderType><status>DELIVERED</status><outBizCode>{out_biz_code}</outBizCode><confirmType>0</confirmType>
</deliveryOrder><packages><package><logisticsCode>ZTO</logisticsCode><expressCode>{tracking_no}</expressCode>
<items><item><itemCode>SKU-1</itemCode><quantity>{pieces}</quantity></item></items></package></packages>
<orderLines><orderLine><itemCode>SKU-1</itemCode><actualQty>{pieces}</actualQty></orderLine></orderLines></request>
""".encode()


def send(
    body: bytes, *, customer: str = "c1", secret: str = SECRET, method: str = CONFIRM, door: str = "", **query: str
) -> HttpResponse:
    credentials = QimenCredentials("1", secret, customer, "http://127.0.0.1/")
    signed = {**signed_query(credentials, method, body, at=timezone.now()), **query}
    address = f"/qimen/{door or customer}/?{urlencode(signed)}"
    return Client().post(address, data=body, content_type="text/xml")  # type: ignore[return-value]


def answer(response: HttpResponse) -> tuple[int, str, str]:
    root = fromstring(response.content)
    return response.status_code, str(root.findtext("flag")), str(root.findtext("code"))


def test_a_signed_document_is_kept_byte_by_byte_and_answered(world: World) -> None:
    body = document()

    response = send(body)

    assert answer(response) == (200, "success", "0")
    assert response["Content-Type"] == "text/xml; charset=utf-8"
    message = InboxMessage.objects.get(kind=CONFIRM_KIND)
    assert (message.source, message.message_id, message.subject) == (
        f"warehouse:{world.east.pk}",
        "OB-1",
        "delivery:DO1",
    )
    assert bytes(message.body) == body
    assert (message.status, message.headers) == ("waiting", {"method": "taobao.qimen.deliveryorder.confirm"})


def test_the_same_document_twice_is_answered_twice_and_kept_once(world: World) -> None:
    assert answer(send(document())) == answer(send(document())) == (200, "success", "0")

    assert InboxMessage.objects.count() == 1


@pytest.mark.parametrize(
    ("change", "answered"),
    [
        ({"secret": "another"}, (403, "failure", "sign")),
        ({"sign": ""}, (403, "failure", "sign")),
        ({"timestamp": "2026-11-22 00:00:00"}, (403, "failure", "sign")),
        ({"customer": "nobody"}, (403, "failure", "unknown_customer")),
        ({"door": "c2"}, (403, "failure", "unknown_customer")),
        ({"customer": "c2"}, (403, "failure", "sign")),
        ({"method": "taobao.qimen.inventory.report"}, (200, "failure", "unknown_method")),
    ],
    ids=["secret", "no signature", "changed query", "stranger", "other door", "other warehouse", "other method"],
)
def test_what_is_not_a_signed_confirm_of_that_warehouse_is_sent_away_and_not_kept(
    world: World, change: dict[str, Any], answered: tuple[int, str, str]
) -> None:
    assert answer(send(document(), **change)) == answered

    assert not InboxMessage.objects.exists()


def test_a_body_changed_on_its_way_is_sent_away(world: World) -> None:
    credentials = QimenCredentials("1", SECRET, "c1", "http://127.0.0.1/")
    query = signed_query(credentials, CONFIRM, document(), at=timezone.now())

    changed = Client().post(f"/qimen/c1/?{urlencode(query)}", data=document(pieces=9), content_type="text/xml")

    assert answer(changed) == (403, "failure", "sign")  # type: ignore[arg-type]
    assert not InboxMessage.objects.exists()


@pytest.mark.parametrize("body", [b"", b"not xml", b"<request/>", b"\xff\xfe", document("")])
def test_a_document_that_cannot_be_read_is_refused_by_name_although_it_is_signed(world: World, body: bytes) -> None:
    assert answer(send(body)) == (200, "failure", "fulfillment.warehouse_message_unreadable")

    assert not InboxMessage.objects.exists()


def test_a_document_of_a_megabyte_is_refused_before_it_is_read(world: World) -> None:
    assert answer(send(document() + b" " * 1_000_000)) == (413, "failure", "too_large")


def test_a_key_longer_than_any_we_know_is_kept_once_all_the_same(world: World) -> None:
    endless = "K" * 500

    assert answer(send(document(out_biz_code=endless))) == (200, "success", "0")
    assert answer(send(document(out_biz_code=endless))) == (200, "success", "0")
    assert answer(send(document(out_biz_code=endless + "L"))) == (200, "success", "0")

    assert InboxMessage.objects.count() == 2


def test_only_a_document_may_be_posted(world: World) -> None:
    assert Client().get("/qimen/c1/").status_code == 405


def test_an_account_that_is_switched_off_is_not_known(world: World) -> None:
    WmsAccount.objects.filter(warehouse=world.east).update(is_active=False)

    assert answer(send(document())) == (403, "failure", "unknown_customer")


def test_of_several_warehouses_of_one_customer_each_may_sign_with_its_own_secret(world: World) -> None:
    Warehouse.objects.filter(pk=world.south.pk).update(customer_id="c1")

    assert answer(send(document(out_biz_code="a"))) == (200, "success", "0")
    assert answer(send(document(out_biz_code="b"), secret="wms-SOUTH")) == (200, "success", "0")
    assert answer(send(document(out_biz_code="c"), secret="wms-WEST")) == (403, "failure", "sign")


def test_a_confirm_through_the_door_ships_the_order(world: World) -> None:
    world.deliver(world.trade(("SKU-1", 2, "110.00")))
    Relay().drain()

    send(document(Shipment.objects.get().code, pieces=2))
    Relay().drain()

    assert Order.objects.get().state == "shipped"
    assert Shipment.objects.get().parcels.get().tracking_no == "ZT1"


def test_a_warehouse_cannot_confirm_what_another_has_in_hand(world: World) -> None:
    world.deliver(world.trade(("SKU-1", 2, "110.00")))
    Relay().drain()
    assert Shipment.objects.get().warehouse == world.east

    send(document(Shipment.objects.get().code, pieces=2), customer="c2", secret="wms-SOUTH")
    for _ in range(5):
        InboxMessage.objects.update(due_at=timezone.now())
        Relay().drain()

    assert Order.objects.get().state == "in_fulfillment"
    message = InboxMessage.objects.get(kind=CONFIRM_KIND)
    assert (message.status, message.error.partition(":")[0]) == ("parked", "ShipmentUnknown")
    assert Case.objects.get().code == "MESSAGE_PARKED"
