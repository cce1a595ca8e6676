import gc
import io
import zipfile
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from finance.statements import alipay_bill
from finance.statements.alipay_bill import read_trade_bill, read_trade_text
from finance.statements.errors import StatementUnreadable

SAMPLES = Path(__file__).parents[1] / "data" / "protocols" / "samples"
ARCHIVE = (SAMPLES / "alipay_trade.csv.zip").read_bytes()
TEXT = (SAMPLES / "alipay_trade_detail_gbk.csv").read_bytes().decode("gbk")
DAY = date(2026, 11, 11)


def changed(*replacements):
    text = TEXT
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new)
    return text.encode("gbk")


def zipped(members, **options):
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data, **options)
    return target.getvalue()


def refusal(data, **options):
    with pytest.raises(StatementUnreadable) as refused:
        read_trade_bill(data, **options) if data[:2] == b"PK" or options else read_trade_text(data)
    return refused.value


def test_the_bill_of_a_day_is_read_from_its_archive():
    bill = read_trade_bill(ARCHIVE, day=DAY)

    assert (bill.account, bill.day) == ("20880000000000000156", DAY)
    assert (bill.payment_count, bill.payment_total) == (2, Decimal("355.20"))
    assert (bill.refund_count, bill.refund_total) == (1, Decimal("-59.20"))
    first, _second, refund = bill.rows
    assert first[:7] == (
        "2026111122001400000500000001",
        "PAY202611110002",
        "payment",
        datetime(2026, 11, 10, 16, 4, 58, tzinfo=UTC),
        Decimal("236.80"),
        Decimal("-1.42"),
        "",
    )
    assert (first.line_no, refund.line_no) == (6, 8)
    assert (refund.kind, refund.refund_request_no) == ("refund", "RF202611120002")
    assert (refund.amount, refund.fee) == (Decimal("-59.20"), Decimal("0.36"))
    assert refund.raw == TEXT.split("\r\n")[7]


@pytest.mark.parametrize(("payment_fee", "refund_fee"), [("-1.42", "0.36"), ("1.42", "-0.36"), ("1.42", "0.36")])
def test_the_direction_of_a_fee_comes_from_the_kind_of_the_row(payment_fee, refund_fee):
    data = changed(("\t,-1.42,", f"\t,{payment_fee},"), ("\t,0.36,", f"\t,{refund_fee},"))

    fees = [row.fee for row in read_trade_text(data).rows]

    assert fees == [Decimal("-1.42"), Decimal("-0.71"), Decimal("0.36")]


def test_half_width_brackets_line_feeds_and_an_unknown_order_of_columns_are_read():
    lines = TEXT.replace("（", "(").replace("）", ")").split("\r\n")
    for at in (4, 5, 6, 7):
        lines[at] = ",".join(reversed(lines[at].split(",")))

    bill = read_trade_text("\n".join(lines).encode("gbk"))

    assert [row.amount for row in bill.rows] == [Decimal("236.80"), Decimal("118.40"), Decimal("-59.20")]


def test_a_goods_name_with_commas_is_read_quoted_or_not():
    plain = changed(("亚麻靠垫", "亚麻靠垫,45cm,燕麦色"))
    quoted = changed(("亚麻靠垫", '"亚麻靠垫,45cm\n""燕麦色"""'))

    for data in (plain, quoted):
        bill = read_trade_text(data)
        assert [row.amount for row in bill.rows] == [Decimal("236.80"), Decimal("118.40"), Decimal("-59.20")]
        assert "45cm" in bill.rows[1].raw

    assert [row.line_no for row in read_trade_text(quoted).rows] == [6, 7, 9]


def test_a_day_without_rows_is_a_bill_too():
    lines = TEXT.split("\r\n")
    empty = [
        *lines[:5],
        lines[8],
        "#交易合计：0笔，商家实收共0.00元，商家优惠共0.00元",
        "#退款合计：0笔，商家实收退款共0元",
    ]

    bill = read_trade_text("\r\n".join(empty).encode("gbk"))

    assert (bill.rows, bill.payment_total, bill.refund_total) == ([], Decimal(0), Decimal(0))


def test_members_are_chosen_by_their_first_line_and_put_together():
    part = changed()
    archive = zipped({"b.csv": part, "a.txt": "#支付宝业务汇总查询\r\n".encode("gbk"), "c.csv": part})

    bill = read_trade_bill(archive)

    assert (len(bill.rows), bill.payment_total, bill.refund_count) == (6, Decimal("710.40"), 2)


BROKEN_ROWS = [
    ((("236.80,236.80,", "236.80,23x.80,"),), 6, "商家实收(元)", "ill_typed"),
    ((("236.80,236.80,", "236.80,,"),), 6, "商家实收(元)", "missing"),
    ((("236.80,236.80,", "236.80,1e3,"),), 6, "商家实收(元)", "ill_typed"),
    ((("236.80,236.80,", "236.80,-236.80,"),), 6, "商家实收(元)", "sign"),
    ((("-59.20,-59.20,", "-59.20,59.20,"),), 8, "商家实收(元)", "sign"),
    ((("\t,-0.71,", "\t,free,"),), 7, "服务费(元)", "ill_typed"),
    ((("2026-11-11 11:00:09", "2026-11-31 11:00:09"),), 7, "完成时间", "ill_typed"),
    ((("2026-11-11 11:00:09", ""),), 7, "完成时间", "missing"),
    ((("退款\t", "转账\t"),), 8, "业务类型", "unknown_value"),
    ((("2026111122001400000500000002\t", "\t"),), 7, "支付宝交易号", "missing"),
    (((",亚麻靠垫,", ","),), 7, "", "columns"),
    (((",亚麻靠垫,2026-11-11 11:00:00,", ",亚麻靠垫,x,y,z,"),), 7, "", "columns"),
    (((",亚麻靠垫,", ',"亚麻靠垫,'),), 7, "", "columns"),
    ((("服务费（元）", "手续费（元）"),), 5, "服务费(元)", "header"),
    ((("商品名称", "服务费（元）"),), 5, "服务费(元)", "header"),
    ((("#账号", "#帐户"),), 4, "账号", "missing"),
    ((("2026年11月11日", "2026年11月31日"),), 3, "起始日期", "ill_typed"),
    ((("#起始日期", "#日期"),), 4, "起始日期", "missing"),
    ((("交易合计：2笔", "交易合计：3笔"),), 10, "交易合计", "totals_differ"),
    ((("商家实收共355.20元", "商家实收共355.21元"),), 10, "交易合计", "totals_differ"),
    ((("退款共-59.20元", "退款共0.00元"),), 11, "退款合计", "totals_differ"),
    ((("#退款合计", "#合计"),), 13, "退款合计", "truncated"),
]


@pytest.mark.parametrize(("replacements", "row", "column", "reason"), BROKEN_ROWS)
def test_what_is_wrong_with_a_bill_is_named_by_row_and_column(replacements, row, column, reason):
    error = refusal(changed(*replacements))

    assert (error.row, error.column, error.reason) == (row, column, reason)


def test_a_lost_row_shows_in_the_sums():
    lines = TEXT.split("\r\n")
    del lines[6]

    error = refusal("\r\n".join(lines).encode("gbk"))

    assert (error.reason, error.detail) == ("totals_differ", "stated 2 and 355.20, rows give 1 and 236.80")


@pytest.mark.parametrize("length", [0, 5, 60, 200, 700, 1200])
def test_a_bill_cut_off_anywhere_is_refused(length):
    assert refusal(TEXT.encode("gbk")[:length]).reason in ("truncated", "encoding", "no_bill", "columns", "missing")


def test_a_broken_character_is_named_by_its_row():
    data = changed().replace("亚麻".encode("gbk"), b"\xd1\xff\xff")

    error = refusal(data)

    assert (error.row, error.reason) == (7, "encoding")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_bill_in_another_encoding_is_refused_not_guessed(encoding):
    data = TEXT.encode(encoding)

    assert (refusal(data).row, refusal(data).reason) == (1, "encoding")
    assert refusal(zipped({"bill.csv": data})).reason == "encoding"


def test_a_bill_of_another_day_or_of_mixed_days_is_refused():
    assert refusal(ARCHIVE, day=date(2026, 11, 12)).reason == "other_day"
    other = changed(("起始日期：[2026年11月11日", "起始日期：[2026年11月10日"))
    assert refusal(zipped({"a.csv": changed(), "b.csv": other})).reason == "other_day"


@pytest.mark.parametrize("cut", [10, 500, 900, len(ARCHIVE) - 1])
def test_a_truncated_archive_is_refused(cut):
    assert refusal(ARCHIVE[:cut], day=DAY).reason == "broken_archive"


def test_a_damaged_archive_is_refused():
    data = bytearray(ARCHIVE)
    data[400] ^= 0xFF

    assert refusal(bytes(data)).reason == "broken_archive"
    assert refusal(b"<html>expired</html>", day=DAY).reason == "broken_archive"


def test_an_archive_without_a_trade_bill_is_refused():
    assert refusal(zipped({"a.csv": "#支付宝账务明细查询\r\n".encode("gbk"), "dir/": b""})).reason == "no_bill"
    assert refusal(zipped({})).reason == "no_bill"


def test_a_bomb_is_refused_by_what_it_declares_and_by_what_it_holds(monkeypatch):
    monkeypatch.setattr(alipay_bill, "MAX_UNPACKED_BYTES", 10_000)
    assert refusal(zipped({"a.csv": b"0" * 10_001})).reason == "too_large"
    assert refusal(zipped({f"{at}.csv": b"0" * 4_000 for at in range(3)})).reason == "too_large"

    lying = bytearray(zipped({"a.csv": b"0" * 50_000}))
    directory = lying.rindex(b"PK\x01\x02")
    lying[directory + 24 : directory + 28] = (5).to_bytes(4, "little")
    assert refusal(bytes(lying)).reason in ("too_large", "broken_archive")


def test_too_many_members_and_too_large_an_archive_are_refused(monkeypatch):
    assert refusal(zipped({f"{at}.csv": b"" for at in range(33)})).reason == "too_large"

    monkeypatch.setattr(alipay_bill, "MAX_ARCHIVE_BYTES", 1_000)
    assert refusal(ARCHIVE).reason == "too_large"


def test_the_error_names_the_place_and_never_the_value():
    error = refusal(changed(("236.80,236.80,", "236.80,王小雨,")))

    assert "王小雨" not in f"{error} {error.evidence()}"
    assert str(error) == "row 6, 商家实收(元): ill_typed"


def test_the_garbage_collector_works_again_after_a_bill_and_after_a_broken_one():
    read_trade_text(changed())
    assert gc.isenabled()
    refusal(changed(("236.80,236.80,", "236.80,x,")))
    assert gc.isenabled()
