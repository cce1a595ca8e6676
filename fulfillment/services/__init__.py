"""The verbs of fulfilment: route and reserve, plan shipments, hand them to the warehouse, take its answers."""

from fulfillment.services.anew import set_back
from fulfillment.services.confirming import ConfirmRefused, confirm_shipments
from fulfillment.services.dispatching import accept_shipments, dispatch_shipments, reject_shipments
from fulfillment.services.labels import label_pdf, order_labels, print_labels
from fulfillment.services.planning import create_shipments
from fulfillment.services.reporting import mark_reported
from fulfillment.services.rerouting import ask_back, plan_anew, route_elsewhere
from fulfillment.services.routing import reserve_and_route, supply_waiting_orders
from fulfillment.services.stopping import lock_for_stopping, route_stopped_anew, stop_shipments, take_stop_answers
from fulfillment.services.waybills import give_back_waybills, request_waybills, use_waybills

__all__ = [
    "ConfirmRefused",
    "accept_shipments",
    "ask_back",
    "confirm_shipments",
    "create_shipments",
    "dispatch_shipments",
    "give_back_waybills",
    "label_pdf",
    "lock_for_stopping",
    "mark_reported",
    "order_labels",
    "plan_anew",
    "print_labels",
    "reject_shipments",
    "request_waybills",
    "reserve_and_route",
    "route_elsewhere",
    "route_stopped_anew",
    "set_back",
    "stop_shipments",
    "supply_waiting_orders",
    "take_stop_answers",
    "use_waybills",
]
