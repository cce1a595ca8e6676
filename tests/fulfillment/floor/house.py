"""A small own warehouse with somebody who scans: the only open warehouse of its company."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

from django.contrib.auth import get_user_model
from django.utils import timezone

from fulfillment.floor.scans import Answered, ScanInput
from fulfillment.models import Barcode, Bin, FloorRules, Shipment, Wave
from fulfillment.services import make_waves, take_scans
from fulfillment.states import ScanStep
from ordercenter.common.actor import Actor
from ordercenter.console.invariants import run_checks
from ordercenter.console.invariants.catalogue import CHECKS
from ordercenter.inventory.models import StockLevel, Warehouse
from ordercenter.inventory.services import Movement, move_stock
from ordercenter.inventory.states import MovementReason, WarehouseKind
from tests.flows.outside import settle_down
from tests.flows.world import World
from tests.fulfillment.contracts import contract_of


class House:
    """`scan` sends one scan of one device; `order` brings an order as far as waiting for a wave."""

    def __init__(self, *, stock: int = 100) -> None:
        self.world = World(stock=0)
        Warehouse.objects.update(is_open=False)
        self.warehouse = Warehouse.objects.create(
            code="OWN", name="自有仓", province="浙江省", city="杭州市", kind=WarehouseKind.OWN
        )
        contract_of(self.warehouse, self.world.carrier, {"": "3"}, step="1")
        self.rules = FloorRules.objects.create(warehouse=self.warehouse)
        for n, sku in enumerate(self.world.skus):
            Bin.objects.create(warehouse=self.warehouse, sku=sku, code=f"{'AB'[n % 2]}-01-{n:02d}")
            Barcode.objects.create(text=f"690000000000{n}", sku=sku)
        move_stock(
            movements=[
                Movement(sku.pk, self.warehouse.pk, stock, MovementReason.COUNT, "first", f"first:{sku.code}:OWN")
                for sku in self.world.skus
            ]
        ).raise_first()
        self.user = get_user_model().objects.create(username="picker")
        self.actor = Actor("person", "picker", user_id=self.user.pk)
        self.numbers = 0

    def order(self, *lines: tuple[str, int, str], **changes: Any) -> Shipment:
        """A paid order with these lines; its shipment, which waits for a wave."""
        trade = self.world.trade(*lines, **changes)
        self.world.deliver(trade)
        settle_down()
        return Shipment.objects.filter(lines__order__channel_order_no=str(trade["tid"])).distinct().get()

    def wave(self, **wanted: Any) -> Any:
        """The first wave of everything that waits."""
        return make_waves(warehouse_id=self.warehouse.pk, actor=self.actor, **wanted)[0]

    def wave_of_first(self) -> Any:
        """The wave that was made first."""
        return Wave.objects.order_by("pk")[0]

    def scan(self, step: str, text: str, **more: Any) -> Answered:
        """One scan of device "d1", or of the one named."""
        values = {"id": uuid4(), "device": "d1", "scanned_at": timezone.now(), **more}
        scan = ScanInput(warehouse_id=self.warehouse.pk, step=ScanStep(step), text=text, **values)
        return take_scans(scans=[scan], warehouse_ids=None, actor=self.actor)[0]

    def pick(self, wave: Any, *texts: str) -> list[Answered]:
        """Open the wave and pick these pieces; all have to be right."""
        answers = [self.scan("pick", text) for text in (wave.code, *texts)]
        assert all(answer.is_ok for answer in answers), [answer.say for answer in answers]
        return answers

    def pack(self, shipment: Shipment, *texts: str, weight: str = "") -> str:
        """Check these pieces, pack under a new number, weigh what it should; the tracking number."""
        self.numbers += 1
        number = f"ZT{self.numbers:010d}"
        expected = shipment.weight_g + self.rules.packing_g
        answers = [self.scan("check", text) for text in (shipment.code, *texts, number)]
        answers.append(self.scan("check", weight or f"{expected / 1000:.3f}"))
        assert all(answer.is_ok for answer in answers), [answer.say for answer in answers]
        return number

    def stock(self, code: str) -> tuple[int, int]:
        """What lies in the house of a SKU, and what of it is promised."""
        level = StockLevel.objects.get(sku__code=code, warehouse=self.warehouse)
        return level.on_hand, level.promised


def broken_invariants() -> dict[str, list[tuple[str, str]]]:
    """What the database says is wrong: nothing, mostly."""
    verdicts = run_checks(CHECKS, stale_before=timezone.now() - timedelta(hours=1))
    return {verdict.check.name: verdict.sample for verdict in verdicts if verdict.broken}


def state_of(row: Any) -> str:
    """The state in the database now."""
    return str(type(row).objects.values_list("state", flat=True).get(pk=row.pk))
