"""The outside world of a test: warehouses and platforms that say yes, parcels that leave, buyers who confirm, bills."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from channels_sync.kinds import RENUMBER_KIND, TRACKING_KIND
from finance.matching import business_day_of
from finance.models import PaymentEntry
from finance.services.payments import expected_fee
from finance.services.statements import Bill, ImportOutcome, import_statement
from finance.statements.alipay_bill import BillRow
from fulfillment.models import Shipment
from fulfillment.services import confirm_shipments
from fulfillment.services.dispatching import CANCEL_KIND, CREATE_KIND
from fulfillment.wms.documents import ConfirmedLine, ConfirmedPackage, DeliveryConfirm
from ordercenter.events import outgoing, registry
from ordercenter.events.models import OutgoingCommand
from ordercenter.events.registry import Attempt
from ordercenter.events.relay import Relay
from tests.flows.world import SHANGHAI

ANSWERS: dict[str, dict[str, Any]] = {
    CREATE_KIND: {"warehouse_ref": "W-1", "was_known": False},
    CANCEL_KIND: {"stopped": True},
    TRACKING_KIND: {"outcome": "done", "other_tracking_no": ""},
    RENUMBER_KIND: {"outcome": "sent"},
}
ACCOUNT = "20880000000000001234"


def answer_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every outside call of this test succeeds at once, without a network."""

    def prepare(_target: str, commands: Sequence[OutgoingCommand]) -> Mapping[int, Attempt]:
        return {c.pk: Attempt(lambda kind=c.kind: dict(ANSWERS[kind])) for c in commands}

    for kind in ANSWERS:
        monkeypatch.setitem(registry._senders, kind, replace(registry.senders()[kind], prepare=prepare))


def settle_down() -> None:
    """Relay and sender in turns until nothing is due."""
    while Relay().drain() + sum(outgoing.drain_target(t).tried for t in outgoing.waiting_targets(at=timezone.now())):
        pass


def ship(shipment: Shipment, *, tracking_no: str, actual: Sequence[int] | None = None) -> None:
    """The warehouse reports the parcel. actual: pieces by line, as planned when None."""
    pieces = [line.quantity for line in shipment.lines.order_by("pk")] if actual is None else actual
    confirm_shipments(
        confirms=[
            DeliveryConfirm(
                delivery_order_code=shipment.code,
                warehouse_ref="W-1",
                warehouse_code=shipment.warehouse.code,
                out_biz_code=f"C-{tracking_no}",
                confirm_type=0,
                status="DELIVERED",
                operated_at=timezone.now(),
                packages=(ConfirmedPackage(shipment.carrier.code, tracking_no, "P1", Decimal("0.8"), ()),),
                lines=tuple(
                    ConfirmedLine(str(line.pk), line.sku.code, "ZP", line.quantity, n)
                    for line, n in zip(shipment.lines.order_by("pk"), pieces, strict=True)
                ),
            )
        ]
    ).raise_first()


def finished(trade: Mapping[str, Any]) -> dict[str, Any]:
    """The trade as the platform tells it after the buyer confirmed."""
    modified = (timezone.now() + timedelta(seconds=5)).astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")
    return {**trade, "status": "TRADE_FINISHED", "modified": modified}


def import_bill(**amounts: str) -> ImportOutcome:
    """Today's bill: every payment of our books as it is there, and further ones: transaction number=amount."""
    ours = [
        (e.external_no, e.merchant_no, e.amount) for e in PaymentEntry.objects.filter(kind="payment").order_by("pk")
    ]
    rows = ours + [(number, "", Decimal(amount)) for number, amount in amounts.items()]
    now = timezone.now()
    bill = Bill(
        account=ACCOUNT,
        business_day=business_day_of(now),
        rows=[
            BillRow(number, merchant_no, "payment", now, amount, -expected_fee(amount, 60), "", "", at)
            for at, (number, merchant_no, amount) in enumerate(rows, start=6)
        ],
    )
    return import_statement(provider="alipay", bill=bill, at=now)
