"""What the channels offer to flows: reporting tracking numbers, writing remarks."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from channels_sync.kinds import REMARK_KIND, TRACKING_KIND
from channels_sync.remarking import ask_for_remarks
from channels_sync.reporting import reports_of
from ordercenter.events.types import TrackingWithheld
from ordercenter.workflow.components import StepCall, action
from ordercenter.workflow.engine import run_ids
from ordercenter.workflow.params import ParamSpec, ParamType

# As the platforms colour them.
_FLAGS: dict[str, str | Promise] = {"0": _("none"), **{str(flag): str(flag) for flag in range(1, 6)}}


@action(
    use="tracking.upload",
    subject="shipment",
    label=_("Report tracking to the channel"),
    kind="outside",
    errors=["COMMAND_REFUSED", "COMMAND_DEAD"],
    danger=1,
)
def upload_tracking(call: StepCall) -> None:
    """One command for each order in each shipment; the run waits for the last one's answer.

    What a channel cannot be told (a second number for a line, the number of another order) is told in the timeline. A
    shipment of a shop without a channel account, or without a tracking number, has nothing to report and goes on.
    """
    reports = reports_of(call.subjects, call.work)
    runs, waiting = run_ids(call.work), []
    for shipment_id, payloads in reports.payloads.items():
        for number, payload in enumerate(payloads):
            call.work.command(
                kind=TRACKING_KIND,
                target=f"account:{payload.pop('account_id')}",
                subject=f"shipment:{shipment_id}",
                key=f"{TRACKING_KIND}:{shipment_id}:{payload['order_no']}",
                payload=payload,
                flow_run_id=runs.get(shipment_id) if number == len(payloads) - 1 else None,
            )
        waiting.append(shipment_id)
    for held in reports.withheld:
        call.work.record(
            TrackingWithheld(
                shipment_id=held.shipment_id, order_ids=(held.order_id,), why=held.why, instead=held.instead
            )
        )
    call.park(waiting, "command")
    call.go([pk for pk in call.subjects if pk not in reports.payloads])


@action(
    use="remark.write",
    subject="order",
    label=_("Write a remark at the channel"),
    kind="local",
    params={
        "text": ParamSpec(ParamType.TEXT, _("remark")),
        "flag": ParamSpec(
            ParamType.CHOICE,
            _("flag"),
            required=False,
            default="0",
            values=_FLAGS,
        ),
    },
    danger=1,
)
def write_remark(call: StepCall) -> None:
    """The seller's remark of the order, as the channel shows it; nobody waits for it.

    Orders of channels that take no remarks go on without one. One that is not taken becomes a case.
    """
    runs = run_ids(call.work)
    keys = {pk: f"{REMARK_KIND}:{runs.get(pk, 0)}:{pk}:{call.node}"[:128] for pk in call.subjects}
    ask_for_remarks(
        order_ids=call.subjects,
        text=call.params["text"],
        flag=int(call.params["flag"] or 0),
        keys=keys,
        work=call.work,
    )
    call.go(call.subjects)
