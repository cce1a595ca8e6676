"""The verbs of stock: promise it, move it, tell what is to come, share it out among the channels."""

from ordercenter.inventory.services.departing import Departure, consume_departures, consume_reservations
from ordercenter.inventory.services.immediate import Wanted, reserve_many_now, reserve_now
from ordercenter.inventory.services.levels import FreeStock, free_of_levels, levels_to_take_from, lock_levels
from ordercenter.inventory.services.moving import Movement, move_stock
from ordercenter.inventory.services.noting import note_changes_of_shop
from ordercenter.inventory.services.policies import StockPolicies, stock_policies
from ordercenter.inventory.services.producing import cancel_production, finish_production, plan_capacity
from ordercenter.inventory.services.promising import Promised, WaitingLine, drop_promises, promise_lines, timeline_of
from ordercenter.inventory.services.publishing import (
    Publication,
    current_versions,
    offers_of,
    publish_changes,
    take_publication_answers,
)
from ordercenter.inventory.services.reassigning import Allowance, Giver, allowances, givable, take_over
from ordercenter.inventory.services.reserving import (
    Promise,
    add_to_open,
    allocate_reservations,
    end_promises,
    expire_reservations,
    lock_stock_of,
    release_holds_of,
    release_reservations,
    reserve_stock,
)
from ordercenter.inventory.services.sharing import end_quotas, lock_quotas_with_stock, open_quotas, plan_quota
from ordercenter.inventory.services.supplying import (
    Arrived,
    Counted,
    Expected,
    adjust_stock,
    cancel_supplies,
    count_stock,
    expect_supplies,
    receive_supplies,
    regrade_stock,
    send_transfer,
)
from ordercenter.inventory.services.unpaid import (
    UnpaidGoods,
    hold_for_unpaid,
    holds_of_orders,
    keep_for_good,
    overdue_orders,
    pieces_held,
    use_up_holds,
)

__all__ = [
    "Allowance",
    "Arrived",
    "Counted",
    "Departure",
    "Expected",
    "FreeStock",
    "Giver",
    "Movement",
    "Promise",
    "Promised",
    "Publication",
    "StockPolicies",
    "UnpaidGoods",
    "WaitingLine",
    "Wanted",
    "add_to_open",
    "adjust_stock",
    "allocate_reservations",
    "allowances",
    "cancel_production",
    "cancel_supplies",
    "consume_departures",
    "consume_reservations",
    "count_stock",
    "current_versions",
    "drop_promises",
    "end_promises",
    "end_quotas",
    "expect_supplies",
    "expire_reservations",
    "finish_production",
    "free_of_levels",
    "givable",
    "hold_for_unpaid",
    "holds_of_orders",
    "keep_for_good",
    "levels_to_take_from",
    "lock_levels",
    "lock_quotas_with_stock",
    "lock_stock_of",
    "move_stock",
    "note_changes_of_shop",
    "offers_of",
    "open_quotas",
    "overdue_orders",
    "pieces_held",
    "plan_capacity",
    "plan_quota",
    "promise_lines",
    "publish_changes",
    "receive_supplies",
    "regrade_stock",
    "release_holds_of",
    "release_reservations",
    "reserve_many_now",
    "reserve_now",
    "reserve_stock",
    "send_transfer",
    "stock_policies",
    "take_over",
    "take_publication_answers",
    "timeline_of",
    "use_up_holds",
]
