"""What parcels offer to flows: the facts that they have arrived, and calling them back."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from fulfillment.models import Parcel
from fulfillment.services.parcels import recall_parcels
from fulfillment.states import ParcelState
from ordercenter.events.types import OrderDelivered, ShipmentDelivered
from ordercenter.workflow.components import StepCall, action, register_trigger

register_trigger(ShipmentDelivered.name, subject="shipment", label=_("All parcels of the shipment signed for"))
register_trigger(OrderDelivered.name, subject="order", label=_("Order delivered"))


@action(
    use="parcels.recall",
    subject="order",
    label=_("Call parcels back"),
    emits=["fulfillment.parcel.returning"],
    danger=2,
)
def recall(call: StepCall) -> None:
    """Ask couriers to bring back what of these orders is on its way; a courier that cannot be asked is a case.

    The orders go on at once: the courier's answer, or the receiver, decides later.
    """
    under_way = Parcel.objects.filter(
        shipment__lines__order_id__in=call.subjects, state__in=(ParcelState.SHIPPED, ParcelState.IN_TRANSIT)
    )
    recall_parcels(parcel_ids=sorted(set(under_way.values_list("pk", flat=True))), work=call.work)
    call.go(call.subjects)
