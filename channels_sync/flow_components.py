"""What the channels offer to flows: reporting tracking numbers."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from channels_sync.kinds import TRACKING_KIND
from channels_sync.reporting import reports_of
from ordercenter.events.types import TrackingWithheld
from ordercenter.workflow.components import StepCall, action
from ordercenter.workflow.engine import run_ids


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
