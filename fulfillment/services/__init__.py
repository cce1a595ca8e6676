"""The verbs of fulfilment: route and reserve, plan shipments, hand them to the warehouse, take its answers."""

from fulfillment.services.anew import set_back
from fulfillment.services.by_hand import merge_orders, split_order, unmerge_orders
from fulfillment.services.companions import (
    follow_priority,
    held_in_company,
    hold_refused_parts,
    let_companions_go_on,
    take_out,
)
from fulfillment.services.confirming import ConfirmRefused, confirm_shipments
from fulfillment.services.counting import make_count, post_count
from fulfillment.services.dispatching import accept_shipments, dispatch_shipments, reject_shipments
from fulfillment.services.gifts import free_pieces, settle_after_refund
from fulfillment.services.handing_over import hand_over, put_back
from fulfillment.services.labels import label_pdf, order_labels, print_labels
from fulfillment.services.leaving_warehouse import after_stop, leave_warehouse, stop_second_parcel
from fulfillment.services.missing import Missing, missing_of
from fulfillment.services.parcels import mark_parcels, recall_parcels
from fulfillment.services.planning import create_shipments
from fulfillment.services.promising import promise_waiting_orders
from fulfillment.services.receiving import finish_inbound
from fulfillment.services.rejected import Wish, held_for_doubt, route_rejected, tell_rejected
from fulfillment.services.releasing import awaiting_release, release_due, release_reopened
from fulfillment.services.reporting import mark_reported
from fulfillment.services.rerouting import ask_back, plan_anew, route_elsewhere
from fulfillment.services.returns import take_return_news
from fulfillment.services.routing import reserve_and_route
from fulfillment.services.routing_world import free_loads
from fulfillment.services.scanning import take_scans
from fulfillment.services.silence import tell_silence
from fulfillment.services.stopping import (
    lock_for_stopping,
    lock_goods,
    route_stopped_anew,
    settle_together,
    stop_shipments,
    take_stop_answers,
)
from fulfillment.services.supply_split import give_up_rest
from fulfillment.services.supplying import parts_waiting, send_rest, supply_waiting_orders
from fulfillment.services.taking_over import (
    TakeoverWish,
    preview_takeover,
    take_over_by_rule,
    take_over_stock,
    tell_urgent,
)
from fulfillment.services.unpaid import end_unpaid_holds, give_up_claims, hold_unpaid_orders, release_unpaid_holds
from fulfillment.services.waiting import close_merge_windows, open_merge_window
from fulfillment.services.waves import confirm_wave_picked, decide_missing, leave_wave, make_due_waves, make_waves
from fulfillment.services.waybills import give_back_waybills, request_waybills, use_waybills

__all__ = [
    "ConfirmRefused",
    "Missing",
    "Wish",
    "after_stop",
    "leave_warehouse",
    "accept_shipments",
    "ask_back",
    "awaiting_release",
    "close_merge_windows",
    "confirm_shipments",
    "confirm_wave_picked",
    "create_shipments",
    "decide_missing",
    "dispatch_shipments",
    "end_unpaid_holds",
    "finish_inbound",
    "take_return_news",
    "follow_priority",
    "free_loads",
    "free_pieces",
    "give_back_waybills",
    "give_up_claims",
    "give_up_rest",
    "hand_over",
    "held_for_doubt",
    "held_in_company",
    "hold_refused_parts",
    "hold_unpaid_orders",
    "label_pdf",
    "leave_wave",
    "let_companions_go_on",
    "lock_for_stopping",
    "lock_goods",
    "make_count",
    "make_due_waves",
    "make_waves",
    "mark_parcels",
    "mark_reported",
    "merge_orders",
    "missing_of",
    "open_merge_window",
    "order_labels",
    "parts_waiting",
    "plan_anew",
    "post_count",
    "preview_takeover",
    "print_labels",
    "promise_waiting_orders",
    "put_back",
    "recall_parcels",
    "reject_shipments",
    "release_due",
    "release_reopened",
    "release_unpaid_holds",
    "request_waybills",
    "reserve_and_route",
    "route_elsewhere",
    "route_rejected",
    "route_stopped_anew",
    "send_rest",
    "set_back",
    "settle_after_refund",
    "settle_together",
    "split_order",
    "stop_shipments",
    "supply_waiting_orders",
    "take_out",
    "TakeoverWish",
    "take_over_by_rule",
    "stop_second_parcel",
    "tell_silence",
    "tell_urgent",
    "take_over_stock",
    "take_scans",
    "take_stop_answers",
    "tell_rejected",
    "unmerge_orders",
    "use_waybills",
]
