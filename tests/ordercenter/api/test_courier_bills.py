"""Couriers' bills through the API: sent as a file, read with their differences, and decided about."""

from __future__ import annotations

from typing import Any

import pytest

from fulfillment.models import FreightBill, FreightLine, FreightUpload
from fulfillment.tasks import courier_bills
from ordercenter.audit.models import Deed
from ordercenter.catalog.api_keys import create_key
from ordercenter.catalog.models import Shop, ShopAccess
from ordercenter.common.actor import SYSTEM
from tests.fulfillment.freight_stage import HEADING, Stage, row, table
from tests.ordercenter.api.company import Caller
from tests.ordercenter.console.people import client_of, person

pytestmark = pytest.mark.django_db
READ, WRITE = "freight:read", "freight:write"


@pytest.fixture
def stage(db: None) -> Stage:
    return Stage()


def caller(*scopes: str, shops: Any = None) -> Caller:
    """Somebody with these scopes in these shops; in all of them by default."""
    chosen = Shop.objects.all() if shops is None else shops
    return Caller(create_key(name="books", grants={s.pk: list(scopes) for s in chosen}, actor=SYSTEM)[1])


@pytest.fixture
def bill(stage: Stage) -> FreightBill:
    """Two parcels too heavy, one number of nobody, one line right."""
    one, two, right = stage.ship([800, 800, 800])
    done = stage.take(row(one, "2", "7.00"), row(two, "3", "9.00"), row(right), row("STRANGE1", "1", "6.00"))
    return FreightBill.objects.get(pk=done.bill_id)


def test_a_bill_is_read_with_the_sums_of_its_verdicts(bill: FreightBill) -> None:
    reader = caller(READ)

    [listed] = reader.get("courier-bills", state="open", courier="ZTO").json()["results"]
    read = reader.get(f"courier-bills/{bill.pk}").json()

    assert (listed["id"], listed["courier"], listed["state"], listed["line_count"], listed["amount_total"]) == (
        bill.pk,
        "ZTO",
        "open",
        4,
        "27.00",
    )
    assert (listed["starts_on"], listed["ends_on"]) == ("2026-10-01", "2026-11-01")
    assert read == {
        **listed,
        "verdicts": [
            kind("matched", 1, "5.00", "5.00", "0.00", is_open=False),
            kind("unknown_parcel", 1, "6.00", "0.00", "6.00", is_open=True),
            kind("weight_differs", 2, "16.00", "10.00", "6.00", is_open=True),
        ],
    }


def kind(verdict: str, lines: int, billed: str, expected: str, difference: str, *, is_open: bool) -> dict[str, Any]:
    sums = {"billed": billed, "expected": expected, "difference": difference}
    return {"verdict": verdict, "lines": lines, **sums, "is_open": is_open}


def test_lines_are_found_by_verdict_and_number_page_after_page(bill: FreightBill) -> None:
    reader, address = caller(READ), f"courier-bills/{bill.pk}/lines"

    first = reader.get(address, verdict="open", limit=2).json()
    rest = reader.get(address, verdict="open", limit=2, cursor=first["next_cursor"]).json()
    [strange] = reader.get(address, tracking_no="strange1").json()["results"]

    assert [(r["line_no"], r["verdict"], r["amount"], r["expected_amount"]) for r in first["results"]] == [
        (2, "weight_differs", "7.00", "5.00"),
        (3, "weight_differs", "9.00", "5.00"),
    ]
    assert "Billed 7.00, by contract 5.00: 2.00 yuan too much." in first["results"][0]["why"]
    assert [(r["line_no"], r["verdict"], r["expected_amount"]) for r in rest["results"]] == [
        (5, "unknown_parcel", "0.00")
    ]
    assert rest["next_cursor"] == ""
    assert strange["line_no"] == 5


def test_differences_are_accepted_with_a_reason_and_taken_back(bill: FreightBill) -> None:
    clerk = caller(READ, WRITE)
    heavy = list(FreightLine.objects.filter(bill=bill, verdict="weight_differs").values_list("pk", flat=True))

    done = clerk.post(f"courier-bills/{bill.pk}/sign-off", {"reason": "agreed", "verdict": "weight_differs"}).json()
    again = clerk.post(f"courier-bills/{bill.pk}/sign-off", {"reason": "agreed", "lines": [heavy[0]]}).json()
    back = clerk.post(f"courier-bills/{bill.pk}/take-back", {"reason": "a mistake", "lines": [heavy[1]]}).json()

    assert done == {"done": heavy, "refused": []}
    assert [(r["line_id"], r["error"]["code"]) for r in again["refused"]] == [
        (heavy[0], "fulfillment.freight_line_not_open")
    ]
    assert back == {"done": [heavy[1]], "refused": []}
    deeds = Deed.objects.filter(action__startswith="freight.").exclude(action="freight.import").order_by("pk")
    assert [(d.action, d.reason, d.actor.partition(" ")[0]) for d in deeds] == [
        ("freight.sign_off", "agreed", "integration:books"),
        ("freight.take_back_sign_off", "a mistake", "integration:books"),
    ]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"verdict": "weight_differs"}, "reason"),
        ({"reason": "agreed"}, "lines"),
        ({"reason": "agreed", "verdict": "weight_differs", "lines": [1]}, "lines"),
        ({"reason": "agreed", "verdict": "matched"}, "verdict"),
        ({"reason": "agreed", "lines": ["1"]}, "lines.0"),
        ({"reason": "agreed", "verdict": "weight_differs", "more": 1}, "more"),
    ],
)
def test_a_decision_that_says_too_little_or_too_much_changes_nothing(
    bill: FreightBill, body: dict[str, Any], field: str
) -> None:
    answer = caller(READ, WRITE).post(f"courier-bills/{bill.pk}/sign-off", body)

    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert not FreightLine.objects.filter(verdict="signed_off").exists()


def test_a_file_is_taken_in_in_the_background_and_once(stage: Stage) -> None:
    [parcel] = stage.ship()
    clerk, content = caller(READ, WRITE), table([HEADING, row(parcel, "2", "7.00")])
    address = "courier-bills/files?courier=ZTO&file_name=oct.csv&first_day=2026-10-01&last_day=2026-10-31"

    sent = clerk.send(address, content, content_type="text/csv")
    assert (sent.status_code, sent.json()["state"], sent.json()["bill_id"]) == (202, "waiting", None)
    courier_bills()
    asked = clerk.get(f"courier-bills/files/{sent.json()['id']}").json()
    again = clerk.send(address, content, content_type="text/csv")

    bill = FreightBill.objects.get()
    assert (asked["state"], asked["bill_id"]) == ("taken_in", bill.pk)
    assert (bill.state, bill.file_name, str(bill.starts_on), str(bill.ends_on)) == (
        "open",
        "oct.csv",
        "2026-10-01",
        "2026-11-01",
    )
    assert (again.status_code, again.json()["code"]) == (409, "fulfillment.freight_file_known")
    assert FreightUpload.objects.count() == 1


def test_the_mistakes_of_a_file_are_named_by_row_and_column(stage: Stage) -> None:
    clerk = caller(READ, WRITE)

    sent = clerk.send(
        "courier-bills/files?courier=ZTO", table([HEADING, row("ZT0001", "heavy")]), content_type="text/csv"
    )
    courier_bills()
    asked = clerk.get(f"courier-bills/files/{sent.json()['id']}").json()

    assert (asked["state"], asked["problem"], asked["error_count"]) == ("refused", "common.table_unreadable", 1)
    assert [(error["row"], error["column"]) for error in asked["errors"]] == [(2, "计费重量(kg)")]
    assert not FreightBill.objects.exists()


@pytest.mark.parametrize(
    ("address", "content_type", "code", "status"),
    [
        ("courier-bills/files?courier=NOBODY", "text/csv", "fulfillment.freight_courier_unknown", 400),
        ("courier-bills/files?courier=ZTO&warehouse=X", "text/csv", "fulfillment.freight_courier_unknown", 400),
        ("courier-bills/files", "text/csv", "api.invalid", 400),
        ("courier-bills/files?courier=ZTO", "application/json", "api.media_type", 415),
    ],
)
def test_a_file_that_nobody_can_place_is_refused(
    stage: Stage, address: str, content_type: str, code: str, status: int
) -> None:
    answer = caller(READ, WRITE).send(address, table([HEADING, row("ZT0001")]), content_type=content_type)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert not FreightUpload.objects.exists()


def test_a_key_needs_the_scope_in_every_shop(bill: FreightBill, stage: Stage) -> None:
    mine = caller(READ, WRITE)
    assert mine.get(f"courier-bills/{bill.pk}").status_code == 200
    Shop.objects.create(channel=stage.shop.channel, code="later", name="Later")

    assert mine.get("courier-bills").json()["results"] == []
    refused = mine.get(f"courier-bills/{bill.pk}")
    assert (refused.status_code, refused.json()["code"]) == (404, "fulfillment.freight_bill_unknown")
    decided = mine.post(f"courier-bills/{bill.pk}/sign-off", {"reason": "agreed", "verdict": "weight_differs"})
    assert decided.status_code == 404
    sent = mine.send("courier-bills/files?courier=ZTO", table([HEADING, row("ZT0001")]), content_type="text/csv")
    assert sent.status_code == 403
    assert not FreightLine.objects.filter(verdict="signed_off").exists()


def test_reading_does_not_let_a_key_decide(bill: FreightBill) -> None:
    answer = caller(READ).post(f"courier-bills/{bill.pk}/sign-off", {"reason": "agreed", "verdict": "weight_differs"})

    assert answer.status_code == 403
    assert caller("orders:read").get("courier-bills").status_code == 403


def test_a_person_reads_by_role_and_scope(bill: FreightBill, stage: Stage) -> None:
    address = f"/api/v1/courier-bills/{bill.pk}/lines"

    assert client_of(person("wu", role="finance")).get(address).status_code == 200
    clerk = person("li", role="operator")
    ShopAccess.objects.create(user=clerk, shop=stage.shop)
    assert client_of(clerk).get(address).status_code in (403, 404)
