"""All that the page of one order shows, in a constant number of statements."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Prefetch, Q
from django.utils.translation import get_language

from finance.models import PaymentEntry
from fulfillment.models import Parcel, Shipment, ShipmentLine, TrackingScan, Waybill
from ordercenter.cases.models import Case
from ordercenter.cases.states import OPEN_STATES
from ordercenter.common.scope import Scope
from ordercenter.console import wording
from ordercenter.orders.models import Hold, Order, OrderLine, RefundRequest, SplitPart
from ordercenter.orders.states import OrderState
from ordercenter.workflow.models import FlowRun

# The way of an order that nothing holds up, for the bar at the top of its page.
WAY = (
    OrderState.PENDING_PAYMENT,
    OrderState.PREPROCESSING,
    OrderState.APPROVED,
    OrderState.IN_FULFILLMENT,
    OrderState.SHIPPED,
    OrderState.DELIVERED,
    OrderState.COMPLETED,
)
# States beside the way, shown at the place they branch off.
_PLACES = {
    OrderState.AWAITING_BALANCE: OrderState.PENDING_PAYMENT,
    OrderState.DELAYED_REVIEW: OrderState.PREPROCESSING,
    OrderState.PENDING_REVIEW: OrderState.PREPROCESSING,
    OrderState.PENDING_FINANCE_REVIEW: OrderState.PREPROCESSING,
    OrderState.AWAITING_SUPPLY: OrderState.APPROVED,
    OrderState.PARTIALLY_SHIPPED: OrderState.IN_FULFILLMENT,
    OrderState.ARCHIVED: OrderState.COMPLETED,
}


@dataclass(frozen=True)
class Stage:
    """One stage of the bar: passed, the present one, or ahead."""

    label: str
    standing: str


@dataclass(frozen=True)
class StoppedStep:
    """Where a flow run stopped: the flow's and the step's names in the reader's language, and the error's code."""

    flow: str
    version: int
    step: str
    error_code: str


@dataclass(frozen=True)
class SplitView:
    """What the channel's splitting did to the order. came_from, parts: (number, our order or None)."""

    came_from: list[tuple[str, int | None]]
    parts: list[tuple[str, int | None]]


@dataclass(frozen=True)
class OrderPage:
    """An order with everything around it; rows in the order they are shown."""

    order: Order
    stages: list[Stage]
    lines: list[OrderLine]
    holds: list[Hold]
    cases: list[Case]
    shipments: list[Shipment]
    payments: list[PaymentEntry]
    refunds: list[RefundRequest]
    stopped: list[StoppedStep]
    split: SplitView

    @property
    def open_holds(self) -> list[Hold]:
        return [hold for hold in self.holds if hold.released_at is None]

    @property
    def open_cases(self) -> list[Case]:
        return [case for case in self.cases if case.state in OPEN_STATES]

    @property
    def shipment_ids(self) -> list[int]:
        return [shipment.pk for shipment in self.shipments]

    @property
    def parcel_ids(self) -> list[int]:
        return [parcel.pk for shipment in self.shipments for parcel in shipment.parcels.all()]

    @property
    def waybill_ids(self) -> list[int]:
        return [waybill.pk for shipment in self.shipments for waybill in shipment.waybills.all()]


def order_in_scope(order_id: int, scope: Scope) -> Order | None:
    """The order with its shop and receiver, when the reader may see it."""
    orders = Order.objects.select_related("shop__channel", "contact").defer("contact__sealed")
    return scope.narrow(orders, shop="shop_id").filter(pk=order_id).first()


def order_page(order: Order) -> OrderPage:
    """Everything of an order but its timeline."""
    subject = f"order:{order.pk}"
    scans = TrackingScan.objects.order_by("-at", "-pk")
    parcels = (
        Parcel.objects.select_related("carrier", "watch").prefetch_related(Prefetch("scans", scans)).order_by("pk")
    )
    waybills = Waybill.objects.select_related("carrier", "printed_by").order_by("pk")
    pieces = ShipmentLine.objects.filter(order=order).select_related("sku").order_by("pk")
    shipments = Shipment.objects.filter(lines__order=order).distinct().select_related("warehouse", "carrier")
    found = list(
        shipments.prefetch_related(
            Prefetch("parcels", parcels), Prefetch("lines", pieces, "pieces"), Prefetch("waybills", waybills)
        ).order_by("pk")
    )
    # What is wrong with a parcel is wrong with its orders.
    about = [subject, *(f"shipment:{s.pk}" for s in found), *(f"parcel:{p.pk}" for s in found for p in s.parcels.all())]
    return OrderPage(
        order=order,
        stages=_stages(order),
        lines=list(order.lines.select_related("sku", "bundle").order_by("line_no")),
        holds=list(order.holds.select_related("released_by").order_by("pk")),
        cases=list(Case.objects.filter(subject__in=about).select_related("owner").order_by("-pk")),
        shipments=found,
        payments=list(order.payment_entries.order_by("pk")),
        refunds=list(order.refund_requests.order_by("pk")),
        stopped=stopped_steps(subject),
        split=_split_view(order),
    )


def _split_view(order: Order) -> SplitView:
    """Two statements, one for an order that nothing was split off and that is no part."""
    number = order.channel_order_no
    family = SplitPart.objects.filter(
        Q(parent_no=number) | Q(root_no=number) | Q(order=order), shop_id=order.shop_id
    ).select_related("order")
    rows = list(family.order_by("order_id"))
    parts: list[tuple[str, int | None]] = [
        (row.order.channel_order_no, row.order_id) for row in rows if row.order_id != order.pk
    ]
    above = list(dict.fromkeys(no for row in rows if row.order_id == order.pk for no in (row.parent_no, row.root_no)))
    if not above:
        return SplitView([], parts)
    ours = Order.objects.filter(shop_id=order.shop_id, channel_order_no__in=above)
    known = dict(ours.values_list("channel_order_no", "pk"))
    return SplitView([(no, known.get(no)) for no in above], parts)


def stopped_steps(subject: str) -> list[StoppedStep]:
    """The stopped runs of a subject, by the names that their documents give. One statement."""
    runs = FlowRun.objects.filter(subject=subject, status="stopped").select_related("version__flow").order_by("pk")
    return [_stopped_step(run) for run in runs]


def _stopped_step(run: FlowRun) -> StoppedStep:
    document = run.version.document
    nodes = {node["id"]: node.get("name") for node in document["nodes"]}
    return StoppedStep(
        flow=_local(document.get("name")) or run.version.flow.key,
        version=run.version.number,
        step=_local(nodes.get(run.node)) or run.node,
        error_code=run.error_code,
    )


def _local(names: Any) -> str:
    """A name of a flow document in the reader's language, else in the other one."""
    if not isinstance(names, dict):
        return ""
    mine, other = ("en", "zh") if (get_language() or "").startswith("en") else ("zh", "en")
    return str(names.get(mine) or names.get(other) or "")


def _stages(order: Order) -> list[Stage]:
    here: Any = order.state
    if here == OrderState.CANCELLED:
        return [Stage(str(wording.state_label("order", here)), "here")]
    place = WAY.index(_PLACES.get(here, here))
    stages = []
    for number, state in enumerate(WAY):
        standing = "passed" if number < place else "here" if number == place else "ahead"
        shown = here if standing == "here" else state
        stages.append(Stage(str(wording.state_label("order", shown)), standing))
    return stages
