"""Counting what lies in an own warehouse."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from fulfillment.states import CountState
from ordercenter.catalog.models import Sku
from ordercenter.common.fsm import StateField, StateModel, transition
from ordercenter.inventory.models import Warehouse


class StockCount(StateModel):
    """A list of SKUs to be counted. Blind: who counts does not see what the books say."""

    code = models.CharField(_("count number"), max_length=32, unique=True)
    warehouse = models.ForeignKey(Warehouse, models.PROTECT, verbose_name=_("warehouse"))
    state = StateField(_("state"), default=CountState.OPEN, choices=CountState.choices)
    reason = models.CharField(_("reason"), max_length=96, blank=True)
    # Made by itself for goods that were missing when picked; one such list is open at a time.
    is_of_shorts = models.BooleanField(_("of missing goods"), default=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, verbose_name=_("made by"), null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(_("created at"), default=timezone.now)
    posted_at = models.DateTimeField(_("posted at"), null=True, blank=True)
    history = HistoricalRecords(history_id_field=models.BigAutoField())

    class Meta:
        verbose_name = _("stock count")
        verbose_name_plural = _("stock counts")
        permissions = [("post_count", _("Can post the differences of a count"))]
        constraints = [
            models.UniqueConstraint(
                fields=["warehouse"],
                condition=models.Q(is_of_shorts=True, state=CountState.OPEN),
                name="one_open_count_of_shorts",
            )
        ]

    def __str__(self) -> str:
        return self.code

    @transition(field=state, source=CountState.OPEN, target=CountState.POSTED)
    def post(self) -> None:
        """Its differences are in the books."""

    @transition(field=state, source=CountState.OPEN, target=CountState.CANCELLED)
    def cancel(self) -> None:
        """It is not needed."""


class CountLine(models.Model):
    """One SKU of a count. counted: None until somebody has counted; books: what the books said when it was posted."""

    count = models.ForeignKey(StockCount, models.CASCADE, verbose_name=_("stock count"), related_name="lines")
    sku = models.ForeignKey(Sku, models.PROTECT, verbose_name=_("SKU"), related_name="+")
    bin_code = models.CharField(_("bin"), max_length=32, blank=True)
    counted = models.PositiveIntegerField(_("counted"), null=True, blank=True)
    books = models.IntegerField(_("in the books"), null=True, blank=True)
    problem = models.CharField(_("not posted because"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("line of a count")
        verbose_name_plural = _("lines of a count")
        constraints = [models.UniqueConstraint(fields=["count", "sku"], name="sku_once_per_count")]

    def __str__(self) -> str:
        return f"{self.count_id} {self.sku_id}"
