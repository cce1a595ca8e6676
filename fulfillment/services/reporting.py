"""Keeping in mind which shipments the channel knows of."""

from __future__ import annotations

from collections.abc import Collection

from fulfillment.models import Shipment
from ordercenter.audit.work import Work
from ordercenter.events.types import TrackingReported


def mark_reported(*, shipment_ids: Collection[int], work: Work) -> None:
    """The channel has taken the tracking numbers of these shipments. Emits TrackingReported, once for each."""
    for shipment in work.lock(Shipment, shipment_ids).values():
        if shipment.reported_at is None:
            shipment.reported_at = work.at
            work.save(shipment, "reported_at")
            work.record(TrackingReported(shipment_id=shipment.pk))
