"""Creating orders in bulk: what becomes of each row, what is written, what is refused and why."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from finance.models import PaymentEntry
from fulfillment.models import Carrier
from ordercenter.audit.models import Deed
from ordercenter.cases.models import Case
from ordercenter.common.gathering import counted_statements
from ordercenter.events.relay import Relay
from ordercenter.inventory.models import StockLevel
from ordercenter.orders.models import Order, OrderLine
from ordercenter.orders.standard import standard_flows
from ordercenter.workflow.services import install_flows
from tests.fulfillment.contracts import contract_of
from tests.ordercenter.api.company import Caller, Company, new_order


def create(caller: Caller, *orders: Any, key: str = "k-1") -> Any:
    return caller.post("orders/bulk", {"orders": list(orders)}, key=key)


def changed(path: str, value: Any, **order: Any) -> dict[str, Any]:
    """A new order with the value at this path, such as "lines.0.quantity", replaced; ... takes the field away."""
    row = new_order(**order)
    *way, last = path.split(".")
    place: Any = row
    for step in way:
        place = place[int(step)] if step.isdigit() else place[step]
    if value is ...:
        del place[last]
    else:
        place[int(last) if last.isdigit() else last] = value
    return row


def test_a_new_order_is_written_with_its_lines_receiver_and_payment(company: Company, caller: Caller) -> None:
    answer = create(caller, new_order("A-1"))

    order = Order.objects.get()
    assert answer.status_code == 200
    assert answer.json() == {
        "created": 1,
        "exists": 0,
        "refused": 0,
        "results": [{"index": 0, "status": "created", "id": order.pk, "error": None}],
    }
    assert (order.shop, order.channel_order_no, order.state) == (company.shop, "A-1", "preprocessing")
    assert (order.goods_amount, order.discount_amount, order.freight_amount, order.total_amount) == (
        Decimal("39.80"),
        Decimal("5.00"),
        Decimal("6.00"),
        Decimal("40.80"),
    )
    assert (order.paid_amount, order.placed_at.isoformat()) == (Decimal("40.80"), "2026-11-11T04:00:00+00:00")
    line = OrderLine.objects.get()
    assert (line.outer_sku, line.ordered, line.unplanned, line.unit_price, line.paid_share) == (
        "SKU-1",
        2,
        2,
        Decimal("19.90"),
        Decimal("34.80"),
    )
    assert order.contact is not None
    assert (order.contact.masked_name, order.contact.masked_phone) == ("王**", "*******1234")
    entry = PaymentEntry.objects.get()
    assert (entry.order, entry.external_no, entry.amount, entry.expected_fee) == (
        order,
        "2026111122001A-1",
        Decimal("40.80"),
        Decimal("0.24"),
    )


def test_the_sender_and_what_it_did_are_on_record(company: Company) -> None:
    key, secret = company.key(name="till 7")

    create(Caller(secret), new_order("A-1"), new_order("A-2"))

    deed = Deed.objects.get(action="orders.bulk_create")
    assert (deed.actor, deed.subject) == (f"integration:till 7 ({key.prefix})", f"api_key:{key.pk}")
    assert deed.details == {"created": 2}
    assert {h.history_change_reason for h in Order.history.all()} == {f"integration:till 7 ({key.prefix})"}


def test_an_order_sent_through_the_api_finds_its_way_to_the_warehouse(company: Company, caller: Caller) -> None:
    carrier = Carrier.objects.create(code="ZTO", name="中通快递")
    contract_of(company.east, carrier, {"": "8"})
    install_flows(documents=standard_flows())

    create(caller, new_order())
    Relay().drain()

    order = Order.objects.get()
    assert not Case.objects.exists()
    assert order.state == "in_fulfillment"
    level = StockLevel.objects.get(warehouse=company.east)
    assert (level.reserved, level.allocated) == (3, 2)


def test_each_row_is_answered_for_itself(company: Company, caller: Caller) -> None:
    create(caller, new_order("OLD"), key="before")

    answer = create(
        caller,
        new_order("A-1"),
        new_order("OLD", buyer_remark="another text"),
        new_order("A-2", total_amount="1.00"),
        new_order("A-1", buyer_id="twin"),
        new_order("A-3", shop="pos-2"),
        new_order("A-4", shop="tm-1"),
        "not an object",
        new_order("A-5"),
    )

    body = answer.json()
    ids = dict(Order.objects.values_list("channel_order_no", "pk"))
    assert (body["created"], body["exists"], body["refused"]) == (2, 1, 5)
    assert [(r["index"], r["status"], r["id"], r["error"] and r["error"]["code"]) for r in body["results"]] == [
        (0, "created", ids["A-1"], None),
        (1, "exists", ids["OLD"], None),
        (2, "refused", None, "api.invalid"),
        (3, "refused", None, "channels.row_repeated"),
        (4, "refused", None, "channels.shop_unknown"),
        (5, "refused", None, "channels.shop_unknown"),
        (6, "refused", None, "api.invalid"),
        (7, "created", ids["A-5"], None),
    ]
    assert set(ids) == {"A-1", "A-5", "OLD"}
    assert Order.objects.get(channel_order_no="OLD").buyer_remark == ""
    assert PaymentEntry.objects.count() == 3


def test_a_refused_row_says_which_field_and_why(company: Company, caller: Caller) -> None:
    [row] = create(caller, changed("lines.0.paid_share", "34.79")).json()["results"]

    assert row["error"] == {
        "type": "/api/v1/problems/api.invalid",
        "title": "The request has mistakes.",
        "status": 400,
        "detail": "1 mistakes, first: lines",
        "code": "api.invalid",
        "hint": "Correct the fields named below and send it again.",
        "errors": [
            {
                "field": "lines",
                "code": "sum",
                "detail": "The paid_share of the lines do not add up to total_amount less freight_amount.",
            }
        ],
    }


def test_a_shop_whose_orders_come_from_its_platform_takes_none_from_elsewhere(company: Company) -> None:
    caller = company.caller({company.platform_shop: ["orders:write"]})

    [row] = create(caller, new_order(shop="tm-1")).json()["results"]

    assert (row["status"], row["error"]["code"]) == ("refused", "channels.shop_driven_by_platform")
    assert not Order.objects.exists()


@pytest.mark.parametrize(
    ("path", "value", "field", "code"),
    [
        ("lines.0.quantity", "2", "lines.0.quantity", "invalid"),
        ("lines.0.quantity", "２", "lines.0.quantity", "invalid"),
        ("lines.0.quantity", 2.0, "lines.0.quantity", "invalid"),
        ("lines.0.quantity", True, "lines.0.quantity", "invalid"),
        ("lines.0.quantity", None, "lines.0.quantity", "null"),
        ("lines.0.quantity", 0, "lines.0.quantity", "min_value"),
        ("lines.0.quantity", -2, "lines.0.quantity", "min_value"),
        ("lines.0.quantity", 2**63, "lines.0.quantity", "max_value"),
        ("lines.0.unit_price", 19.9, "lines.0.unit_price", "money"),
        ("lines.0.unit_price", "19.9", "lines.0.unit_price", "money"),
        ("lines.0.unit_price", "19.900", "lines.0.unit_price", "money"),
        ("lines.0.unit_price", "１９.９０", "lines.0.unit_price", "money"),
        ("lines.0.unit_price", "-19.90", "lines.0.unit_price", "money"),
        ("lines.0.unit_price", "1e3", "lines.0.unit_price", "money"),
        ("lines.0.unit_price", "NaN", "lines.0.unit_price", "money"),
        ("lines.0.unit_price", "1234567890123.00", "lines.0.unit_price", "money"),
        ("lines.0.colour", "red", "lines.0.colour", "unknown"),
        ("lines.0.sku", "", "lines.0.sku", "required"),
        ("lines.0.is_gift", 0, "lines.0.is_gift", "invalid"),
        ("lines.0.title", "bell \u0007", "lines.0.title", "control"),
        ("lines.0.channel_line_no", 7, "lines.0.channel_line_no", "invalid"),
        ("lines.0", [], "lines.0", "invalid"),
        ("lines", [], "lines", "min_length"),
        ("lines", {"0": {}}, "lines", "not_a_list"),
        ("channel_order_no", ..., "channel_order_no", "required"),
        ("channel_order_no", 12, "channel_order_no", "invalid"),
        ("channel_order_no", "", "channel_order_no", "blank"),
        ("channel_order_no", "A 1", "channel_order_no", "code"),
        ("channel_order_no", "A" * 65, "channel_order_no", "max_length"),
        ("currency", "USD", "currency", "invalid_choice"),
        ("status", "shipped", "status", "invalid_choice"),
        ("status", ["paid"], "status", "invalid_choice"),
        ("status", "created", "paid_at", "unexpected"),
        ("paid_at", ..., "paid_at", "required"),
        ("paid_at", "2026-11-11 12:00:30", "paid_at", "instant"),
        ("paid_at", "2026-11-11T12:00:60+08:00", "paid_at", "instant"),
        ("placed_at", 1762833600, "placed_at", "instant"),
        ("receiver.address", ..., "receiver.address", "required"),
        ("receiver.phone", {"$gt": ""}, "receiver.phone", "invalid"),
        ("receiver", None, "receiver", "null"),
        ("payment.amount", "0.00", "payment.amount", "min_value"),
        ("payment.external_no", "", "payment.external_no", "blank"),
        ("goods_amount", "39.81", "goods_amount", "sum"),
        ("total_amount", "40.81", "total_amount", "sum"),
        ("id", 1, "id", "unknown"),
        ("state", "completed", "state", "unknown"),
        ("shop_id", 1, "shop_id", "unknown"),
    ],
)
def test_a_field_is_taken_in_one_form_only(
    company: Company, caller: Caller, path: str, value: Any, field: str, code: str
) -> None:
    [row] = create(caller, changed(path, value)).json()["results"]

    assert row["status"] == "refused"
    assert (field, code) in [(error["field"], error["code"]) for error in row["error"]["errors"]]
    assert not Order.objects.exists()


def test_two_lines_of_one_number_are_refused(company: Company, caller: Caller) -> None:
    line = {"channel_line_no": "1", "sku": "SKU-1", "quantity": 1, "unit_price": "17.40", "paid_share": "17.40"}

    [row] = create(caller, new_order(lines=[line, line], goods_amount="34.80", discount_amount="0.00")).json()[
        "results"
    ]

    assert [(e["field"], e["code"]) for e in row["error"]["errors"]] == [("lines.1.channel_line_no", "repeated")]


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ([], "", "invalid"),
        ("orders", "", "invalid"),
        ({}, "orders", "length"),
        ({"orders": []}, "orders", "length"),
        ({"orders": {}}, "orders", "length"),
        ({"orders": [{}] * 501}, "orders", "length"),
        ({"orders": [{}], "dry_run": True}, "dry_run", "unknown"),
    ],
)
def test_an_envelope_that_is_no_list_of_orders_is_refused_as_a_whole(
    company: Company, caller: Caller, body: Any, field: str, code: str
) -> None:
    answer = caller.post("orders/bulk", body, key="k")

    assert answer.status_code == 400
    assert [(e["field"], e["code"]) for e in answer.json()["errors"]] == [(field, code)]


def test_a_payment_that_is_booked_for_another_order_is_refused_without_naming_that_order(
    company: Company, caller: Caller
) -> None:
    elsewhere = company.caller({company.other: ["orders:write"]})
    create(elsewhere, new_order("B-1", shop="pos-2"))
    payment = new_order("B-1")["payment"]

    [row] = create(caller, new_order("A-1", payment=payment)).json()["results"]

    assert row["error"]["code"] == "channels.payment_taken"
    assert row["error"]["data"] == {"provider": "alipay", "external_no": "2026111122001B-1"}
    assert not Order.objects.filter(shop=company.shop).exists()
    assert PaymentEntry.objects.count() == 1


def test_one_payment_for_two_orders_of_a_list_pays_the_first(company: Company, caller: Caller) -> None:
    payment = new_order("A-1")["payment"]

    rows = create(caller, new_order("A-1"), new_order("A-2", payment=payment)).json()["results"]

    assert [(r["status"], r["error"] and r["error"]["code"]) for r in rows] == [
        ("created", None),
        ("refused", "channels.row_repeated"),
    ]
    assert rows[1]["error"]["data"] == {"what": "2026111122001A-1", "first_index": 0}


def test_a_payment_that_is_not_what_is_due_is_booked_and_holds_the_order(company: Company, caller: Caller) -> None:
    payment = new_order()["payment"] | {"amount": "40.00"}

    [row] = create(caller, new_order(payment=payment)).json()["results"]

    assert row["status"] == "created"
    order = Order.objects.get()
    assert (order.state, order.is_on_hold) == ("pending_payment", True)
    assert Case.objects.get().code == "PAYMENT_MISMATCH"
    assert PaymentEntry.objects.get().amount == Decimal("40.00")


def test_an_unpaid_order_waits_for_its_payment(company: Company, caller: Caller) -> None:
    row = new_order(status="created", payment=None)
    del row["paid_at"]

    create(caller, row)

    assert Order.objects.get().state == "pending_payment"
    assert not PaymentEntry.objects.exists()


def test_a_contact_that_a_platform_keeps_is_taken_by_its_opaque_id(company: Company, caller: Caller) -> None:
    create(caller, changed("receiver.opaque_id", "oaid-1"))

    contact = Order.objects.get().contact
    assert contact is not None
    assert (contact.is_masked, contact.opaque_id, contact.sealed) == (True, "oaid-1", None)


def test_five_hundred_orders_take_as_many_statements_as_fifty(company: Company, caller: Caller) -> None:
    def statements(count: int, name: str) -> int:
        rows = [new_order(f"{name}-{n}") for n in range(count)]
        with counted_statements() as queries:
            answer = create(caller, *rows, key=name)
        assert answer.json()["created"] == count
        return queries()

    statements(1, "warm")  # fills the pools of ids

    few, many = statements(50, "few"), statements(500, "many")

    # Blocks of ids are fetched when a pool runs dry.
    assert many - few <= 4
    assert few <= 30


def test_nothing_is_stored_when_no_row_is_new(company: Company, caller: Caller) -> None:
    answer = create(caller, new_order("A-1", total_amount="1.00"))

    assert answer.json()["refused"] == 1
    assert not Order.objects.exists()
    assert not Deed.objects.filter(action="orders.bulk_create").exists()
