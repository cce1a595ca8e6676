"""Planted violations: money."""

from __future__ import annotations

from finance.models import Statement
from tests.flows.lived_in import LivedIn
from tests.ordercenter.console.plants_base import line, order, plants, sql, told, without_constraint


@plants("order_total_adds_up")
def a_discount_that_nobody_got(lived: LivedIn) -> None:
    order(lived, "unpaid", "discount_amount = discount_amount + 1")


@plants("paid_shares_add_up")
def a_line_that_pays_too_much(lived: LivedIn) -> None:
    line(lived, "unmatched", "paid_share = paid_share + 0.01")


@plants("paid_is_sum_of_payments")
def paid_more_than_came_in(lived: LivedIn) -> None:
    order(lived, "completed", "paid_amount = paid_amount + 1")


@plants("paid_is_sum_of_payments")
def money_that_the_order_does_not_know_of(lived: LivedIn) -> None:
    sql(
        "INSERT INTO finance_paymententry (order_id, shop_id, kind, provider, external_no, request_no, merchant_no,"
        " amount, expected_fee, currency, occurred_at, recorded_at)"
        " VALUES (%s, %s, 'payment', 'alipay', 'x', '', '', 54, 0, 'CNY', now(), now())",
        lived.order("unpaid"),
        lived.world.shop.pk,
    )


@plants("refunded_is_sum_of_refunds")
def refunded_without_a_refund(lived: LivedIn) -> None:
    order(lived, "completed", "refunded_amount = 1")


@plants("refunds_within_payments")
def more_goes_back_than_came_in(lived: LivedIn) -> None:
    without_constraint("orders_order", "refunds_within_payment")
    order(lived, "refunded", "paid_amount = paid_amount - 1")
    sql(
        "UPDATE finance_paymententry SET amount = amount - 1 WHERE kind = 'payment' AND order_id = %s",
        lived.order("refunded"),
    )


@plants("refunds_within_shares")
def a_line_refunded_beyond_its_price(lived: LivedIn) -> None:
    sql(
        "UPDATE orders_orderline SET paid_share = paid_share + CASE line_no WHEN 1 THEN -1 ELSE 1 END"
        " WHERE order_id = %s",
        lived.order("refunded"),
    )


@plants("paid_once")
def the_same_order_paid_again(lived: LivedIn) -> None:
    order(lived, "completed", "paid_amount = paid_amount * 2")
    sql(
        "INSERT INTO finance_paymententry (order_id, shop_id, kind, provider, external_no, request_no, merchant_no,"
        " amount, expected_fee, currency, occurred_at, recorded_at)"
        " SELECT order_id, shop_id, kind, provider, 'again', request_no, merchant_no, amount, expected_fee, currency,"
        " occurred_at, recorded_at FROM finance_paymententry WHERE order_id = %s",
        lived.order("completed"),
    )


@plants("statements_add_up")
def a_bill_with_other_sums(lived: LivedIn) -> None:
    sql("UPDATE finance_statement SET fee_total = fee_total + 1")
    sql("UPDATE finance_historicalstatement SET fee_total = fee_total + 1")


@plants("matches_are_the_same_money")
def matched_with_nothing(lived: LivedIn) -> None:
    sql("DELETE FROM finance_match")


@plants("matches_are_the_same_money")
def matched_with_other_money(lived: LivedIn) -> None:
    sql(
        "UPDATE finance_paymententry SET expected_fee = expected_fee + 0.01 WHERE order_id = %s",
        lived.order("completed"),
    )


@plants("closed_days_are_clean")
def a_day_closed_over_a_difference(lived: LivedIn) -> None:
    sql("UPDATE finance_statement SET state = 'closed'")
    sql("UPDATE finance_historicalstatement SET state = 'closed'")
    told("statement", Statement.objects.get().pk, "close", "matched", "closed")


@plants("differences_have_cases")
def a_difference_nobody_will_look_at(lived: LivedIn) -> None:
    sql("UPDATE cases_case SET subject = 'statement_line:0' WHERE code = 'SETTLEMENT_DIFF'")
    sql("UPDATE cases_historicalcase SET subject = 'statement_line:0' WHERE code = 'SETTLEMENT_DIFF'")


_SETTLEMENT = (
    "INSERT INTO finance_ordersettlement (shop_id, channel_order_no, paid, subsidies, fee_total, net, fees, adds_up,"
    " told_anew, verdict, found_verdict, signed_off_reason, judged_at)"
    " VALUES (%s, 'S-1', %s, 0, 0, %s, '{}', true, false, %s, '', '', now())"
)


@plants("settlements_add_up")
def an_order_that_was_paid_more_than_any_movement_brought(lived: LivedIn) -> None:
    sql(_SETTLEMENT, lived.world.shop.pk, 1, 1, "waiting")


@plants("settlements_add_up")
def a_movement_of_an_order_that_nobody_judges(lived: LivedIn) -> None:
    sql(
        "INSERT INTO finance_settlemententry (shop_id, platform, entry_no, kind, channel_order_no, channel_line_no,"
        " settled_at, paid, subsidies, fee_total, fees, net, sums_hold, raw, recorded_at)"
        " VALUES (%s, 'douyin', 'e', 'sale', 'S-2', '', now(), 1, 0, 0, '{}', 1, true, '{}', now())",
        lived.world.shop.pk,
    )


@plants("settlement_differences_have_cases")
def a_missing_settlement_that_nobody_will_look_for(lived: LivedIn) -> None:
    sql(_SETTLEMENT, lived.world.shop.pk, 0, 0, "not_settled")
