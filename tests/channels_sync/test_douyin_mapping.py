import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from channels_sync.adapters import douyin_mapping as mapping
from channels_sync.errors import MessageUnreadable
from ordercenter.orders.intake_types import IncomingPayment

SAMPLES = Path(__file__).parents[1] / "data" / "protocols" / "samples"
ORDER_NO = "6917000000000000001"


def at(seconds):
    return datetime.fromtimestamp(seconds, UTC)


@pytest.fixture
def order():
    document = json.loads((SAMPLES / "douyin_order_search_list.json").read_text(encoding="utf-8"))
    return document["data"]["shop_order_list"][0]


def test_a_paid_order_is_read_whole(order):
    read = mapping.read_order(order)

    assert (read.channel_order_no, read.status, read.held, read.raw_status) == (ORDER_NO, "paid", False, "2")
    assert (read.created_at, read.paid_at, read.modified_at) == (at(1794355265), at(1794355302), at(1794355303))
    assert read.ship_by == at(1794528102)
    assert (read.goods_total, read.discount_total, read.freight, read.total_amount) == (
        Decimal("256.80"),
        Decimal("20.00"),
        Decimal("0.00"),
        Decimal("236.80"),
    )
    assert (read.buyer_id, read.buyer_nick, read.buyer_remark, read.currency) == ("1@#test", "", "周末送", "CNY")
    assert (read.presale_state, read.balance_due_at) == (None, None)
    assert read.payment == IncomingPayment(
        "2026111122001400000500000009", Decimal("236.80"), at(1794355302), "douyin", ORDER_NO
    )


def test_its_lines_carry_exact_ids_and_the_shares_of_the_platform(order):
    first, second = mapping.read_order(order).lines

    assert (first.channel_line_no, first.listing_id, first.listing_sku_id) == (
        ORDER_NO,
        "3400000000000000001",
        "1700000000000001",
    )
    assert (first.outer_sku, first.title, first.sku_text) == ("SKU-1001", "亚麻靠垫", "颜色:燕麦色")
    assert (first.quantity, first.unit_price, first.discount, first.paid_share) == (
        2,
        Decimal("98.80"),
        Decimal("15.40"),
        Decimal("182.20"),
    )
    assert (second.channel_line_no, second.paid_share, second.status, second.refund_status, second.is_gift) == (
        "6917000000000000002",
        Decimal("54.60"),
        "paid",
        "none",
        False,
    )


def test_the_receiver_is_masked_and_an_opaque_id_stands_for_it(order):
    receiver = mapping.read_order(order).receiver

    assert (receiver.name, receiver.phone, receiver.address) == ("王*", "138****0000", "文三路***")
    assert (receiver.province, receiver.city, receiver.district, receiver.town) == (
        "浙江省",
        "杭州市",
        "西湖区",
        "文新街道",
    )
    assert receiver.is_masked
    assert receiver.oaid.startswith("sealed:")
    assert "##tEsT1##" not in receiver.oaid


def test_equal_sealed_texts_are_one_receiver_and_other_ones_another(order):
    same, other = json.loads(json.dumps(order)), json.loads(json.dumps(order))
    other["post_addr"]["encrypt_detail"] = "~~tEsT4~~"

    known = mapping.read_order(order).receiver.oaid

    assert mapping.read_order(same).receiver.oaid == known
    assert mapping.read_order(other).receiver.oaid != known
    assert mapping.read_order({**order, "open_address_id": "addr-1"}).receiver.oaid == "addr-1"


def test_a_clear_receiver_is_not_masked(order):
    clear = {
        "encrypt_post_receiver": "",
        "encrypt_post_tel": "",
        "post_receiver": "王小雨",
        "post_tel": "13800000000",
        "mask_post_receiver": "",
        "mask_post_tel": "",
        "mask_post_addr": None,
        "post_addr": {"province": {"name": "浙江省"}, "city": {"name": "杭州市"}, "detail": "文三路1号"},
    }

    receiver = mapping.read_order({**order, **clear}).receiver

    assert (receiver.name, receiver.phone, receiver.address) == ("王小雨", "13800000000", "文三路1号")
    assert (receiver.is_masked, receiver.oaid) == (False, "")


@pytest.mark.parametrize(
    ("number", "paid", "status", "held"),
    [
        (1, False, "created", False),
        (103, False, "created", False),
        (105, True, "paid", True),
        (2, True, "paid", False),
        (101, True, "part_shipped", False),
        (3, True, "shipped", False),
        (4, False, "cancelled", False),
        (4, True, "closed", False),
        (5, True, "completed", False),
        (21, True, "closed", False),
        (22, True, "closed", False),
        (39, True, "closed", False),
    ],
)
def test_every_status_of_the_platform_has_its_neutral_word(order, number, paid, status, held):
    read = mapping.read_order({**order, "order_status": number, "pay_time": 1794355302 if paid else 0})

    assert (read.status, read.held, read.raw_status) == (status, held, str(number))
    assert {str(number) for number in (1, 103, 105, 2, 101, 3, 4, 5, 21, 22, 39)} == set(mapping.ORDER_STATUS)


def test_a_status_nobody_knows_is_named(order):
    with pytest.raises(MessageUnreadable) as refused:
        mapping.read_order({**order, "order_status": 777})

    assert (refused.value.path, refused.value.problem, refused.value.detail) == (
        "order.order_status",
        "unknown_value",
        "777",
    )


def test_an_unpaid_order_has_no_payment_and_cash_on_delivery_ships_without_one(order):
    unpaid = mapping.read_order({**order, "order_status": 1, "pay_time": 0})
    on_delivery = mapping.read_order({**order, "pay_type": 0, "pay_time": 0})
    free = mapping.read_order({**order, "pay_type": 7, "pay_amount": 0})

    assert (unpaid.paid_at, unpaid.payment) == (None, None)
    assert (on_delivery.paid_at, on_delivery.payment) == (at(1794355265), None)
    assert (free.total_amount, free.payment) == (Decimal("0.00"), None)


@pytest.mark.parametrize(
    ("changes", "goods", "discount", "freight", "total"),
    [
        ({}, "256.80", "20.00", "0.00", "236.80"),
        ({"post_amount": 800, "pay_amount": 24480}, "256.80", "20.00", "8.00", "244.80"),
        ({"pay_amount": 30000}, "300.00", "0.00", "0.00", "300.00"),
        ({"post_amount": 800, "pay_amount": 500}, "256.80", "256.80", "5.00", "5.00"),
        ({"pay_amount": 1}, "256.80", "256.79", "0.00", "0.01"),
    ],
)
def test_goods_less_discount_plus_freight_is_the_total_and_the_lines_add_up_to_the_fen(
    order, changes, goods, discount, freight, total
):
    read = mapping.read_order({**order, **changes})

    found = (read.goods_total, read.discount_total, read.freight, read.total_amount)
    assert found == tuple(map(Decimal, (goods, discount, freight, total)))
    assert read.goods_total - read.discount_total + read.freight == read.total_amount
    assert sum(line.paid_share for line in read.lines) == read.total_amount - read.freight


def test_without_shares_the_lines_pay_by_their_amounts(order):
    for line in order["sku_order_list"]:
        del line["pay_amount"]

    read = mapping.read_order(order)

    assert [line.paid_share for line in read.lines] == [Decimal("182.21"), Decimal("54.59")]


@pytest.mark.parametrize(
    ("changes", "is_gift"),
    [
        ({"given_product_type": "FREE"}, True),
        ({"given_product_type": "MASTER", "given_product_activity_info": {"a": "1"}}, False),
        ({"trade_type": 102}, True),
        ({"master_sku_order_id_list": [ORDER_NO]}, True),
        ({}, False),
    ],
)
def test_a_gift_is_known_as_one(order, changes, is_gift):
    order["sku_order_list"][1] |= changes

    assert mapping.read_order(order).lines[1].is_gift is is_gift


def phase(stage, *, paid, fen):
    return {
        "phase_order_id": f"69170000000000000{stage}1",
        "current_phase": stage,
        "total_phase": 2,
        "pay_success": paid,
        "sku_order_id": ORDER_NO,
        "phase_pay_amount": fen,
        "phase_pay_time": 1794355300 if paid else 0,
        "phase_close_time": 1794600000,
        "channel_payment_no": f"PAY-{stage}" if paid else "",
    }


def test_a_presale_goes_from_deposit_to_balance_and_may_ship_only_then(order):
    def read(first, second, **changes):
        phases = [phase(2, paid=second, fen=18680), phase(1, paid=first, fen=5000)]
        return mapping.read_order({**order, "order_phase_list": phases, **changes})

    nothing = read(False, False, order_status=1, pay_time=0)
    deposit = read(True, False, order_status=1, main_status=103, pay_time=0)
    early = read(True, False)
    whole = read(True, True)

    assert (nothing.presale_state, nothing.payment) == ("deposit_due", None)
    assert deposit.presale_state == "balance_due"
    assert deposit.balance_due_at == at(1794600000)
    assert deposit.payment == IncomingPayment(
        "PAY-1", Decimal("50.00"), at(1794355300), "douyin", "6917000000000000011"
    )
    assert (early.presale_state, early.held) == ("balance_due", True)
    assert (whole.presale_state, whole.held) == ("paid", False)
    assert whole.payment is not None
    assert (whole.payment.external_no, whole.payment.amount) == ("PAY-2", Decimal("236.80"))


def test_an_order_is_found_in_the_answers_that_hold_it(order):
    whole = {"code": 10000, "data": {"shop_order_detail": order}}

    assert mapping.read_order(whole) == mapping.read_order({"shop_order_detail": order}) == mapping.read_order(order)


@pytest.mark.parametrize(
    ("path", "in_order", "in_line", "problem"),
    [
        ("order.order_id", {"order_id": None}, {}, "missing"),
        ("order.order_id", {"order_id": 6.9e18}, {}, "ill_typed"),
        ("order.order_status", {"order_status": None}, {}, "missing"),
        ("order.order_status", {"order_status": True}, {}, "ill_typed"),
        ("order.create_time", {"create_time": "yesterday"}, {}, "ill_typed"),
        ("order.update_time", {"update_time": 0}, {}, "ill_typed"),
        ("order.update_time", {"update_time": 1794355303000}, {}, "ill_typed"),
        ("order.pay_amount", {"pay_amount": "236.80"}, {}, "ill_typed"),
        ("order.pay_amount", {"pay_amount": -1}, {}, "ill_typed"),
        ("order.sku_order_list", {"sku_order_list": []}, {}, "missing"),
        ("order.sku_order_list", {"sku_order_list": {}}, {}, "ill_typed"),
        ("order.sku_order_list[0]", {"sku_order_list": ["x"]}, {}, "ill_typed"),
        ("order.sku_order_list[1].item_num", {}, {"item_num": 0}, "ill_typed"),
        ("order.sku_order_list[1].origin_amount", {}, {"origin_amount": None}, "missing"),
        ("order.sku_order_list[1].product_id", {}, {"product_id": None}, "missing"),
        ("order.post_addr", {"post_addr": "x"}, {}, "ill_typed"),
        ("order.order_phase_list[0].current_phase", {"order_phase_list": [{}]}, {}, "missing"),
    ],
)
def test_a_field_that_is_not_as_it_must_be_is_named_by_its_path(order, path, in_order, in_line, problem):
    order["sku_order_list"][1] |= in_line

    with pytest.raises(MessageUnreadable) as refused:
        mapping.read_order({**order, **in_order})

    assert (refused.value.path, refused.value.problem) == (path, problem)
    assert "王" not in str(refused.value)


@pytest.mark.parametrize("payload", [None, [], "x", {"data": []}, {"data": {"shop_order_detail": 3}}])
def test_an_answer_without_an_order_is_refused(payload):
    with pytest.raises(MessageUnreadable):
        mapping.read_order(payload)


# --- after-sale -------------------------------------------------------------------------------------------------------


def after_sale(status=6, kind=2, *, money=1, **changes):
    info = {
        "aftersale_id": "7100000000000000001",
        "aftersale_order_type": 1,
        "aftersale_type": kind,
        "aftersale_status": status,
        "related_id": "6917000000000000002",
        "apply_time": 1794360000,
        "update_time": 1794360100,
        "refund_amount": 5460,
        "refund_post_amount": 0,
        "aftersale_num": 1,
        "refund_status": money,
        **changes,
    }
    rows = [{"sku_order_id": "6917000000000000002", "item_num": 1}]
    order_info = {"shop_order_id": ORDER_NO, "related_order_info": rows}
    return {"aftersale_info": info, "order_info": order_info, "text_part": {"reason_text": "不想要了"}}


def detail(status=6, kind=2, *, money=1):
    info = {
        "after_sale_id": 7100000000000000001,
        "after_sale_status": status,
        "after_sale_type": kind,
        "refund_status": money,
        "refund_total_amount": 5460,
        "apply_time": 1794360000,
        "update_time": 1794360100,
        "after_sale_apply_count": 1,
        "reason": "不想要了",
    }
    order_info = {"shop_order_id": int(ORDER_NO), "sku_order_infos": [{"sku_order_id": 6917000000000000002}]}
    return {"process_info": {"after_sale_info": info}, "order_info": order_info}


def test_a_refund_before_shipping_is_read_from_the_list_and_from_its_detail_alike():
    read = mapping.read_refund(after_sale())

    assert (read.channel_refund_no, read.channel_order_no, read.channel_line_no) == (
        "7100000000000000001",
        ORDER_NO,
        "6917000000000000002",
    )
    assert (read.status, read.phase, read.amount, read.quantity) == ("requested", "onsale", Decimal("54.60"), 1)
    assert (read.reason, read.has_goods_return) == ("不想要了", False)
    assert (read.created_at, read.modified_at) == (at(1794360000), at(1794360100))
    assert mapping.read_refund({"code": 10000, "data": detail()}) == read


@pytest.mark.parametrize(
    ("number", "money", "status"),
    [
        (6, 1, "requested"),
        (7, 1, "agreed"),
        (8, 1, "agreed"),
        (11, 1, "returning"),
        (12, 3, "succeeded"),
        (12, 5, "succeeded"),
        (12, 1, "agreed"),
        (12, 2, "agreed"),
        (12, 4, "agreed"),
        (13, 1, "agreed"),
        (14, 3, "succeeded"),
        (27, 1, "refused"),
        (28, 1, "withdrawn"),
        (29, 1, "refused"),
        (51, 3, "succeeded"),
        (53, 3, "succeeded"),
    ],
)
def test_every_status_of_an_after_sale_has_its_neutral_word_and_success_means_that_the_money_is_back(
    number, money, status
):
    assert mapping.read_refund(after_sale(number, money=money)).status == status
    assert mapping.read_refund(detail(number, money=money)).status == status
    assert str(number) in mapping.AFTER_SALE_STATUS


def test_the_further_status_of_one_second_is_the_newer_version():
    versions = [mapping.read_refund(after_sale(status, money=3)).version for status in (6, 7, 11, 27, 28, 12)]

    assert versions == sorted(set(versions))
    assert mapping.read_refund(after_sale(6, update_time=1794360101)).version > max(versions)


@pytest.mark.parametrize(
    ("number", "kind", "phase_word", "returns", "amount"),
    [
        (0, "return", "aftersale", True, "54.60"),
        (1, "refund", "onsale", False, "54.60"),
        (2, "refund", "onsale", False, "54.60"),
        (3, "exchange", "aftersale", True, "0.00"),
        (4, "refund", "onsale", False, "54.60"),
        (5, "refund", "onsale", False, "54.60"),
        (6, "price_protection", "aftersale", False, "54.60"),
        (7, "resend", "aftersale", False, "0.00"),
        (8, "repair", "aftersale", False, "0.00"),
    ],
)
def test_every_kind_of_after_sale_is_read(number, kind, phase_word, returns, amount):
    for read in (mapping.read_refund(after_sale(kind=number)), mapping.read_refund(detail(kind=number))):
        assert (read.kind, read.phase, read.has_goods_return, read.amount) == (
            kind,
            phase_word,
            returns,
            Decimal(amount),
        )
    assert len(mapping.AFTER_SALE_KIND) == 9


def test_an_exchange_is_done_without_any_money():
    assert mapping.read_refund(after_sale(14, 3, money=0)).status == "succeeded"
    assert mapping.read_refund(after_sale(13, 3, money=1)).status == "agreed"


def test_the_parcel_that_comes_back_is_known_once_the_buyer_said():
    sent = after_sale(11, 0, return_logistics_code="YT9", return_logistics_company_name="圆通速递")
    told = detail(11, 0)
    told["process_info"]["logistics_info"] = {"return": {"tracking_no": "YT9", "company_name": "圆通速递"}}

    for read in (mapping.read_refund(sent), mapping.read_refund(told)):
        assert (read.return_carrier, read.return_no) == ("圆通速递", "YT9")
    assert mapping.read_refund(after_sale(7, 0)).return_no == mapping.read_refund(detail(7, 0)).return_no == ""


def test_a_price_protection_leaves_its_line_alone(order):
    order["sku_order_list"][1]["after_sale_info"] = {"after_sale_status": 12, "after_sale_type": 6, "refund_status": 3}

    assert mapping.read_order(order).lines[1].refund_status == "none"


@pytest.mark.parametrize(
    ("status", "kind", "money", "word"),
    [
        (0, 0, 0, "none"),
        (6, 2, 1, "requested"),
        (7, 0, 1, "agreed"),
        (11, 0, 1, "returning"),
        (27, 1, 1, "refused"),
        (28, 2, 1, "closed"),
        (12, 2, 2, "agreed"),
        (12, 2, 3, "refunded"),
        (51, 2, 3, "refunded"),
        (6, 3, 0, "none"),
        (6, 7, 0, "none"),
    ],
)
def test_a_line_says_how_its_refund_stands(order, status, kind, money, word):
    order["sku_order_list"][1]["after_sale_info"] = {
        "after_sale_status": status,
        "after_sale_type": kind,
        "refund_status": money,
    }

    assert mapping.read_order(order).lines[1].refund_status == word


def test_an_after_sale_of_the_whole_order_names_no_line():
    item = after_sale(related_id=ORDER_NO, aftersale_order_type=2)
    item["order_info"]["related_order_info"] = [{"sku_order_id": ORDER_NO}, {"sku_order_id": "6917000000000000002"}]

    assert mapping.read_refund(item).channel_line_no == ""
    item["aftersale_info"] |= {"related_id": "6917000000000000002", "aftersale_order_type": 1}
    assert mapping.read_refund(item).channel_line_no == "6917000000000000002"


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"aftersale_id": None}, "aftersale.aftersale_info.aftersale_id"),
        ({"aftersale_status": 99}, "aftersale.aftersale_info.aftersale_status"),
        ({"aftersale_type": 99}, "aftersale.aftersale_info.aftersale_type"),
        ({"refund_amount": "x"}, "aftersale.aftersale_info.refund_amount"),
        ({"update_time": None}, "aftersale.aftersale_info.update_time"),
    ],
)
def test_a_broken_after_sale_is_refused_with_its_place(changes, path):
    with pytest.raises(MessageUnreadable) as refused:
        mapping.read_refund(after_sale(**changes))

    assert refused.value.path == path


def test_the_parcels_of_an_order_are_known_with_their_lines(order):
    order["logistics_info"] = [
        {"tracking_no": "SF1", "delivery_id": "d1", "product_info": [{"sku_order_id": ORDER_NO}]},
        {"tracking_no": "YT2", "delivery_id": "d2", "product_info": [{"sku_order_id": "6917000000000000002"}]},
    ]
    for line in order["sku_order_list"]:
        line["order_status"] = 3

    assert mapping.shipped_numbers(order) == (True, {"SF1", "YT2"})
    assert mapping.shipped_numbers(order, ["6917000000000000002"]) == (True, {"YT2"})
    order["sku_order_list"][0]["order_status"] = 2
    assert mapping.shipped_numbers(order)[0] is False
