"""TOP as its callers see it: envelopes, signatures, sessions, pages, fields, masks."""

from __future__ import annotations

import pytest

from channels_sync.adapters.tmall_mapping import read_trade
from channels_sync.sandbox.people import BLACKLIST


@pytest.mark.parametrize("sign_method", ["md5", "hmac", "hmac-sha256"])
def test_every_signature_method_is_taken(stage, sign_method):
    tid = stage.control.create_trade()

    answer = stage.top("trade.fullinfo.get", sign_method=sign_method, tid=tid, fields="tid,status")

    assert answer["trade_fullinfo_get_response"]["trade"] == {"tid": int(tid), "status": "WAIT_SELLER_SEND_GOODS"}
    assert answer["trade_fullinfo_get_response"]["request_id"]


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"sign": "0" * 64}, {"code": 25, "msg": "Invalid Signature"}),
        ({"method": "taobao.trade.rate.list"}, {"code": 22, "msg": "Invalid Method"}),
        ({"method": ""}, {"code": 21, "msg": "Missing Method"}),
        ({"app_key": "29999999"}, {"code": 29, "msg": "Invalid App Key"}),
        ({"app_key": ""}, {"code": 28, "msg": "Missing App Key"}),
        ({"session": ""}, {"code": 26, "msg": "Missing Session"}),
        (
            {"session": "6101old"},
            {"code": 27, "msg": "Invalid session", "sub_code": "invalid-sessionkey", "sub_msg": "SessionKey非法"},
        ),
        ({"timestamp": ""}, {"code": 30, "msg": "Missing Timestamp"}),
        ({"timestamp": "yesterday"}, {"code": 31, "msg": "Invalid Timestamp"}),
        ({"timestamp": "2026-11-11 11:49:59"}, {"code": 31, "msg": "Invalid Timestamp"}),
        ({"timestamp": "2026-11-11 12:10:01"}, {"code": 31, "msg": "Invalid Timestamp"}),
        ({"format": "xml"}, {"code": 23, "msg": "Invalid Format"}),
        ({"v": ""}, {"code": 32, "msg": "Missing Version"}),
        ({"v": "1.0"}, {"code": 33, "msg": "Invalid Version"}),
        ({"fields": ""}, {"code": 40, "msg": "Missing Required Arguments:fields"}),
        ({"tid": "abc"}, {"code": 41, "msg": "Invalid Arguments:tid"}),
        (
            {"tid": "17"},
            {"code": 15, "msg": "Remote service error", "sub_code": "isv.trade-not-exist", "sub_msg": "交易订单不存在"},
        ),
    ],
)
def test_refusals_come_in_the_platforms_envelope_with_http_200(stage, changes, error):
    tid = stage.control.create_trade()
    params = {"tid": tid, "fields": "tid", **changes}

    assert stage.problem("trade.fullinfo.get", **params) == error


def test_a_missing_signature_has_its_own_code(stage):
    form = {"method": "taobao.trade.fullinfo.get", "app_key": stage.credentials.top_app_key}

    answer = stage.http.post("/router/rest", data=form).json()

    assert answer["error_response"]["code"] == 24


def test_a_timestamp_up_to_ten_minutes_off_is_taken(stage):
    tid = stage.control.create_trade()

    for offset_s in (-600, 600):
        answer = stage.top("trade.fullinfo.get", tid=tid, fields="tid", timestamp=stage.clock.text(offset_s))
        assert "error_response" not in answer


def test_a_trade_comes_with_the_named_fields_only_and_masked(stage):
    buyer = {
        "name": "王小雨",
        "mobile": "13800001234",
        "state": "浙江省",
        "city": "杭州市",
        "district": "西湖区",
        "address": "文三路90号1幢301室",
        "open_uid": "AAHtest",
    }
    tid = stage.control.create_trade(
        buyer=buyer, lines=[{"sku": "SKU-1001", "num": 2}, {"sku": "BDL-2002"}], buyer_message="周末送"
    )

    trade = stage.trade(tid)

    assert trade["receiver_name"] == "王**"
    assert trade["receiver_mobile"] == "*******1234"
    assert trade["receiver_address"] == "文三路***"
    assert trade["buyer_nick"] == "王**"
    assert trade["buyer_open_uid"] == "AAHtest"
    assert trade["oaid"].startswith("1")  # comes with receiver fields although not named
    assert trade["buyer_message"] == "周末送"
    assert trade["has_buyer_message"] is True
    assert trade["payment"] == "314.99"  # 2 x 98.80 and a bundle at 117.39
    assert trade["pay_time"] == "2026-11-11 12:00:00"
    assert trade["alipay_no"].startswith("20261111")
    assert len(trade["alipay_no"]) == 28
    assert [line["outer_sku_id"] for line in trade["orders"]["order"]] == ["SKU-1001", "BDL-2002"]
    assert trade["orders"]["order"][0]["divide_order_fee"] == "197.60"
    assert "seller_memo" not in trade  # empty: left out
    assert "receiver_zip" not in trade  # not named
    assert set(stage.trade(tid, "tid,orders.oid,orders.num")["orders"]["order"][0]) == {"oid", "num"}


def test_the_same_buyer_at_the_same_address_has_the_same_opaque_id(stage):
    someone = {"name": "李芳", "mobile": "13900005678", "address": "解放路1号", "open_uid": "AAHx", "town": ""}
    place = {"state": "江苏省", "city": "苏州市", "district": "吴中区"}
    first = stage.control.create_trade(buyer={**someone, **place})
    again = stage.control.create_trade(buyer={**someone, **place})
    moved = stage.control.create_trade(buyer={**someone, **place, "address": "解放路2号"})

    oaids = [stage.trade(tid)["oaid"] for tid in (first, again, moved)]

    assert oaids[0] == oaids[1] != oaids[2]


def test_a_blacklisted_buyer_is_recognisable_although_masked(stage):
    known = BLACKLIST[4]
    buyer = {
        name: getattr(known, name)
        for name in ("open_uid", "name", "mobile", "state", "city", "district", "town", "address")
    }

    trade = stage.trade(stage.control.create_trade(buyer=buyer))

    assert trade["oaid"] == known.oaid
    assert trade["buyer_open_uid"] == known.open_uid


def test_older_applications_get_receivers_in_the_clear(stage):
    tid = stage.control.create_trade(buyer={"name": "王小雨", "mobile": "13800001234", "address": "文三路90号"})
    stage.control.switches(clear_receivers=True)

    trade = stage.trade(tid)

    assert (trade["receiver_name"], trade["receiver_mobile"], trade["receiver_address"]) == (
        "王小雨",
        "13800001234",
        "文三路90号",
    )


def test_lists_are_wrapped_twice_and_an_empty_list_is_absent(stage):
    window = {"start_modified": stage.clock.text(-600), "end_modified": stage.clock.text()}
    empty = stage.ask("trades.sold.increment.get", fields="tid", **window)
    tid = stage.control.create_trade(buyer_message="轻放")

    found = stage.ask("trades.sold.increment.get", fields="tid,buyer_message,has_buyer_message", **window)

    assert "trades" not in empty
    assert empty["total_results"] == 0
    # The list does not carry texts; it only says that there are some.
    assert found["trades"]["trade"] == [{"tid": int(tid), "has_buyer_message": True}]
    assert found["total_results"] == 1


def test_pages_of_changes_are_by_modification_time_and_complete(stage):
    tids = []
    for _no in range(25):
        tids.append(stage.control.create_trade())
        stage.clock.now_ms += 1000
    # The third trade changes again: it moves to the end.
    stage.control.change_memo(tids[2], "换货", flag=1)
    window = {"start_modified": stage.clock.text(-600), "end_modified": stage.clock.text(1), "fields": "tid"}

    pages = [
        stage.ask("trades.sold.increment.get", page_no=str(no), page_size="10", **window)["trades"]["trade"]
        for no in (1, 2, 3)
    ]

    expected = [*tids[:2], *tids[3:], tids[2]]
    assert [str(trade["tid"]) for page in pages for trade in page] == expected
    last = stage.ask("trades.sold.increment.get", page_no="3", page_size="10", use_has_next="true", **window)
    assert last["has_next"] is False
    assert "total_results" not in last
    first = stage.ask("trades.sold.increment.get", page_no="1", page_size="10", use_has_next="true", **window)
    assert first["has_next"] is True


def test_pages_cut_through_a_second_in_which_many_changed(stage):
    tids = stage.control.create_trades(count=25)
    window = {"start_modified": stage.clock.text(-1), "end_modified": stage.clock.text(), "fields": "tid"}

    seen = []
    for page_no in range(1, 8):
        page = stage.ask("trades.sold.increment.get", page_no=str(page_no), page_size="4", **window)
        seen += [str(trade["tid"]) for trade in page["trades"]["trade"]]

    assert seen == tids


@pytest.mark.parametrize(
    "changes",
    [
        {"end_modified": "2026-11-12 12:00:01"},
        {"end_modified": "2026-11-11 11:00:00"},
        {"page_size": "101"},
        {"page_no": "0"},
        {"start_modified": "2026-11-11"},
    ],
)
def test_a_window_beyond_a_day_and_pages_that_cannot_be_are_refused(stage, changes):
    params = {"start_modified": "2026-11-11 12:00:00", "end_modified": "2026-11-12 12:00:00", "fields": "tid"}

    assert stage.problem("trades.sold.increment.get", **{**params, **changes})["code"] == 41
    assert "error_response" not in stage.top("trades.sold.increment.get", **params)


def test_the_sold_list_is_by_creation_newest_first_and_filters_by_status(stage):
    paid = stage.control.create_trade()
    stage.clock.now_ms += 2000
    unpaid = stage.control.create_trade(paid=False)

    everything = stage.ask("trades.sold.get", fields="tid,status")["trades"]["trade"]
    waiting = stage.ask("trades.sold.get", fields="tid", status="WAIT_BUYER_PAY")["trades"]["trade"]

    assert [trade["tid"] for trade in everything] == [int(unpaid), int(paid)]
    assert waiting == [{"tid": int(unpaid)}]


def test_every_played_trade_is_readable_by_our_own_adapter_and_adds_up(stage):
    scenario_id = stage.control.start_scenario(seed=2, orders=150)
    stage.pass_time(10)

    for tid in stage.control.receipts(scenario_id):
        order = read_trade(stage.trade(tid))
        assert order.status == "paid"
        assert sum(line.paid_share for line in order.lines) + order.freight == order.total_amount
        assert order.goods_total - order.discount_total + order.freight == order.total_amount
        assert order.payment is not None
        assert order.payment.merchant_no == f"T200P{tid}"


def test_a_single_lines_payment_includes_the_freight(stage):
    tid = stage.control.create_trade(lines=[{"sku": "SKU-1004"}], post_fee="8.00")

    trade = stage.trade(tid)

    (line,) = trade["orders"]["order"]
    assert (trade["post_fee"], trade["payment"], line["payment"]) == ("8.00", "67.80", "67.80")
    assert line["divide_order_fee"] == "59.80"
    assert str(line["oid"]) == tid


def test_the_courier_companies_are_listed_with_the_named_fields(stage):
    answer = stage.ask("logistics.companies.get", fields="code,name")

    assert {"code": "SF", "name": "顺丰速运"} in answer["logistics_companies"]["logistics_company"]


def test_stock_is_set_changed_and_never_negative(stage):
    full = stage.ask("skus.quantity.update", num_iid="680000000001", skuid_quantities="5100000001:7;5100000002:0")
    more = stage.ask("skus.quantity.update", num_iid="680000000001", skuid_quantities="5100000001:-9", type="2")
    by_code = stage.ask("skus.quantity.update", num_iid="680000000001", outerid_quantities="SKU-1003:4")

    assert [(sku["sku_id"], sku["quantity"]) for sku in full["item"]["skus"]["sku"]] == [
        (5100000001, 7),
        (5100000002, 0),
    ]
    assert more["item"]["skus"]["sku"][0]["quantity"] == 0  # a delta below zero stops at zero
    assert by_code["item"]["skus"]["sku"][0] == {
        "sku_id": 5100000003,
        "quantity": 4,
        "modified": "2026-11-11 12:00:00",
    }
    refused = stage.problem("skus.quantity.update", num_iid="680000000001", skuid_quantities="5100000001:-1")
    assert (refused["code"], refused["sub_code"]) == (41, "isv.invalid-parameter")
    unknown = stage.problem("skus.quantity.update", num_iid="680000000001", skuid_quantities="1:1")
    assert unknown["sub_code"] == "isv.item-quantity-update-service-error:ITEM_NOT_FOUND"


def test_the_stock_of_one_item_refuses_a_delta_below_zero(stage):
    stage.ask("item.quantity.update", num_iid="680000000001", sku_id="5100000001", quantity="3")

    refused = stage.problem(
        "item.quantity.update", num_iid="680000000001", sku_id="5100000001", quantity="-4", type="2"
    )
    taken = stage.ask("item.quantity.update", num_iid="680000000001", outer_id="SKU-1001", quantity="-2", type="2")

    assert refused["sub_code"] == "isv.item-quantity-update-service-error:NEGATIVE_QUANTITY"
    assert taken["item"]["num"] == 1
