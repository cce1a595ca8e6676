"""A file of orders: looked at before anything is written, taken in once, every mistake named and sent back."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import translation

from channels_sync.errors import ShopDrivenByPlatform, ShopUnknown
from channels_sync.models import ChannelAccount
from channels_sync.order_file_models import FileOrderRow, OrderFile, OrderFileLayout, OrderFilePart
from channels_sync.order_files import running
from channels_sync.order_files.bringing import (
    approve_file,
    discard_file,
    forget_old_files,
    match_columns,
    read_differently,
    rows_of_file,
    shop_for_files,
)
from channels_sync.order_files.cells import masked_cell
from channels_sync.order_files.errors import NothingToTake, OrderColumnsMissing, OrderFileEmpty, OrderFileUnknown
from channels_sync.order_files.mistakes import refused_rows
from channels_sync.order_files.running import waiting_files, work_on
from channels_sync.states import OnChecked
from finance.models import PaymentEntry
from ordercenter.audit.models import Deed, StateChange
from ordercenter.catalog.models import Shop
from ordercenter.common.csvsafe import csv_bytes
from ordercenter.common.fsm import TransitionRefused
from ordercenter.common.scope import EVERYTHING, Scope
from ordercenter.common.sessions import alone_at
from ordercenter.common.xlsxsafe import xlsx_bytes
from ordercenter.orders.models import Order, OrderLine
from tests.channels_sync.order_files.shelf import HEADING, NOON, Shelf, problems, row, table, verdicts

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def in_english() -> Iterator[None]:
    with translation.override("en"):
        yield


@pytest.fixture
def shelf(db: None) -> Shelf:
    return Shelf()


def test_nothing_is_written_before_the_yes_and_each_order_says_what_it_would_do(shelf: Shelf) -> None:
    content = table(row("A-1"), row("A-2", sku="GLASS"), row("A-3", quantity="drei"))

    file = shelf.checked(content)

    assert (file.state, file.rows, file.orders) == ("checked", 4, 3)
    assert (file.new, file.changed, file.unchanged, file.refused) == (2, 0, 0, 1)
    assert verdicts(file) == [(2, "A-1", "new"), (3, "A-2", "new"), (4, "A-3", "refused")]
    assert problems(file) == [[3, "sku", "sku_unknown", "GLASS", ""], [4, "quantity", "not_whole", "drei", ""]]
    assert not Order.objects.exists()


def test_a_yes_takes_in_orders_of_several_rows_with_lines_receiver_and_payment(shelf: Shelf) -> None:
    rows = [
        row("A-1", "CUP", 2, "19.90", 运费="6.00", 实付金额="40.80"),
        row("A-2", "BOWL", 1, "5.00"),
        row("A-1", "PLATE", 1, "5.00", 运费="6.00", 实付金额="40.80", 卖家备注="加急"),
    ]

    file = shelf.taken(table(*rows))

    assert (file.state, file.new, file.progress, file.total) == ("done", 2, 2, 2)
    order = Order.objects.get(channel_order_no="A-1")
    assert (order.shop, order.state, order.seller_remark) == (shelf.shop, "preprocessing", "加急")
    assert (order.goods_amount, order.discount_amount, order.freight_amount, order.total_amount) == (
        Decimal("44.80"),
        Decimal("10.00"),
        Decimal("6.00"),
        Decimal("40.80"),
    )
    assert order.paid_at is not None
    assert order.paid_at.isoformat() == "2026-11-30T02:05:00+00:00"
    lines = OrderLine.objects.filter(order=order).order_by("line_no")
    assert [(n.channel_line_no, n.outer_sku, n.ordered, n.paid_share) for n in lines] == [
        ("1", "CUP", 2, Decimal("30.92")),
        ("2", "PLATE", 1, Decimal("3.88")),
    ]
    assert order.contact is not None
    assert (order.contact.masked_name, order.contact.district) == ("王**", "西湖区")
    assert [r.order_id for r in FileOrderRow.objects.filter(channel_order_no="A-1")] == [order.pk]
    assert list(Deed.objects.order_by("pk").values_list("action", "actor")) == [
        ("orders.file_upload", "person:boss"),
        ("orders.file_import", "person:boss"),
    ]
    moves = StateChange.objects.filter(machine="orderfile", subject_id=file.pk).order_by("pk")
    assert list(moves.values_list("dst", flat=True)) == ["reading", "checking", "checked", "importing", "done"]


def test_the_same_file_is_one_file_and_the_same_orders_in_another_are_unchanged(shelf: Shelf) -> None:
    content = table(row("A-1"), row("A-2"))
    file = shelf.taken(content)

    again = shelf.bring(content, name="noch einmal.csv")
    other = shelf.checked(table(row("A-2"), row("A-1")), at=NOON + timedelta(hours=1))

    assert (again.was_known, again.file.pk) == (True, file.pk)
    assert (other.new, other.unchanged) == (0, 2)
    with pytest.raises(NothingToTake):
        approve_file(file_id=other.pk, reach=EVERYTHING, actor=shelf.actor, at=NOON)
    assert Order.objects.count() == 2


def test_a_later_file_changes_receiver_remark_and_payment_and_says_so_before(shelf: Shelf) -> None:
    shelf.taken(table(row("A-1", 付款时间=""), row("A-2"), heading=[*HEADING[:-2], "付款时间", "卖家备注"]))
    Order.objects.get(channel_order_no="A-1")

    file = shelf.taken(
        table(row("A-1", 详细地址="文三路91号", 卖家备注="换地址"), row("A-2")), at=NOON + timedelta(hours=1)
    )

    assert verdicts(file) == [(2, "A-1", "changed"), (3, "A-2", "unchanged")]
    order = Order.objects.get(channel_order_no="A-1")
    assert order.seller_remark == "换地址"
    assert order.channel_modified_at == NOON + timedelta(hours=1)


def test_an_order_that_came_unpaid_is_paid_by_a_later_file(shelf: Shelf) -> None:
    heading = [*HEADING, "状态", "支付单号", "支付方式"]
    shelf.taken(table([*row("A-1", 付款时间=""), "待付款", "", ""], heading=heading))
    assert Order.objects.get().state == "pending_payment"

    shelf.taken(
        table([*row("A-1"), "已付款", "2026113022001", "支付宝"], heading=heading), at=NOON + timedelta(hours=1)
    )

    assert Order.objects.get().state == "preprocessing"
    entry = PaymentEntry.objects.get()
    assert (entry.provider, entry.external_no, entry.amount) == ("alipay", "2026113022001", Decimal("10.00"))


def test_goods_of_a_known_order_and_news_older_than_ours_are_refused_and_change_nothing(shelf: Shelf) -> None:
    shelf.taken(table(row("A-1"), row("A-2")), at=NOON)

    file = shelf.checked(table(row("A-1", quantity=2), row("A-2", 卖家备注="spät")), at=NOON - timedelta(hours=1))

    assert [(p[0], p[2]) for p in problems(file)] == [(2, "lines_changed"), (3, "newer_known")]
    assert file.refused == 2
    assert OrderLine.objects.get(order__channel_order_no="A-1").ordered == 1


@pytest.mark.parametrize(
    ("cells", "column", "code"),
    [
        ({"订单号": "1.23457E+18"}, "order_no", "spoilt"),
        ({"收货人": ""}, "name", "empty"),
        ({"数量": "0"}, "quantity", "not_whole"),
        ({"数量": "1.5"}, "quantity", "not_whole"),
        ({"单价": "九块"}, "unit_price", "not_amount"),
        ({"单价": "9.999"}, "unit_price", "fen"),
        ({"单价": "-1"}, "unit_price", "not_amount"),
        ({"实付金额": "11.00"}, "total", "sum"),
        ({"付款时间": "昨天"}, "paid_at", "not_time"),
        ({"付款时间": "2027-11-30 10:00"}, "paid_at", "future"),
        ({"详细地址": "路\x07"}, "address", "control"),
        ({"手机": "1" * 40}, "phone", "too_long"),
    ],
)
def test_each_mistake_is_named_by_row_and_column(shelf: Shelf, cells: dict[str, Any], column: str, code: str) -> None:
    bad = row("A-1")
    for heading, value in cells.items():
        bad[HEADING.index(heading)] = value

    file = shelf.checked(table(bad))

    assert [(p[0], p[1], p[2]) for p in problems(file)] == [(2, column, code)]


def test_rows_of_one_order_that_contradict_each_other_are_refused_together(shelf: Shelf) -> None:
    file = shelf.checked(table(row("A-1"), row("A-2"), row("A-1", "PLATE", 收货人="李四")))

    assert verdicts(file) == [(2, "A-1", "refused"), (3, "A-2", "new")]
    assert problems(file) == [[4, "name", "differs", "李**", "2"]]


def test_refused_rows_come_back_in_their_columns_with_the_reason_and_are_taken_when_mended(shelf: Shelf) -> None:
    rows = [row("A-1"), row("A-2", quantity="x", 卖家备注="=1+1"), row("A-2", "PLATE", 卖家备注="=1+1")]
    file = shelf.taken(table(*rows))

    back = list(refused_rows(file))

    assert back[0] == [*HEADING, "reason"]
    assert [r[-1] for r in back[1:]] == ["数量: “x” is no whole number from 1 to 100,000", "see row 3"]
    written = b"".join(csv_bytes(back, encoding="utf-8-sig"))
    assert "'=1+1" in written.decode("utf-8-sig")
    mended = written.decode("utf-8-sig").replace(",x,", ",3,").encode()
    again = shelf.taken(mended, at=NOON + timedelta(minutes=5))
    assert (again.new, again.refused) == (1, 0)
    order = Order.objects.get(channel_order_no="A-2")
    assert order.seller_remark == "=1+1"
    assert [n.ordered for n in OrderLine.objects.filter(order=order).order_by("line_no")] == [3, 1]


@pytest.mark.parametrize(
    ("encoding", "sign", "seen"),
    [
        ("utf-8", ",", "utf-8"),
        ("utf-8-sig", ";", "utf-8"),
        ("gb18030", "\t", "gb18030"),
        ("utf-16", ",", "utf-16-le"),
        ("utf-16-be", "|", "utf-16-be"),
    ],
)
def test_encoding_and_delimiter_are_found_out_and_shown(shelf: Shelf, encoding: str, sign: str, seen: str) -> None:
    file = shelf.checked(table(row("A-1"), row("A-2"), encoding=encoding, sign=sign))

    assert (file.encoding, file.delimiter, file.new) == (seen, sign, 2)


def test_a_workbook_with_a_title_above_its_heading_is_read_alike(shelf: Shelf) -> None:
    content = xlsx_bytes([["十一月订单"], [], list(HEADING), row("A-1"), row("A-2")], title="订单")

    file = shelf.taken(content)

    assert (file.form, file.heading_row, file.new) == ("xlsx", 3, 2)
    assert Order.objects.count() == 2


def test_a_wrong_guess_is_put_right_by_a_person(shelf: Shelf) -> None:
    file = shelf.checked("号碼;收貨人\n1;臺北 王小明\n2;臺北 陳大文\n".replace("号", "").encode("big5"))
    assert (file.state, file.encoding) == ("read", "gb18030")

    read_differently(
        file_id=file.pk, encoding="big5", delimiter=";", heading=1, reach=EVERYTHING, actor=shelf.actor, at=NOON
    )
    work_on(file.pk)

    file = OrderFile.objects.get(pk=file.pk)
    assert (file.state, file.encoding, file.headings) == ("read", "big5", ["碼", "收貨人"])
    assert list(rows_of_file(file))[1] == (2, ["1", "臺北 王小明"])


def test_columns_matched_once_are_known_again_for_the_shop_and_for_no_other(shelf: Shelf) -> None:
    heading = ["Nr", "Ware", "Stück", "Preis", *HEADING[4:]]
    file = shelf.checked(table(row("A-1"), heading=heading))
    assert (file.state, sorted(set(file.columns) & {"order_no", "sku", "quantity"})) == ("read", [])
    said = {"order_no": "Nr", "sku": "Ware", "quantity": "Stück", "unit_price": "Preis"}
    with pytest.raises(OrderColumnsMissing) as missing:
        match_columns(
            file_id=file.pk,
            columns=said | {"sku": ""},
            unsaid_status="paid",
            reach=EVERYTHING,
            actor=shelf.actor,
            at=NOON,
        )
    assert missing.value.missing == ["sku"]

    match_columns(file_id=file.pk, columns=said, unsaid_status="paid", reach=EVERYTHING, actor=shelf.actor, at=NOON)
    work_on(file.pk)
    next_file = shelf.checked(table(row("A-2"), heading=heading))

    assert OrderFile.objects.get(pk=file.pk).new == 1
    assert (next_file.state, next_file.new) == ("checked", 1)
    assert OrderFileLayout.objects.get().shop == shelf.shop
    other = Shop.objects.create(channel=shelf.shop.channel, code="direct-2", name="二店")
    shelf.shop = other
    assert shelf.checked(table(row("A-2"), heading=heading)).state == "read"


def test_a_run_that_is_killed_goes_on_behind_what_it_had_written(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "CHUNK", 2)
    file = shelf.checked(table(*[row(f"A-{n}") for n in range(7)]))
    approve_file(file_id=file.pk, reach=EVERYTHING, actor=shelf.actor, at=NOON)
    whole, calls = running._take_together, []

    def dies_in_the_third(*args: Any) -> None:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        whole(*args)

    monkeypatch.setattr(running, "_take_together", dies_in_the_third)
    with pytest.raises(KeyboardInterrupt):
        work_on(file.pk)
    assert (Order.objects.count(), OrderFile.objects.get(pk=file.pk).progress) == (4, 4)
    monkeypatch.setattr(running, "_take_together", whole)

    assert waiting_files() == [file.pk]
    work_on(file.pk)

    done = OrderFile.objects.get(pk=file.pk)
    assert (done.state, done.progress, done.new) == ("done", 7, 7)
    assert Order.objects.count() == 7


def test_an_order_that_nobody_foresaw_is_refused_alone(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    file = shelf.checked(table(*[row(f"A-{n}") for n in range(5)]))
    approve_file(file_id=file.pk, reach=EVERYTHING, actor=shelf.actor, at=NOON)
    whole = running.orders.take_orders

    def stumbles(**given: Any) -> Any:
        if any(t.order.channel_order_no == "A-3" for t in given["taken"]):
            raise RuntimeError("nobody foresaw this")
        return whole(**given)

    monkeypatch.setattr(running.orders, "take_orders", stumbles)

    work_on(file.pk)

    done = OrderFile.objects.get(pk=file.pk)
    assert (done.state, done.new, done.refused, Order.objects.count()) == ("done", 4, 1, 4)
    assert problems(done) == [[5, "", "refused", "RuntimeError", ""]]


def test_what_the_sender_said_beforehand_is_done_without_another_word(shelf: Shelf) -> None:
    clean = shelf.checked(table(row("A-1")), on_checked=OnChecked.CLEAN)
    dirty = shelf.checked(table(row("A-2"), row("")), on_checked=OnChecked.CLEAN)
    whatever = shelf.checked(table(row("A-3"), row("", quantity=2)), on_checked=OnChecked.TAKE)

    assert [clean.state, dirty.state, whatever.state] == ["done", "checked", "done"]
    assert set(Order.objects.values_list("channel_order_no", flat=True)) == {"A-1", "A-3"}


def test_a_discarded_file_leaves_no_receiver_behind_and_may_come_again(shelf: Shelf) -> None:
    content = table(row("A-1"))
    file = shelf.checked(content)

    discard_file(file_id=file.pk, reach=EVERYTHING, actor=shelf.actor, at=NOON)

    assert not OrderFilePart.objects.exists()
    assert not shelf.bring(content).was_known
    with pytest.raises(TransitionRefused):
        approve_file(file_id=file.pk, reach=EVERYTHING, actor=shelf.actor, at=NOON)


def test_receivers_of_old_files_are_forgotten_and_the_outcome_stays(shelf: Shelf) -> None:
    file = shelf.taken(table(row("A-1")))

    assert forget_old_files(at=NOON + timedelta(days=29)) == 0
    assert forget_old_files(at=NOON + timedelta(days=31)) == 2

    assert verdicts(file) == [(2, "A-1", "new")]


def test_files_are_kept_sealed(shelf: Shelf) -> None:
    shelf.checked(table(row("A-1")))

    contents = [bytes(part.content) for part in OrderFilePart.objects.all()]

    assert len(contents) == 2
    assert not any("王小明".encode() in content or b"13800001234" in content for content in contents)


def test_shops_of_a_platform_and_of_others_take_no_files(shelf: Shelf) -> None:
    with pytest.raises(ShopUnknown):
        shop_for_files("direct-1", Scope(frozenset(), None))
    ChannelAccount.objects.create(shop=shelf.shop, adapter="file", base_url="", app_key="", secrets={})
    assert shop_for_files("direct-1", EVERYTHING) == shelf.shop
    ChannelAccount.objects.update(adapter="jd")
    with pytest.raises(ShopDrivenByPlatform):
        shop_for_files("direct-1", EVERYTHING)


def test_a_file_of_another_shop_does_not_exist_for_me(shelf: Shelf) -> None:
    file = shelf.checked(table(row("A-1")))

    with pytest.raises(OrderFileUnknown):
        approve_file(file_id=file.pk, reach=Scope(frozenset({0}), None), actor=shelf.actor, at=NOON)
    with pytest.raises(OrderFileEmpty):
        shelf.bring(b"")


@pytest.mark.django_db(transaction=True)
def test_two_processes_do_not_work_on_one_file(shelf: Shelf) -> None:
    file = shelf.bring(table(row("A-1"))).file
    answers: list[bool] = []

    def other() -> None:
        from django.db import connection

        answers.append(work_on(file.pk))
        connection.close()

    with alone_at("order_file", file.pk) as is_ours:
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()

    assert (is_ours, answers) == (True, [False])


@pytest.mark.parametrize(
    ("text", "column", "shown"),
    [
        ("王小明", "name", "王**"),
        ("13800001234", "phone", "1**"),
        ("13800001234", "quantity", "***1234"),
        ("2026113022001", "order_no", "2026113022001"),
        ("身份证33010619900101", None, "身份证…"),
        ("", "address", ""),
    ],
)
def test_nothing_of_a_receiver_is_shown_or_kept_with_a_mistake(text: str, column: str | None, shown: str) -> None:
    assert masked_cell(text, column) == shown
