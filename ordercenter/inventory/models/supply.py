"""What is on its way, and who it is promised to."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ordercenter.catalog.models import Sku
from ordercenter.common.fsm import StateField, StateModel, transition
from ordercenter.inventory.models.warehouses import Warehouse
from ordercenter.inventory.states import PromiseBasis, SupplyKind, SupplyState


class Supply(StateModel):
    """Pieces that will lie in a warehouse from a day on: bought, sent over from another warehouse, or being made.

    ref: the purchase order, transfer or production order; together with the SKU it is there once. arrived: what has
    come of it so far, maybe in parts.
    """

    kind = models.CharField(_("kind"), max_length=10, choices=SupplyKind.choices)
    ref = models.CharField(_("reference"), max_length=64)
    sku = models.ForeignKey(Sku, models.PROTECT, verbose_name=_("SKU"))
    warehouse = models.ForeignKey(Warehouse, models.PROTECT, verbose_name=_("warehouse"))
    from_warehouse = models.ForeignKey(
        Warehouse, models.PROTECT, verbose_name=_("from warehouse"), null=True, blank=True, related_name="+"
    )
    quantity = models.PositiveIntegerField(_("quantity"))
    arrived = models.PositiveIntegerField(_("arrived"), default=0)
    due_on = models.DateField(_("expected on"))
    state = StateField(_("state"), default=SupplyState.COMING, choices=SupplyState.choices)
    created_at = models.DateTimeField(_("created at"), default=timezone.now)

    class Meta:
        verbose_name = _("supply")
        verbose_name_plural = _("supplies")
        constraints = [
            models.UniqueConstraint(fields=["kind", "ref", "sku", "warehouse"], name="supply_once"),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="supply_quantity_positive"),
        ]
        indexes = [models.Index(fields=["sku", "due_on"], name="supply_coming", condition=Q(state="coming"))]

    def __str__(self) -> str:
        return f"{self.ref}: {self.quantity} x {self.sku_id} {self.due_on}"

    @property
    def still_coming(self) -> int:
        """Pieces that have not arrived."""
        return max(0, self.quantity - self.arrived) if self.state == SupplyState.COMING else 0

    @transition(field=state, source=SupplyState.COMING, target=SupplyState.ARRIVED)
    def arrive(self) -> None:
        """All of it is there, or no more will come."""

    @transition(field=state, source=SupplyState.COMING, target=SupplyState.CANCELLED)
    def cancel(self) -> None:
        """It will not come."""


class SupplyClaim(models.Model):
    """Pieces of what is to come, promised for a day: to an order line that waits, or to a production order.

    promised_on: the day from which they are there (of production: on which its work begins); None where no day is
    known. A claim lives as long as its line waits.
    """

    sku = models.ForeignKey(Sku, models.PROTECT, verbose_name=_("SKU"), related_name="+")
    quantity = models.PositiveIntegerField(_("quantity"))
    promised_on = models.DateField(_("promised on"), null=True, blank=True)
    basis = models.CharField(_("rests on"), max_length=10, choices=PromiseBasis.choices)
    order_id = models.BigIntegerField(_("order"), null=True, blank=True)
    line_id = models.BigIntegerField(_("order line"), null=True, blank=True)
    production_id = models.BigIntegerField(_("production order"), null=True, blank=True)
    made_at = models.DateTimeField(_("promised at"), default=timezone.now)

    class Meta:
        verbose_name = _("promise of supply")
        verbose_name_plural = _("promises of supply")
        constraints = [
            models.UniqueConstraint(fields=["line_id"], name="claim_once_per_line"),
            models.UniqueConstraint(
                fields=["production_id", "sku"],
                condition=Q(line_id__isnull=True),
                name="claim_once_per_component",
            ),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="claim_quantity_positive"),
            models.CheckConstraint(
                condition=Q(line_id__isnull=False) | Q(production_id__isnull=False), name="claim_is_somebodys"
            ),
        ]
        indexes = [models.Index(fields=["order_id"], name="claim_by_order")]

    def __str__(self) -> str:
        return f"{self.quantity} x {self.sku_id} {self.promised_on or '?'}"
