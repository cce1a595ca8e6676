"""The verbs of orders. Each takes many, owns its transaction or joins the caller's unit of work, tells its facts."""

from ordercenter.orders.services.closing import cancel_orders, cancel_rest, complete_orders, finish_trades
from ordercenter.orders.services.gifts import earns_otherwise, give_gifts, settle_gifts
from ordercenter.orders.services.grading import grade_orders, regrade_orders, urgency
from ordercenter.orders.services.holding import Finding, accepted_codes, hold_orders, release_holds
from ordercenter.orders.services.intake import IntakeResult, TakenOrder, take_orders
from ordercenter.orders.services.matching import match_skus
from ordercenter.orders.services.over_the_counter import CounterLine, CounterSale, sell_over_counter
from ordercenter.orders.services.paying import settle_overpaid, settle_payments, waits_for_money
from ordercenter.orders.services.progress import (
    approve_orders,
    deliver_orders,
    ship_orders,
    start_fulfillment,
    wait_for_supply,
)
from ordercenter.orders.services.refunds import TakenRefund, take_refunds
from ordercenter.orders.services.rematching import rerun_unmatched, rerun_waiting
from ordercenter.orders.services.returns import return_goods
from ordercenter.orders.services.review import check_orders, hold_duplicates

__all__ = [
    "CounterLine",
    "CounterSale",
    "Finding",
    "IntakeResult",
    "TakenOrder",
    "TakenRefund",
    "accepted_codes",
    "approve_orders",
    "cancel_orders",
    "cancel_rest",
    "check_orders",
    "complete_orders",
    "deliver_orders",
    "earns_otherwise",
    "finish_trades",
    "give_gifts",
    "grade_orders",
    "hold_duplicates",
    "hold_orders",
    "match_skus",
    "regrade_orders",
    "release_holds",
    "rerun_unmatched",
    "rerun_waiting",
    "return_goods",
    "sell_over_counter",
    "settle_gifts",
    "settle_overpaid",
    "settle_payments",
    "ship_orders",
    "start_fulfillment",
    "take_orders",
    "take_refunds",
    "urgency",
    "wait_for_supply",
    "waits_for_money",
]
