"""How we reach the systems of warehouses."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from ordercenter.common.secretfield import SealedField
from ordercenter.inventory.models import Warehouse


class WmsAccount(models.Model):
    """How we reach the system of a warehouse that speaks Qimen. secret: sealed."""

    warehouse = models.OneToOneField(Warehouse, models.PROTECT, verbose_name=_("warehouse"))
    base_url = models.URLField(_("address"), max_length=200)
    app_key = models.CharField(_("app key"), max_length=64)
    secret = SealedField(_("secret"))
    answers_within_min = models.PositiveIntegerField(
        _("answers within (minutes)"),
        default=30,
        help_text=_("A delivery order without an answer after this time becomes a case."),
    )
    ships_within_min = models.PositiveIntegerField(
        _("ships within (minutes)"),
        default=2880,
        help_text=_("A delivery order that was accepted and has not left after this time becomes a case."),
    )
    is_active = models.BooleanField(_("active"), default=True)
    history = HistoricalRecords(history_id_field=models.BigAutoField(), excluded_fields=["secret"])

    class Meta:
        verbose_name = _("warehouse account")
        verbose_name_plural = _("warehouse accounts")

    def __str__(self) -> str:
        return str(self.warehouse_id)
