"""Orders whose receiver is one line of text: read at intake; a guess waits for a person and never becomes a parcel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from fulfillment.models import Shipment
from ordercenter.cases.models import Case
from ordercenter.catalog.contacts import destination_code
from ordercenter.catalog.models import Contact
from ordercenter.common.actor import Actor
from ordercenter.common.divisions import code_of
from ordercenter.events.relay import Relay
from ordercenter.orders.intake_types import IncomingReceiver
from ordercenter.orders.models import Order
from ordercenter.orders.services import TakenOrder, release_holds, take_orders
from tests.flows.world import World
from tests.ordercenter.api.company import Company, new_order
from tests.ordercenter.orders.incoming import NOON, RECEIVER, report

pytestmark = pytest.mark.django_db
PERSON = Actor("person", "lin")


def written(address: str, **fields: Any) -> IncomingReceiver:
    return replace(RECEIVER, **({"province": "", "city": "", "district": ""} | fields), address=address)


@pytest.fixture
def world() -> World:
    return World()


def take(world: World, receiver: IncomingReceiver, **changes: Any) -> Order:
    take_orders(taken=[TakenOrder(world.shop.pk, report("A1", receiver=receiver, **changes))], at=NOON)
    Relay().drain()
    return Order.objects.select_related("contact").get()


def place(contact: Contact | None) -> tuple[str, str, str, str]:
    assert contact is not None
    return contact.province, contact.city, contact.district, contact.division_code


def open_cases() -> Sequence[tuple[str, Any]]:
    return list(Case.objects.filter(state="open").order_by("code").values_list("code", "evidence"))


def test_a_text_that_says_where_it_is_fills_the_fields_and_the_order_goes_on(world: World) -> None:
    order = take(world, written("王小雨 13800000000 浙江杭州余杭区文一西路969号"))

    assert place(order.contact) == ("浙江省", "杭州市", "余杭区", "330110")
    assert order.state == "in_fulfillment"
    assert not Case.objects.exists()


def test_fields_that_came_are_read_together_with_the_text(world: World) -> None:
    order = take(world, written("鼓楼区湖东路154号", province="福建省"))

    assert place(order.contact) == ("福建省", "福州市", "鼓楼区", "350102")


def test_a_guess_waits_for_a_person_and_no_parcel_is_made(world: World) -> None:
    order = take(world, written("鼓楼区湖东路154号"))

    assert open_cases() == [("ADDRESS_UNSURE", {"guess": "江苏省 南京市 鼓楼区", "doubt": "homonym"})]
    assert place(order.contact) == ("", "", "", "")
    assert destination_code(order.contact) is None
    assert not Shipment.objects.exists()


def test_a_person_who_resolves_the_case_takes_the_guess_over(world: World) -> None:
    order = take(world, written("鼓楼区湖东路154号"))

    release_holds(order_ids=[order.pk], reason="asked the buyer", actor=PERSON)
    Relay().drain()

    order.refresh_from_db()
    assert order.contact is not None
    order.contact.refresh_from_db()
    assert place(order.contact) == ("江苏省", "南京市", "鼓楼区", "320106")
    assert order.state == "in_fulfillment"
    assert Case.objects.filter(state="open").count() == 0


def test_what_a_person_confirmed_is_not_doubted_again_by_the_next_report(world: World) -> None:
    order = take(world, written("鼓楼区湖东路154号"))
    release_holds(order_ids=[order.pk], reason="asked the buyer", actor=PERSON)
    Relay().drain()
    contact_id = Order.objects.get().contact_id

    again = take(world, written("鼓楼区湖东路154号"), modified_at=NOON + timedelta(seconds=9))

    assert again.contact_id == contact_id
    assert destination_code(again.contact) == "320106"


def test_fields_of_one_city_and_a_text_of_another_are_a_contradiction(world: World) -> None:
    take(world, replace(RECEIVER, address="广东省深圳市南山区科苑路15号"))

    assert open_cases() == [("ADDRESS_UNSURE", {"guess": "浙江省 杭州市 西湖区", "doubt": "contradiction"})]
    assert not Shipment.objects.exists()


def test_a_text_that_repeats_the_fields_is_none(world: World) -> None:
    order = take(world, replace(RECEIVER, address="浙江省杭州市西湖区文三路90号"))

    assert order.state == "in_fulfillment"


def test_a_city_of_another_province_is_a_contradiction(world: World) -> None:
    take(world, replace(RECEIVER, province="广东省"))

    assert open_cases() == [("ADDRESS_UNSURE", {"guess": "广东省", "doubt": "contradiction"})]


def test_a_platform_that_keeps_the_address_to_itself_vouches_for_its_fields(world: World) -> None:
    order = take(world, replace(RECEIVER, province="广东省", oaid="oaid-1", is_masked=True))

    assert (order.state, destination_code(order.contact)) == ("in_fulfillment", "440000")


def test_what_the_platform_has_masked_is_not_read(world: World) -> None:
    take(world, written("杭州市西湖区文三***", oaid="oaid-1", is_masked=True))

    assert open_cases() == [("ADDRESS_INCOMPLETE", {"missing": ["province", "district"]})]


def test_a_text_that_names_no_place_is_incomplete_not_a_guess(world: World) -> None:
    take(world, written("文一西路969号"))

    assert open_cases() == [("ADDRESS_INCOMPLETE", {"missing": ["province", "district"]})]


@pytest.mark.parametrize(
    ("address", "is_complete"),
    [("香港九龙尖沙咀弥敦道132号", True), ("广东省东莞市长安镇振安中路366号", True), ("上海市南京东路300号", False)],
)
def test_a_district_is_asked_for_where_there_are_any(world: World, address: str, is_complete: bool) -> None:
    take(world, written(address))

    missing = [code for code, _evidence in open_cases() if code == "ADDRESS_INCOMPLETE"]
    assert missing == ([] if is_complete else ["ADDRESS_INCOMPLETE"])


def test_the_api_takes_an_order_with_a_written_address_only() -> None:
    caller = Company().caller()
    receiver = {"name": "王小明", "phone": "13800001234", "address": "臺北市信義區市府路1號"}

    answer = caller.post("orders/bulk", {"orders": [new_order(receiver=receiver)]}, key="k-1")

    assert answer.json()["created"] == 1
    contact = Contact.objects.get()
    assert place(contact)[:3] == ("台湾省", "台北市", "信义区")
    assert destination_code(contact) == code_of("台湾省", "台北市", "信义区")


def test_old_rows_without_a_code_get_it_from_their_fields() -> None:
    assert destination_code(Contact(province="浙江省", city="杭州市", district="西湖区")) == "330106"
    assert destination_code(Contact(province="远东省")) == ""
    assert destination_code(None) is None
