import json
from decimal import Decimal
from pathlib import Path

import pytest

from channels_sync.adapters import jd_mapping as mapping
from channels_sync.errors import MessageUnreadable
from ordercenter.common.gmt8 import parse_gmt8
from ordercenter.orders.intake_types import IncomingPayment

SAMPLES = Path(__file__).parents[1] / "data" / "protocols" / "samples"
ORDER_NO = "290000000001"


@pytest.fixture
def order():
    document = json.loads((SAMPLES / "jd_pop_order_search.json").read_text(encoding="utf-8"))
    return document["jingdong_pop_order_search_responce"]["searchorderinfo_result"]["orderInfoList"][0]


def test_a_paid_order_is_read_whole(order):
    read = mapping.read_order(order)

    assert (read.channel_order_no, read.status, read.held, read.raw_status) == (
        ORDER_NO,
        "paid",
        False,
        "WAIT_SELLER_STOCK_OUT",
    )
    assert (read.created_at, read.paid_at, read.modified_at) == (
        parse_gmt8("2026-11-11 00:01:05"),
        parse_gmt8("2026-11-11 00:01:42"),
        parse_gmt8("2026-11-11 00:01:43"),
    )
    assert (read.goods_total, read.discount_total, read.freight, read.total_amount) == (
        Decimal("256.80"),
        Decimal("20.00"),
        Decimal("0.00"),
        Decimal("236.80"),
    )
    assert (read.buyer_id, read.buyer_nick, read.buyer_remark) == ("", "jd_***", "周末送")
    assert read.payment == IncomingPayment(
        ORDER_NO, Decimal("236.80"), parse_gmt8("2026-11-11 00:01:42"), "jd", ORDER_NO
    )


def test_a_discount_by_sku_is_borne_by_its_line(order):
    first, second = mapping.read_order(order).lines

    assert (first.channel_line_no, first.listing_id, first.listing_sku_id, first.outer_sku) == (
        "100000000001",
        "10000000001",
        "100000000001",
        "SKU-1001",
    )
    assert (first.title, first.quantity, first.unit_price, first.discount, first.paid_share) == (
        "亚麻靠垫",
        2,
        Decimal("98.80"),
        Decimal("20.00"),
        Decimal("177.60"),
    )
    assert (second.paid_share, second.discount, second.is_gift) == (Decimal("59.20"), Decimal("0.00"), False)


@pytest.mark.parametrize(
    ("coupons", "shares"),
    [
        # The platform's own coupon is no discount of the seller's: it is left out, the seller's is shared.
        ([{"skuId": "100000000001", "couponPrice": "35.00", "couponType": "41-京东券"}], ["182.21", "54.59"]),
        ([{"skuId": "", "couponPrice": "20.00", "couponType": "30-单品促销"}], ["182.21", "54.59"]),
        ([], ["182.21", "54.59"]),
        (None, ["182.21", "54.59"]),
    ],
)
def test_other_discounts_are_shared_by_amount_and_add_up_to_the_fen(order, coupons, shares):
    order["couponDetailList"] = coupons

    read = mapping.read_order(order)

    assert [line.paid_share for line in read.lines] == [Decimal(share) for share in shares]
    assert sum(line.paid_share for line in read.lines) == read.total_amount - read.freight


def test_a_gift_costs_nothing_and_a_sku_that_stands_twice_makes_two_lines(order):
    order["itemInfoList"][1] |= {"skuId": "100000000001", "jdPrice": "0.00"}
    order |= {"orderSellerPrice": "177.60"}

    first, second = mapping.read_order(order).lines

    assert (first.channel_line_no, first.paid_share, first.is_gift) == ("100000000001", Decimal("177.60"), False)
    assert (second.channel_line_no, second.paid_share, second.is_gift) == ("100000000001#2", Decimal("0.00"), True)


@pytest.mark.parametrize(
    ("state", "paid", "status", "held"),
    [
        ("NOT_PAY", False, "created", False),
        ("WAIT_SELLER_STOCK_OUT", True, "paid", False),
        ("WAIT_SELLER_DELIVERY", True, "paid", False),
        ("LOCKED", True, "paid", True),
        ("PAUSE", True, "paid", True),
        ("POP_ORDER_PAUSE", True, "paid", True),
        ("WAIT_GOODS_RECEIVE_CONFIRM", True, "shipped", False),
        ("FINISHED_L", True, "completed", False),
        ("TRADE_CANCELED", False, "cancelled", False),
        ("TRADE_CANCELED", True, "closed", False),
    ],
)
def test_every_state_of_the_platform_has_its_neutral_word(order, state, paid, status, held):
    read = mapping.read_order(
        {**order, "orderState": state, "paymentConfirmTime": "2026-11-11 00:01:42" if paid else ""}
    )

    assert (read.status, read.held, read.raw_status) == (status, held, state)
    assert len(mapping.ORDER_STATE) == 9


def test_cash_on_delivery_ships_without_a_payment(order):
    read = mapping.read_order({**order, "payType": "1-货到付款", "paymentConfirmTime": ""})

    assert (read.status, read.paid_at, read.payment) == ("paid", parse_gmt8("2026-11-11 00:01:05"), None)


@pytest.mark.parametrize("changes", [{"orderType": "21"}, {"storeOrder": "京仓订单"}])
def test_goods_in_the_platform_s_own_warehouse_are_not_ours_to_ship(order, changes):
    assert mapping.read_order({**order, **changes}).held is True


def test_freight_is_the_seller_s_too_and_the_total_adds_up(order):
    read = mapping.read_order({**order, "freightPrice": "8.00", "orderPayment": "201.10"})

    assert (read.total_amount, read.freight) == (Decimal("244.80"), Decimal("8.00"))
    assert read.goods_total - read.discount_total + read.freight == read.total_amount
    assert read.payment is not None
    assert read.payment.amount == read.total_amount


def test_the_receiver_is_masked_and_the_address_stands_without_its_divisions(order):
    receiver = mapping.read_order(order).receiver

    assert (receiver.name, receiver.phone, receiver.is_masked, receiver.oaid) == ("王**", "138****0000", True, "")
    assert (receiver.province, receiver.city, receiver.district, receiver.town) == (
        "浙江",
        "杭州市",
        "西湖区",
        "文新街道",
    )
    assert receiver.address == "文三路***"


def test_a_municipality_s_district_stands_in_the_place_of_the_city(order):
    order["consigneeInfo"] |= {
        "province": "北京",
        "city": "朝阳区",
        "county": "三环以内",
        "town": "",
        "fullAddress": "北京朝阳区三环以内建国路1号",
        "oaid": "oaid-1",
    }

    receiver = mapping.read_order(order).receiver

    assert (receiver.province, receiver.city, receiver.district, receiver.town) == (
        "北京",
        "北京市",
        "朝阳区",
        "三环以内",
    )
    assert (receiver.address, receiver.oaid) == ("建国路1号", "oaid-1")


@pytest.mark.parametrize("root", ["jingdong_pop_order_get_responce", "jingdong_pop_order_get_response"])
def test_an_order_is_found_in_the_answers_that_hold_it(order, root):
    inner = {"apiResult": {"success": True}, "orderInfo": order}
    known = mapping.read_order(order)

    assert mapping.read_order({root: {"code": "0", "orderDetailInfo": inner}}) == known
    assert mapping.read_order({"orderDetailInfo": inner, "code": "0"}) == known


def test_an_open_id_is_the_buyer_and_a_masked_pin_is_nobody(order):
    assert mapping.buyer_of({**order, "open_id_buyer": "open-1"}) == "open-1"
    assert mapping.buyer_of({"pin": "somebody"}) == "somebody"
    assert mapping.buyer_of(order) == ""


@pytest.mark.parametrize(
    ("path", "in_order", "in_line", "problem"),
    [
        ("order.orderId", {"orderId": None}, {}, "missing"),
        ("order.orderState", {"orderState": "SOMETHING"}, {}, "unknown_value"),
        ("order.orderState", {"orderState": 3}, {}, "ill_typed"),
        ("order.orderStartTime", {"orderStartTime": "11.11.2026"}, {}, "ill_typed"),
        ("order.modified", {"modified": ""}, {}, "missing"),
        ("order.orderSellerPrice", {"orderSellerPrice": "1e309"}, {}, "ill_typed"),
        ("order.orderSellerPrice", {"orderSellerPrice": 236.8}, {}, "ill_typed"),
        ("order.itemInfoList", {"itemInfoList": []}, {}, "missing"),
        ("order.itemInfoList", {"itemInfoList": "x"}, {}, "ill_typed"),
        ("order.itemInfoList[1].itemTotal", {}, {"itemTotal": "two"}, "ill_typed"),
        ("order.itemInfoList[1].jdPrice", {}, {"jdPrice": None}, "missing"),
        ("order.itemInfoList[1].skuId", {}, {"skuId": "a b"}, "ill_typed"),
        ("order.consigneeInfo", {"consigneeInfo": []}, {}, "ill_typed"),
        ("order.couponDetailList[0].couponPrice", {"couponDetailList": [{"skuId": "1"}]}, {}, "missing"),
    ],
)
def test_a_field_that_is_not_as_it_must_be_is_named_by_its_path(order, path, in_order, in_line, problem):
    order["itemInfoList"][1] |= in_line

    with pytest.raises(MessageUnreadable) as refused:
        mapping.read_order({**order, **in_order})

    assert (refused.value.path, refused.value.problem) == (path, problem)


@pytest.mark.parametrize("payload", [None, [], "x", {"orderInfo": 3}])
def test_an_answer_without_an_order_is_refused(payload):
    with pytest.raises(MessageUnreadable):
        mapping.read_order(payload)


def test_the_numbers_of_a_shipped_order_are_known(order):
    shipped = {**order, "orderState": "WAIT_GOODS_RECEIVE_CONFIRM", "waybill": "SF1|YT2"}

    assert mapping.shipped_numbers(shipped) == (True, {"SF1", "YT2"})
    assert mapping.shipped_numbers(order) == (False, set())


# --- refunds ----------------------------------------------------------------------------------------------------------


def application(status="0", **changes):
    return {
        "id": "5500001",
        "order_id": ORDER_NO,
        "buyer_id": "jd_***",
        "status": status,
        "apply_time": "2026-11-11 01:00:00",
        "check_time": "",
        "apply_refund_sum": "23680",
        **changes,
    }


def test_an_application_is_about_the_money_of_the_whole_order():
    read = mapping.read_refund(application())

    assert (read.channel_refund_no, read.channel_order_no, read.channel_line_no) == ("5500001", ORDER_NO, "")
    assert (read.status, read.phase, read.amount) == ("requested", "onsale", Decimal("236.80"))
    assert read.created_at == read.modified_at == parse_gmt8("2026-11-11 01:00:00")


@pytest.mark.parametrize(
    ("number", "status"),
    [
        ("0", "requested"),
        ("1", "agreed"),
        ("2", "refused"),
        ("3", "succeeded"),
        ("4", "refused"),
        ("5", "agreed"),
    ],
)
def test_every_status_of_an_application_has_its_neutral_word(number, status):
    read = mapping.read_refund(application(number, check_time="2026-11-11 01:30:00"))

    assert (read.status, read.modified_at) == (status, parse_gmt8("2026-11-11 01:30:00"))
    assert mapping.read_refund(application(int(number))).status == status
    assert len(mapping.REFUND_STATUS) == 6


def test_a_decision_is_newer_than_the_application_also_within_one_second():
    asked = mapping.read_refund(application())
    done = mapping.read_refund(application("3", check_time="2026-11-11 01:00:00"))

    assert done.version > asked.version


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"id": None}, "refund.id"),
        ({"order_id": ""}, "refund.order_id"),
        ({"status": "9"}, "refund.status"),
        ({"apply_refund_sum": "236.80"}, "refund.apply_refund_sum"),
        ({"apply_time": None}, "refund.apply_time"),
    ],
)
def test_a_broken_application_is_refused_with_its_place(changes, path):
    with pytest.raises(MessageUnreadable) as refused:
        mapping.read_refund(application(**changes))

    assert refused.value.path == path
