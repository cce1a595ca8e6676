"""The pages of an own warehouse: who may open them, what they show, scans over HTTP."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from fulfillment.models import PickLine, StockCount
from ordercenter.catalog.models import ShopAccess
from ordercenter.console.roles import ensure_roles, give_role
from ordercenter.inventory.models import Warehouse, WarehouseAccess
from tests.flows.outside import answer_everything
from tests.fulfillment.floor.house import House, state_of
from tests.ordercenter.console.people import client_of, person

pytestmark = pytest.mark.django_db


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch, db: None) -> House:
    answer_everything(monkeypatch)
    return House()


def worker(house: House, *, language: str = "en", role: str = "warehouse") -> Client:
    user = person(role=role)
    WarehouseAccess.objects.get_or_create(user=user, warehouse=house.warehouse)
    return client_of(user, language=language)


def send(browser: Client, house: House, *texts: str, step: str = "pick", **more: Any) -> Any:
    scans = [{"id": str(uuid4()), "step": step, "text": text, **more} for text in texts]
    body = {"warehouse": house.warehouse.pk, "device": "d9", "scans": scans}
    return browser.post("/console/floor/scans/", json.dumps(body), content_type="application/json")


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_every_page_of_the_floor_opens_with_work_in_every_state(house: House, language: str) -> None:
    for n in range(5):
        house.order((f"SKU-{n}", 2, "110.00"))
    wave = house.wave()
    browser = worker(house, language=language)
    send(browser, house, wave.code, "SKU-0", "SKU-0", "SKU-1")
    send(browser, house, "SKU-2", step="short")

    for address in (
        "/console/floor/",
        f"/console/floor/waves/{wave.pk}/",
        *(f"/console/floor/scan/{step}/" for step in ("pick", "check", "hand_over", "put_back", "receive", "count")),
        f"/console/floor/scan/pick/?at=wave:{wave.pk}",
        "/console/floor/returns/",
        "/console/floor/counts/",
        f"/console/floor/counts/{StockCount.objects.get().pk}/",
    ):
        page = browser.get(address)
        assert page.status_code == 200, address
        assert "onclick" not in page.content.decode()


def test_scans_come_as_a_list_and_each_is_answered_in_the_readers_language(house: House) -> None:
    house.order(("SKU-1", 2, "110.00"))
    wave = house.wave()

    answer = send(worker(house), house, wave.code, "SKU-1", "SKU-3").json()

    assert [(a["ok"], a["words"]) for a in answer["answers"]] == [
        (True, f"Wave {wave.code}: go"),
        (True, "SKU-1 into basket 1 ×1"),
        (False, "Wrong item."),
    ]
    assert answer["answers"][2]["hint"] == "Scanned SKU-3, due is SKU-1."
    assert "B-01-01" in answer["task"]
    assert PickLine.objects.get().picked == 1
    chinese = send(worker(house, language="zh-hans"), house, "NOBODY").json()
    assert chinese["answers"][0]["words"] == "请先扫波次或发货单。" or "无法识别" in chinese["answers"][0]["words"]


def test_a_list_that_cannot_be_read_is_refused_whole_and_changes_nothing(house: House) -> None:
    browser = worker(house)

    for body in ("nonsense", "[]", '{"warehouse": 1}', '{"warehouse": "x", "scans": [{"id": 1}]}'):
        assert browser.post("/console/floor/scans/", body, content_type="application/json").status_code == 400
    assert send(browser, house, step="pick").json() == {"answers": [], "task": ""}


def test_a_worker_works_only_in_warehouses_of_his_own(house: House) -> None:
    house.order(("SKU-1", 1, "55.00"))
    wave = house.wave()
    other = Warehouse.objects.create(code="OTHER", name="别处", kind="own")
    user = person(role="warehouse")
    WarehouseAccess.objects.create(user=user, warehouse=other)
    browser = client_of(user)

    assert browser.get("/console/floor/").context["here"] == other
    assert browser.get(f"/console/floor/?warehouse={house.warehouse.pk}").status_code == 403
    assert browser.get(f"/console/floor/waves/{wave.pk}/").status_code == 404
    assert browser.get(f"/console/floor/waves/{wave.pk}/pick-list.pdf").status_code == 404
    answer = send(browser, house, wave.code).json()
    assert answer["answers"][0]["say"] == "fulfillment.warehouse_not_yours"
    assert answer["task"] == ""
    assert client_of(person(role="operator")).get("/console/floor/").status_code == 403
    assert send(client_of(person(role="finance")), house, "x").status_code == 403


def test_waves_are_made_and_left_by_hand_and_a_wave_can_be_picked_from_paper(house: House) -> None:
    first, second = house.order(("SKU-1", 1, "55.00")), house.order(("SKU-2", 3, "156.00"))
    browser = worker(house)

    browser.post("/console/floor/waves/make/", {"warehouse": house.warehouse.pk, "kind": "mixed"})
    wave_id = first.basket.wave_id
    assert (state_of(first), state_of(second)) == ("waved", "waved")
    browser.post(f"/console/floor/waves/{wave_id}/leave/", {"shipment": [first.pk]})
    assert (state_of(first), state_of(second)) == ("accepted", "waved")
    browser.post(f"/console/floor/waves/{wave_id}/picked/")
    assert (state_of(first), state_of(second)) == ("accepted", "picked")


def test_a_pick_list_is_a_pdf(house: House) -> None:
    house.order(("SKU-1", 2, "110.00"))
    wave = house.wave()

    page = worker(house).get(f"/console/floor/waves/{wave.pk}/pick-list.pdf?by=order")

    assert page["Content-Type"] == "application/pdf"
    assert page.content.startswith(b"%PDF")


def test_missing_goods_are_decided_upon_on_the_page_and_a_reason_is_needed(house: House) -> None:
    shipment = house.order(("SKU-1", 2, "110.00"))
    house.pick(house.wave(), "SKU-1")
    house.scan("short", "SKU-1")
    browser, address = worker(house), f"/console/floor/missing/{shipment.pk}/rest/"

    browser.post(address, {"warehouse": house.warehouse.pk})
    assert state_of(shipment) == "short_picked"
    browser.post(address, {"warehouse": house.warehouse.pk, "reason": "looked"})
    assert state_of(shipment) == "picked"


def test_only_who_posts_counts_sees_the_books_of_an_open_one(house: House) -> None:
    browser = worker(house)
    browser.post("/console/floor/counts/make/", {"warehouse": house.warehouse.pk, "zone": "A-"})
    count = StockCount.objects.get()
    for sku in ("SKU-0", "SKU-2", "SKU-4", "SKU-6", "SKU-8"):
        send(browser, house, count.code, sku, step="count", pieces=99)

    assert browser.get(f"/console/floor/counts/{count.pk}/").context["shows_books"] is False
    assert browser.post(f"/console/floor/counts/{count.pk}/post/", {"reason": "x"}).status_code == 403
    assert house.stock("SKU-0") == (100, 0)

    boss = worker(house, role="supervisor")
    assert boss.get(f"/console/floor/counts/{count.pk}/").context["shows_books"] is True
    boss.post(f"/console/floor/counts/{count.pk}/post/", {"reason": "counted twice"})
    assert (state_of(count), house.stock("SKU-0")) == ("posted", (99, 0))


def test_who_has_no_own_warehouse_is_told_so(db: None) -> None:
    ensure_roles()
    user = person("nobody")
    give_role(user.pk, "warehouse")

    page = client_of(user).get("/console/floor/")

    assert page.context["here"] is None
    assert "No own warehouse is open to you." in page.content.decode()
    assert not ShopAccess.objects.exists()


def test_the_same_scan_sent_twice_counts_once_and_is_answered_alike(house: House) -> None:
    house.order(("SKU-1", 2, "110.00"))
    wave = house.wave()
    browser = worker(house)
    send(browser, house, wave.code)
    scan = {"id": str(uuid4()), "step": "pick", "text": "SKU-1"}
    body = {"warehouse": house.warehouse.pk, "device": "d9", "scans": [scan, scan]}

    first = browser.post("/console/floor/scans/", json.dumps(body), content_type="application/json").json()
    second = browser.post("/console/floor/scans/", json.dumps(body), content_type="application/json").json()

    assert [a["known"] for a in first["answers"]] == [False, True]
    assert [a["known"] for a in second["answers"]] == [True, True]
    assert {a["words"] for a in (*first["answers"], *second["answers"])} == {"SKU-1 into basket 1 ×1"}
    assert PickLine.objects.get().picked == 1


@pytest.mark.parametrize(("language", "words"), [("en", "Wrong item."), ("zh-hans", "扫错商品。")])
def test_a_wrong_piece_cannot_leave_and_the_bench_says_what_is_due(house: House, language: str, words: str) -> None:
    shipment = house.order(("SKU-1", 1, "55.00"))
    house.pick(house.wave(), "SKU-1")
    browser = worker(house, language=language)

    answer = send(browser, house, shipment.code, "SKU-3", "ZT0000000001", step="check").json()["answers"]

    assert [a["ok"] for a in answer] == [True, False, False]
    assert answer[1]["words"] == words
    assert "SKU-1" in answer[1]["hint"]
    assert state_of(shipment) == "picked"
    handed = send(browser, house, shipment.code, step="hand_over").json()["answers"][0]
    assert (handed["ok"], state_of(shipment)) == (False, "picked")


def test_scans_that_another_person_made_wait_for_that_person(house: House) -> None:
    house.order(("SKU-1", 1, "55.00"))
    wave = house.wave()
    made_by = person(role="warehouse")
    scan = {"id": str(uuid4()), "step": "pick", "text": wave.code}
    body = {"user": made_by.pk, "warehouse": house.warehouse.pk, "device": "d9", "scans": [scan]}
    WarehouseAccess.objects.create(user=made_by, warehouse=house.warehouse)

    other = worker(house).post("/console/floor/scans/", json.dumps(body), content_type="application/json")
    theirs = client_of(made_by).post("/console/floor/scans/", json.dumps(body), content_type="application/json")

    assert (other.status_code, other.json()) == (409, {"error": "Another person made these scans."})
    assert [a["known"] for a in theirs.json()["answers"]] == [False]


@pytest.mark.parametrize("verb", ["leave", "picked", "nonsense"])
def test_a_wave_of_another_warehouse_is_nobodys_business(house: House, verb: str) -> None:
    shipment = house.order(("SKU-1", 1, "55.00"))
    wave = house.wave()
    stranger = person(role="warehouse")
    other = Warehouse.objects.create(code="OTHER", name="别处", kind="own")
    WarehouseAccess.objects.create(user=stranger, warehouse=other)

    answer = client_of(stranger).post(f"/console/floor/waves/{wave.pk}/{verb}/", {"shipment": [shipment.pk]})

    assert answer.status_code == 404
    assert state_of(shipment) == "waved"


def test_a_wave_made_twice_at_once_takes_each_shipment_once_and_says_that_nothing_is_left(house: House) -> None:
    first = house.order(("SKU-1", 1, "55.00"))
    browser, wanted = worker(house), {"warehouse": house.warehouse.pk, "kind": "mixed"}

    browser.post("/console/floor/waves/make/", wanted)
    again = browser.post("/console/floor/waves/make/", wanted, follow=True).content.decode()

    assert first.basket.wave_id == house.wave_of_first().pk
    assert "No shipment is waiting for such a wave." in again


@pytest.mark.parametrize(
    "wanted", [{"kind": "nonsense"}, {"carrier": "x"}, {"carrier": "²"}, {"carrier": "9" * 20}, {"most": "²"}]
)
def test_a_wave_asked_for_in_nonsense_does_no_harm(house: House, wanted: dict[str, str]) -> None:
    house.order(("SKU-1", 1, "55.00"))

    answer = worker(house).post("/console/floor/waves/make/", {"warehouse": house.warehouse.pk, **wanted})

    assert answer.status_code in (302, 400)


def test_a_device_keeps_an_empty_page_that_shows_nothing_of_the_work_or_the_person(house: House) -> None:
    house.order(("SKU-1", 1, "55.00"))
    wave = house.wave()
    browser = worker(house)
    send(browser, house, wave.code)

    shown = browser.get(f"/console/floor/scan/pick/?at=wave:{wave.pk}").content.decode()
    kept = browser.get(f"/console/floor/scan/pick/?kept=1&at=wave:{wave.pk}").content.decode()

    assert "B-01-01" in shown
    assert "data-kept" not in shown
    assert "data-kept" in kept
    assert "No network." in kept
    for secret in ("B-01-01", wave.code, "SKU-1", str(browser.session.get("_auth_user_hash"))):
        assert secret not in kept
    assert "user" + str(browser.session["_auth_user_id"]) not in kept


def test_the_worker_of_the_scan_pages_is_limited_to_them_and_names_its_version(house: House) -> None:
    browser = worker(house)

    answer = browser.get("/console/floor/scan/worker.js")

    assert answer["Content-Type"] == "text/javascript; charset=utf-8"
    assert answer["Cache-Control"] == "no-cache"
    assert "Service-Worker-Allowed" not in answer
    assert answer.content.decode().startswith('const VERSION = "')
    assert 'data-worker="/console/floor/scan/worker.js"' in browser.get("/console/floor/scan/pick/").content.decode()
    assert Client().get("/console/floor/scan/worker.js").status_code == 302


def test_the_bench_sees_what_of_a_wave_waits_there_and_nothing_to_pick(house: House) -> None:
    shipment = house.order(("SKU-1", 1, "60.00"))
    wave, browser = house.wave(), worker(house)

    def shown(step: str) -> str:
        return str(browser.get(f"/console/floor/scan/{step}/?at=wave:{wave.pk}").content.decode())

    assert 'data-step="short"' in shown("pick")
    assert "Nothing waits at the bench" in shown("check")
    send(browser, house, wave.code, "SKU-1")

    page = shown("check")
    assert shipment.code in page
    assert "Scan a basket or its shipment" in page
    assert 'data-step="short"' not in page
