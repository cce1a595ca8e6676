"""What leaves a warehouse with a system of its own for another warehouse: the sending side of a transfer."""

from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from fulfillment.models.inbound import InboundOrder
from fulfillment.states import StockOutState
from ordercenter.catalog.models import Sku
from ordercenter.common.fsm import StateField, StateModel, transition
from ordercenter.inventory.models import Warehouse


class StockOut(StateModel):
    """The sending warehouse is asked for the goods of one transfer, and says what left. It has a number of its own.

    Both warehouses of a transfer may be known to one system, where one number cannot stand for two documents.
    """

    code = models.CharField(_("stock-out number"), max_length=32, unique=True)
    inbound = models.OneToOneField(
        InboundOrder, models.PROTECT, verbose_name=_("inbound order"), related_name="stock_out"
    )
    warehouse = models.ForeignKey(Warehouse, models.PROTECT, verbose_name=_("from warehouse"), related_name="+")
    state = StateField(_("state"), default=StockOutState.PLANNED, choices=StockOutState.choices)
    warehouse_ref = models.CharField(_("number at the warehouse"), max_length=64, blank=True)
    # The warehouse's numbers of its confirms: one that is told twice counts once.
    confirms = models.JSONField(_("confirms"), default=list, editable=False)
    created_at = models.DateTimeField(_("created at"), default=timezone.now)
    sent_at = models.DateTimeField(_("sent at"), null=True, blank=True)
    left_at = models.DateTimeField(_("left at"), null=True, blank=True)
    history = HistoricalRecords(history_id_field=models.BigAutoField())

    class Meta:
        verbose_name = _("stock-out of a transfer")
        verbose_name_plural = _("stock-outs of transfers")

    def __str__(self) -> str:
        return self.code

    @transition(field=state, source=[StockOutState.PLANNED, StockOutState.REJECTED], target=StockOutState.SENT)
    def send(self) -> None:
        """The command to the warehouse is written."""

    @transition(field=state, source=StockOutState.SENT, target=StockOutState.ACCEPTED)
    def accept(self) -> None:
        """The warehouse will send the goods."""

    @transition(
        field=state,
        source=[StockOutState.SENT, StockOutState.ACCEPTED],
        target=StockOutState.REJECTED,
    )
    def reject(self) -> None:
        """The warehouse will not send them, or says that nothing has left."""

    @transition(
        field=state,
        source=[StockOutState.SENT, StockOutState.ACCEPTED, StockOutState.REJECTED, StockOutState.LEAVING],
        target=StockOutState.LEAVING,
    )
    def leave_in_part(self) -> None:
        """A part is on its way; more will leave."""

    @transition(
        field=state,
        source=[
            StockOutState.SENT,
            StockOutState.ACCEPTED,
            StockOutState.REJECTED,
            StockOutState.LEAVING,
            StockOutState.CANCELLED,
        ],
        target=StockOutState.LEFT,
    )
    def leave(self) -> None:
        """All that leaves is on its way; also what left although it had been called off."""

    @transition(
        field=state,
        source=[StockOutState.SENT, StockOutState.ACCEPTED, StockOutState.REJECTED],
        target=StockOutState.CANCELLED,
    )
    def cancel(self) -> None:
        """The goods stay where they are."""


class StockOutLine(models.Model):
    """One SKU of it: the pieces that were asked for, and those that left."""

    stock_out = models.ForeignKey(StockOut, models.CASCADE, verbose_name=_("stock-out"), related_name="lines")
    sku = models.ForeignKey(Sku, models.PROTECT, verbose_name=_("SKU"), related_name="+")
    planned = models.PositiveIntegerField(_("asked for"), default=0)
    left = models.PositiveIntegerField(_("left (sent)"), default=0)

    class Meta:
        verbose_name = _("line of a stock-out")
        verbose_name_plural = _("lines of stock-outs")
        constraints = [models.UniqueConstraint(fields=["stock_out", "sku"], name="stock_out_line_once")]

    def __str__(self) -> str:
        return f"{self.stock_out_id} {self.sku_id}"
