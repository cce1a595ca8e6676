"""The pages of files of orders and of counters: what is seen before the yes, what comes back, who may."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from channels_sync.models import ChannelAccount
from channels_sync.order_file_models import OrderFile
from channels_sync.order_files.running import work_on
from ordercenter.catalog.models import ShopAccess
from ordercenter.orders.models import Order
from tests.channels_sync.counters.store import Store, sale, shift_end
from tests.channels_sync.order_files.shelf import HEADING, Shelf, row, table
from tests.ordercenter.console.people import client_of, person

pytestmark = pytest.mark.django_db


@pytest.fixture
def shelf(db: None) -> Shelf:
    return Shelf()


@pytest.fixture
def operator(shelf: Shelf) -> Client:
    user = person("li", role="operator")
    ShopAccess.objects.create(user=user, shop=shelf.shop)
    return client_of(user)


def texts(page: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.content.decode()))


def upload(browser: Client, content: bytes, shop: str = "direct-1") -> Any:
    return browser.post("/console/orders/files/", {"shop": shop, "table": SimpleUploadedFile("十一月.csv", content)})


def worked(sent: Any) -> OrderFile:
    file = OrderFile.objects.get(pk=int(sent["Location"].rstrip("/").rpartition("/")[2]))
    work_on(file.pk)
    return OrderFile.objects.get(pk=file.pk)


def test_a_file_is_worked_on_in_the_background_then_shown_order_by_order_and_taken_in(operator: Client) -> None:
    sent = upload(operator, table(row("A-1"), row("A-2", quantity="zwei")))
    waiting = operator.get(sent["Location"])
    assert "It is the next one in the queue." in texts(waiting)

    file = worked(sent)
    page = operator.get(sent["Location"] + "?show=all")
    said = operator.post(sent["Location"] + "import/", follow=True)
    work_on(file.pk)
    done = operator.get(sent["Location"] + "?show=all")

    assert "数量: “zwei” is no whole number from 1 to 100,000" in texts(page)
    assert not Order.objects.filter(channel_order_no="A-2").exists()
    assert "Being taken in" in texts(said)
    assert f"/console/orders/{Order.objects.get().pk}/" in done.content.decode()


def test_the_progress_is_asked_for_until_a_person_is_needed(operator: Client) -> None:
    sent = upload(operator, table(row("A-1")))
    asked = {"headers": {"HX-Request": "true"}}

    going = operator.get(sent["Location"], **asked)
    worked(sent)
    over = operator.get(sent["Location"], **asked)

    assert "hx-get" in going.content.decode()
    assert (over.status_code, over["HX-Refresh"]) == (204, "true")


def test_refused_rows_go_back_in_three_forms(operator: Client) -> None:
    sent = upload(operator, table(row("A-1", quantity="x", 卖家备注="=cmd()")))
    worked(sent)

    utf8 = operator.get(sent["Location"] + "refused/")
    gb = operator.get(sent["Location"] + "refused/?format=gb18030")
    book = operator.get(sent["Location"] + "refused/?format=xlsx")

    text = b"".join(utf8.streaming_content).decode("utf-8-sig")
    assert text.splitlines()[0] == ",".join([*HEADING, "reason"])
    assert "'=cmd()" in text
    assert b"".join(gb.streaming_content).decode("gb18030") == text
    assert book.content[:2] == b"PK"
    assert utf8["Cache-Control"] == "no-store"


def test_columns_and_reading_are_put_right_on_the_page(operator: Client) -> None:
    heading = ["Nr", *HEADING[1:]]
    sent = upload(operator, table(row("A-1"), heading=heading, encoding="gb18030"))
    file = worked(sent)
    assert "order number" in texts(operator.get(sent["Location"]))

    columns = {f"column_{ours}": name for ours, name in file.columns.items()} | {"column_order_no": "Nr"}
    operator.post(sent["Location"] + "columns/", columns | {"unsaid_status": "created"})
    work_on(file.pk)
    checked = OrderFile.objects.get(pk=file.pk)
    operator.post(sent["Location"] + "read/", {"encoding": "gb18030", "delimiter": ";", "heading_row": "1"})
    work_on(file.pk)

    assert (checked.state, checked.new, checked.unsaid_status) == ("checked", 1, "created")
    again = OrderFile.objects.get(pk=file.pk)
    assert (again.state, again.encoding, again.delimiter) == ("read", "gb18030", ";")


def test_the_same_file_leads_to_what_became_of_it(operator: Client) -> None:
    content = table(row("A-1"))
    first = upload(operator, content)

    again = upload(operator, content)

    assert again["Location"] == first["Location"]
    assert "This very file came before" in texts(operator.get(again["Location"]))


def test_nobody_sees_files_of_other_shops_or_brings_any_without_the_right(shelf: Shelf, operator: Client) -> None:
    sent = upload(operator, table(row("A-1")))
    stranger = client_of(person("zhao", role="operator"))
    reader = client_of(person("qian", permissions=("channels_sync.view_orderfile", "catalog.all_shops")))

    assert stranger.get(sent["Location"]).status_code == 404
    assert stranger.get("/console/orders/files/").status_code == 200
    assert upload(stranger, table(row("B-1")))["Location"] == "/console/orders/files/"
    assert reader.get(sent["Location"]).status_code == 200
    assert upload(reader, table(row("B-1"))).status_code == 404
    assert reader.post(sent["Location"] + "discard/").status_code == 403
    assert client_of(person("sun", role="warehouse")).get("/console/orders/files/").status_code == 403
    assert OrderFile.objects.count() == 1


def test_a_shop_of_a_platform_is_not_offered(shelf: Shelf, operator: Client) -> None:
    ChannelAccount.objects.create(shop=shelf.shop, adapter="tmall", base_url="http://127.0.0.1:9/", app_key="1")

    page = operator.get("/console/orders/files/")
    sent = upload(operator, table(row("A-1")))

    assert "All your shops get their orders from their platforms" in texts(page)
    assert (sent["Location"], OrderFile.objects.count()) == ("/console/orders/files/", 0)


def test_a_counter_shows_its_lag_what_waits_and_its_shifts() -> None:
    store = Store()
    at = timezone.now()
    unknown = sale("a2", ("GLASS", 1, "8.00"), business_at=(at - timedelta(hours=3)).isoformat())
    here = sale("a1", business_at=(at - timedelta(hours=1)).isoformat())
    store.send(here, unknown, shift_end(counted="117.00", documents=2), at=at, sent_at=at - timedelta(minutes=9))
    boss = client_of(person("boss", superuser=True))

    page = boss.get("/console/counters/")
    one = boss.get(f"/console/counters/{store.counters['C1'].pk}/?show=waiting")

    rows = {row.counter.code: row for row in page.context["rows"]}
    assert (rows["C1"].documents, rows["C1"].waiting, rows["C2"].documents) == (3, 1, 0)
    assert rows["C1"].shift.difference == -1
    assert "540 s behind" in texts(page)
    assert [d.client_no for d in one.context["documents"]] == ["a2"]
    assert "GLASS" in texts(one)
    assert (
        client_of(person("zhou", role="operator")).get(f"/console/counters/{store.counters['C1'].pk}/").status_code
        == 404
    )
