"""Files of orders by API: uploaded, asked about, taken in with a yes or beforehand, by keys of the shop only."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from channels_sync.order_file_models import OrderFile
from channels_sync.order_files.running import work_on
from ordercenter.audit.models import Deed
from ordercenter.orders.models import Order
from tests.channels_sync.order_files.shelf import row, table
from tests.ordercenter.api.company import Caller, Company


def upload(caller: Caller, content: bytes, shop: str = "pos-1", **more: Any) -> Any:
    data = {"shop": shop, "file": SimpleUploadedFile("orders.csv", content)} | more
    return caller.client.post("/api/v1/order-files", data, headers=caller.headers)


def test_a_file_goes_in_with_a_yes_and_says_how_far_it_is(company: Company, caller: Caller) -> None:
    sent = upload(caller, table(row("A-1", "SKU-1"), row("A-2", quantity="x")))
    number = sent.json()["id"]
    assert (sent.status_code, sent.json()["state"], sent.json()["was_known"]) == (202, "reading", False)

    work_on(number)
    looked = caller.get(f"order-files/{number}").json()
    refused = caller.get(f"order-files/{number}/orders", verdict="refused").json()
    yes = caller.post(f"order-files/{number}/import", {})
    work_on(number)

    assert (looked["state"], looked["new"], looked["refused"]) == ("checked", 1, 1)
    assert refused["results"] == [
        {
            "row": 3,
            "channel_order_no": "A-2",
            "verdict": "refused",
            "is_done": False,
            "order_id": None,
            "problems": [
                {
                    "row": 3,
                    "column": "quantity",
                    "code": "not_whole",
                    "detail": "数量: “x” is no whole number from 1 to 100,000",
                }
            ],
        }
    ]
    assert (yes.status_code, yes.json()["state"]) == (202, "importing")
    assert Order.objects.get().shop == company.shop
    assert caller.get(f"order-files/{number}").json()["state"] == "done"
    assert set(Deed.objects.values_list("actor", flat=True)) >= {f"integration:till ({_prefix(caller)})"}


def _prefix(caller: Caller) -> str:
    return str(caller.headers["Authorization"]).split("_")[1]


def test_the_same_file_is_known_and_what_was_said_beforehand_is_done(company: Company, caller: Caller) -> None:
    content = table(row("A-1", "SKU-1"))
    first = upload(caller, content, on_checked="clean")

    again = upload(caller, content, on_checked="clean")
    work_on(first.json()["id"])

    assert (again.status_code, again.json()["id"], again.json()["was_known"]) == (200, first.json()["id"], True)
    assert OrderFile.objects.get().state == "done"
    assert Order.objects.count() == 1


def test_a_second_yes_changes_nothing_and_one_too_early_is_refused(company: Company, caller: Caller) -> None:
    number = upload(caller, table(row("A-1"))).json()["id"]

    early = caller.post(f"order-files/{number}/import", {})
    work_on(number)
    for _try in range(2):
        assert caller.post(f"order-files/{number}/import", {}).status_code == 202
    work_on(number)
    late = caller.post(f"order-files/{number}/import", {})

    assert (early.status_code, early.json()["code"]) == (409, "common.transition_refused")
    assert (late.status_code, late.json()["state"]) == (202, "done")


@pytest.mark.parametrize(
    ("shop", "status", "code"),
    [
        ("pos-2", 404, "channels.shop_unknown"),
        ("tm-1", 404, "channels.shop_unknown"),
        ("nothing", 404, "channels.shop_unknown"),
    ],
)
def test_shops_beyond_the_key_do_not_exist(company: Company, caller: Caller, shop: str, status: int, code: str) -> None:
    answer = upload(caller, table(row("A-1")), shop=shop)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert not OrderFile.objects.exists()


def test_a_shop_of_a_platform_takes_no_file_and_other_keys_see_none(company: Company, caller: Caller) -> None:
    driven = company.caller({company.platform_shop: ["orders:write"]})
    other = company.caller({company.other: ["orders:write"]})
    reader = company.caller({company.shop: ["orders:read"]})
    number = upload(caller, table(row("A-1"))).json()["id"]

    refused = upload(driven, table(row("A-1")), shop="tm-1")

    assert (refused.status_code, refused.json()["code"]) == (409, "channels.shop_driven_by_platform")
    for who in (other, driven):
        assert who.get(f"order-files/{number}").status_code == 404
        assert who.post(f"order-files/{number}/import", {}).status_code == 404
    assert upload(reader, table(row("B-1"))).status_code == 403


def test_what_is_no_upload_is_refused_by_its_fields(company: Company, caller: Caller) -> None:
    nothing = caller.client.post("/api/v1/order-files", {"shop": "pos-1"}, headers=caller.headers)
    empty = upload(caller, b"")
    odd = upload(caller, table(row("A-1")), on_checked="at once")
    as_json = caller.post("order-files", {"shop": "pos-1"})

    assert [e["field"] for e in nothing.json()["errors"]] == ["file"]
    assert empty.status_code == 400
    assert [e["field"] for e in odd.json()["errors"]] == ["on_checked"]
    assert as_json.status_code == 415
    assert not OrderFile.objects.exists()
