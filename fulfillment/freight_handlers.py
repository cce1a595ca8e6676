"""Couriers' bills that wait: a worker is woken when what it has to do is committed."""

from __future__ import annotations

from collections.abc import Sequence

from fulfillment.states import COURIER_BILLS
from ordercenter.events.registry import Recorded, on
from ordercenter.events.types import FreightBillToJudge, FreightUploaded
from ordercenter.events.waking import wake_after_commit


@on(FreightUploaded, FreightBillToJudge, name="fulfillment.courier_bills")
def wake_worker(_events: Sequence[Recorded]) -> None:
    """What is to be read, taken in or judged stands in the tables; one ring is enough for all of it."""
    wake_after_commit(COURIER_BILLS)
