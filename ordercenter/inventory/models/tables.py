"""Tables of stock that people bring: kept as they came, with what became of them."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from ordercenter.common.fsm import StateField, StateModel, transition
from ordercenter.inventory.states import TableKind, TableState


class StockTable(StateModel):
    """A file with counts, adjustments, purchases or safety stock: looked at first, then taken in whole, once.

    original: the file as it came; parsed: its rows as they were read, in JSON. digest: of kind, reference and rows, not
    of bytes, so that the same table saved in another format is the same table. moved: rows that changed something.
    """

    kind = models.CharField(_("kind"), max_length=10, choices=TableKind.choices)
    reference = models.CharField(_("reference"), max_length=48, blank=True)
    note = models.CharField(_("reason"), max_length=200, blank=True)
    file_name = models.CharField(_("file"), max_length=120)
    original = models.BinaryField(_("file as it came"))
    parsed = models.BinaryField(_("rows as they were read"))
    digest = models.CharField(_("digest"), max_length=64)
    rows = models.PositiveIntegerField(_("rows"))
    moved = models.PositiveIntegerField(_("changed"), default=0)
    warehouse_ids = ArrayField(models.BigIntegerField(), verbose_name=_("warehouses"), default=list)
    state = StateField(_("state"), default=TableState.DRAFT, choices=TableState.choices)
    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, verbose_name=_("brought by"), null=True, related_name="+"
    )
    uploaded_at = models.DateTimeField(_("brought at"), default=timezone.now)
    applied_at = models.DateTimeField(_("taken in at"), null=True, blank=True)
    history = HistoricalRecords(history_id_field=models.BigAutoField(), excluded_fields=["original", "parsed"])

    class Meta:
        verbose_name = _("stock table")
        verbose_name_plural = _("stock tables")
        constraints = [
            # The same table has one effect, whoever brings it how often.
            models.UniqueConstraint(fields=["digest"], condition=Q(state="applied"), name="stock_table_once"),
            models.CheckConstraint(
                condition=~Q(state="applied") | Q(applied_at__isnull=False), name="stock_table_applied_at"
            ),
        ]
        indexes = [models.Index(fields=["-id", "state"], name="stock_table_newest")]

    def __str__(self) -> str:
        return f"T{self.pk} {self.file_name}"

    @property
    def ref(self) -> str:
        """How its movements name it."""
        return f"T{self.pk}"

    @transition(field=state, source=TableState.DRAFT, target=TableState.APPLIED)
    def apply(self) -> None:
        """All of its rows are carried out."""

    @transition(field=state, source=TableState.DRAFT, target=TableState.DISCARDED)
    def discard(self) -> None:
        """Nobody will take it in."""
