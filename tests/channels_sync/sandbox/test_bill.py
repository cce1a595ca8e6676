"""The payment provider's bill: its form to the byte where known, its sums, and the differences planted in it."""

from __future__ import annotations

import io
import zipfile
from collections import Counter

import pytest

from channels_sync.sandbox.bill import HEADER, SUMMARY_HEADER
from channels_sync.sandbox.control import SandboxRefused
from channels_sync.sandbox.shop import fee_fen
from ordercenter.common.signing import alipay_response_is_valid, alipay_response_parts

DAY = "2026-11-11"


def members(archive: bytes) -> list[tuple[str, str]]:
    """(name, text) of the members in their order; names are raw GBK without the UTF-8 flag."""
    found = []
    with zipfile.ZipFile(io.BytesIO(archive)) as file:
        assert file.testzip() is None
        for entry in file.infolist():
            assert not entry.flag_bits & 0x800
            found.append((entry.filename.encode("cp437").decode("gbk"), file.read(entry).decode("gbk")))
    return found


def rows(archive: bytes) -> list[dict[str, str]]:
    text = members(archive)[1][1]
    lines = [line for line in text.split("\r\n") if line and not line.startswith("#")]
    assert lines[0] == HEADER
    return [dict(zip(HEADER.split(","), line.split(","), strict=True)) for line in lines[1:]]


def amounts(archive: bytes) -> dict[str, tuple[str, str]]:
    """Transaction number -> (amount, fee) of the payments."""
    found = {}
    for row in rows(archive):
        if row["业务类型"] == "交易\t":
            found[row["支付宝交易号"].strip()] = (row["商家实收（元）"], row["服务费（元）"])
    return found


def test_the_bill_has_the_known_form(stage, credentials):
    tid = stage.control.create_trade(
        lines=[{"sku": "SKU-1001"}, {"sku": "SKU-1004"}], buyer={"name": "王小雨", "mobile": "13800001234"}
    )
    stage.clock.now_ms += 60_000
    first = stage.trade(tid)["orders"]["order"][0]["oid"]
    refund_id = stage.control.ask_refund(tid, oid=first)
    stage.control.decide_refund(refund_id, "agree")

    (summary_name, summary), (detail_name, detail) = members(stage.bill(DAY))

    account = f"{credentials.alipay_seller_id}0156"
    assert summary_name == f"{account}_20261111_业务明细(汇总).csv"
    assert detail_name == f"{account}_20261111_业务明细.csv"
    number = stage.trade(tid)["alipay_no"]
    money = "0.00,0.00,0.00,0.00,0.00,,0.00\t,0.00"
    buyer = "王**(138****1234)\t"
    assert detail.split("\r\n") == [
        "#支付宝业务明细查询",
        f"#账号：[{account}]",
        "#起始日期：[2026年11月11日 00:00:00]   终止日期：[2026年11月12日 00:00:00]",
        "#-----------------------------------------业务明细列表----------------------------------------",
        HEADER,
        f"{number}\t,T200P{tid}\t,交易\t,亚麻靠垫 燕麦色 45cm,2026-11-11 12:00:00,2026-11-11 12:00:00,"
        f"\t,\t,\t,\t,{buyer},"
        f"158.60,158.60,{money},\t,-0.95,0.00,",
        f"{number}\t,T200P{tid}\t,退款\t,亚麻靠垫 燕麦色 45cm,2026-11-11 12:01:00,2026-11-11 12:01:00,"
        f"\t,\t,\t,\t,{buyer},"
        f"-98.80,-98.80,{money},{refund_id}\t,0.59,0.00,",
        "#-----------------------------------------业务明细列表结束------------------------------------",
        "#交易合计：1笔，商家实收共158.60元，商家优惠共0.00元",
        "#退款合计：1笔，商家实收退款共-98.80元，商家优惠退款共0.00元",
        "#导出时间：[2026年11月11日 12:01:00]",
        "",
    ]
    assert summary.split("\r\n")[4:6] == [
        SUMMARY_HEADER,
        "合计,\t,1,1,59.80,59.80,0.00,0.00,0.00,-0.36,0.00,59.44",
    ]


@pytest.mark.parametrize(("amount", "fee"), [(0, 0), (83, 0), (84, 1), (23_680, 142), (5_920, 36), (100_000, 600)])
def test_the_fee_is_six_per_mille_half_up(amount, fee):
    assert fee_fen(amount) == fee


def test_the_answer_is_signed_over_its_raw_text(stage, credentials):
    stage.control.create_trade()

    answer = stage.bill_address(DAY)

    parts = alipay_response_parts(answer["raw"])
    content, raw = parts["alipay_data_dataservice_bill_downloadurl_query_response"]
    assert content["code"] == "10000"
    assert content["bill_download_url"].startswith("http://localhost/bill/2026-11-11-")
    assert alipay_response_is_valid(raw, sign=parts["sign"][0], public_key=credentials.alipay_public_key)


def test_a_download_address_lives_thirty_seconds(stage):
    stage.control.create_trade()
    root = "alipay_data_dataservice_bill_downloadurl_query_response"
    address = stage.bill_address(DAY)[root]["bill_download_url"]

    stage.clock.now_ms += 30_000
    assert stage.http.get(address).status_code == 200
    stage.clock.now_ms += 1_000
    assert stage.http.get(address).status_code == 403
    assert stage.http.get(address.replace("2026-11-11", "2026-11-10")).status_code == 403
    assert stage.http.get("/bill/anything.zip").status_code == 403


@pytest.mark.parametrize(
    ("changes", "sub_code"),
    [
        ({"sign": "AAAA"}, "isv.invalid-signature"),
        ({"app_id": "2021999999999999"}, "isv.invalid-app-id"),
        ({"sign_type": "RSA"}, "isv.invalid-signature-type"),
        ({"timestamp": "2026-11-11 11:00:00"}, "isv.invalid-timestamp"),
        ({"method": "alipay.trade.query"}, "isv.invalid-method"),
    ],
)
def test_calls_that_are_not_properly_ours_are_refused(stage, changes, sub_code):
    stage.control.create_trade()

    error = stage.bill_address(DAY, **changes)["error_response"]

    assert (error["code"], error["sub_code"]) == ("40002", sub_code)


@pytest.mark.parametrize(
    ("content", "sub_code"),
    [
        ('{"bill_type":"trade","bill_date":"2026-11-10"}', "BILL_NOT_EXIST"),
        ('{"bill_type":"signcustomer","bill_date":"2026-11-11"}', "INVAILID_ARGUMENTS"),
        ('{"bill_type":"trade","bill_date":"11/11"}', "INVAILID_ARGUMENTS"),
        ("nothing", "INVAILID_ARGUMENTS"),
    ],
)
def test_bills_that_do_not_exist_are_a_business_failure(stage, content, sub_code):
    stage.control.create_trade()

    answer = stage.bill_address(DAY, biz_content=content)

    failure = answer["alipay_data_dataservice_bill_downloadurl_query_response"]
    assert (failure["code"], failure["sub_code"]) == ("40004", sub_code)


def test_like_the_real_provider_a_bill_may_be_made_only_the_next_day(stage):
    stage.control.create_trade()
    stage.control.switches(bill_same_day=False)
    root = "alipay_data_dataservice_bill_downloadurl_query_response"

    assert stage.bill_address(DAY)[root]["sub_code"] == "BILL_NOT_EXIST"
    stage.clock.now_ms += 24 * 3600 * 1000
    assert stage.bill_address(DAY)[root]["code"] == "10000"
    assert len(rows(stage.bill(DAY))) == 1


def test_planted_differences_are_in_the_bill_and_nothing_else_is_wrong(stage):
    stage.control.create_trades(count=20)
    true = amounts(stage.bill(DAY))

    planted = stage.control.plant_bill(missing=2, extra=1, amount_off=3, fee_off=4, seed=5)

    shown = amounts(stage.bill(DAY))
    assert Counter(lie["kind"] for lie in planted) == {
        "MISSING_ROW": 2,
        "EXTRA_ROW": 1,
        "AMOUNT_OFF": 3,
        "FEE_OFF": 4,
    }
    expected = dict(true)
    for lie in planted:
        number = lie["alipay_no"]
        amount, fee = true.get(number, ("", ""))
        if lie["kind"] == "MISSING_ROW":
            del expected[number]
        elif lie["kind"] == "AMOUNT_OFF":
            assert (lie["true"], lie["shown"] != amount) == (amount, True)
            expected[number] = (lie["shown"], fee)
        elif lie["kind"] == "FEE_OFF":
            assert f"-{lie['true']}" == fee
            expected[number] = (amount, f"-{lie['shown']}")
        else:
            fen = int(lie["shown"].replace(".", ""))
            expected[number] = (lie["shown"], f"-0.{fee_fen(fen):02d}" if fee_fen(fen) < 100 else shown[number][1])
    assert shown == expected
    assert stage.control.bill(DAY)["differences"] == planted


def test_differences_are_never_planted_twice_on_one_payment(stage):
    stage.control.create_trades(count=4)
    first = stage.control.plant_bill(missing=2, seed=1)
    second = stage.control.plant_bill(amount_off=2, seed=1)

    assert len({lie["alipay_no"] for lie in first + second}) == 4
    with pytest.raises(SandboxRefused, match="1 differences need"):
        stage.control.plant_bill(fee_off=1)


def test_a_truncated_bill_is_no_zip(stage):
    stage.control.create_trades(count=5)
    stage.control.switches(bill_truncated=True)

    archive = stage.bill(DAY)

    with pytest.raises(zipfile.BadZipFile):
        zipfile.ZipFile(io.BytesIO(archive))


def test_a_bill_in_the_wrong_encoding_is_not_gbk(stage):
    stage.control.create_trades(count=5)
    stage.control.switches(bill_wrong_encoding=True)

    with zipfile.ZipFile(io.BytesIO(stage.bill(DAY))) as file:
        content = file.read(file.infolist()[1])

    assert content.decode("utf-8").startswith("#支付宝业务明细查询")
    assert "支付宝".encode("gbk") not in content


def test_a_broken_row_stands_among_whole_ones(stage):
    stage.control.create_trades(count=5)
    stage.control.switches(bill_broken_row=True)

    detail = members(stage.bill(DAY))[1][1]

    lines = [line for line in detail.split("\r\n") if line and not line.startswith("#")][1:]
    assert [len(line.split(",")) for line in lines] == [25, 25, 12, 25, 25]


def test_the_download_may_fail_and_the_bill_may_not_be_ready(stage):
    stage.control.create_trade()
    root = "alipay_data_dataservice_bill_downloadurl_query_response"
    stage.control.switches(bill_not_ready=True)
    assert stage.bill_address(DAY)[root]["sub_code"] == "BILL_NOT_EXIST"

    stage.control.switches(bill_not_ready=False, bill_http_500=True)
    address = stage.bill_address(DAY)[root]["bill_download_url"]
    assert stage.http.get(address).status_code == 500
