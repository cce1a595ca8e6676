"""What the channels offer to flows: reporting tracking numbers."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.utils.translation import gettext_lazy as _

from channels_sync.kinds import TRACKING_KIND
from channels_sync.models import ChannelAccount
from fulfillment.models import Parcel, Shipment, ShipmentLine
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

    A shipment of a shop without a channel account, or without a tracking number, has nothing to report and goes on.
    """
    reports = _reports(call.subjects)
    runs, waiting = run_ids(call.work), []
    for shipment_id, payloads in reports.items():
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
    call.park(waiting, "command")
    call.go([pk for pk in call.subjects if pk not in reports])


def _reports(shipment_ids: Collection[int]) -> dict[int, list[dict[str, Any]]]:
    """By shipment, what each of its orders' channels has to know. Four statements for any number of shipments."""
    shops = dict(Shipment.objects.filter(pk__in=shipment_ids).values_list("pk", "shop_id"))
    accounts = dict(
        ChannelAccount.objects.filter(shop_id__in=set(shops.values()), is_active=True).values_list("shop_id", "pk")
    )
    parcels: dict[int, tuple[str, str]] = {}
    rows = Parcel.objects.filter(shipment_id__in=shipment_ids).order_by("-pk")
    for shipment_id, carrier, number in rows.values_list("shipment_id", "carrier__code", "tracking_no"):
        parcels[shipment_id] = (carrier, number)
    reports: dict[int, dict[str, dict[str, Any]]] = {}
    orders = ShipmentLine.objects.filter(shipment_id__in=shipment_ids, shipped__gt=0).values_list(
        "shipment_id", "order__channel_order_no"
    )
    for shipment_id, order_no in sorted(set(orders)):
        account_id = accounts.get(shops[shipment_id])
        if account_id is None or shipment_id not in parcels:
            continue
        carrier, number = parcels[shipment_id]
        reports.setdefault(shipment_id, {})[order_no] = {
            "account_id": account_id,
            "shipment_id": shipment_id,
            "order_no": order_no,
            "carrier": carrier,
            "tracking_no": number,
            "lines": [],
        }
    return {shipment_id: list(by_order.values()) for shipment_id, by_order in reports.items()}
