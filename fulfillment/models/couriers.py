"""Couriers, and what they charge."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from ordercenter.inventory.models import Warehouse


class Carrier(models.Model):
    """A courier. code is the warehouse's and the channels' code for it (SF, ZTO ...)."""

    code = models.CharField(_("code"), max_length=16, unique=True)
    name = models.CharField(_("name"), max_length=64)
    is_active = models.BooleanField(_("active"), default=True)
    history = HistoricalRecords(history_id_field=models.BigAutoField())

    class Meta:
        verbose_name = _("carrier")
        verbose_name_plural = _("carriers")

    def __str__(self) -> str:
        return self.name


class FreightRate(models.Model):
    """What a courier charges from a warehouse to a province: first weight, then steps. Empty province: everywhere."""

    warehouse = models.ForeignKey(Warehouse, models.CASCADE, verbose_name=_("warehouse"))
    carrier = models.ForeignKey(Carrier, models.CASCADE, verbose_name=_("carrier"))
    province = models.CharField(_("province"), max_length=32, blank=True)
    first_weight_g = models.PositiveIntegerField(_("first weight (g)"), default=1000)
    first_fee = models.DecimalField(_("first fee"), max_digits=10, decimal_places=2)
    step_weight_g = models.PositiveIntegerField(_("step weight (g)"), default=1000)
    step_fee = models.DecimalField(_("step fee"), max_digits=10, decimal_places=2)
    history = HistoricalRecords(history_id_field=models.BigAutoField())

    class Meta:
        verbose_name = _("freight rate")
        verbose_name_plural = _("freight rates")
        constraints = [
            models.UniqueConstraint(fields=["warehouse", "carrier", "province"], name="rate_once_per_lane"),
            models.CheckConstraint(
                condition=Q(first_fee__gte=0, step_fee__gte=0, step_weight_g__gt=0), name="rate_amounts_positive"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.warehouse_id} {self.carrier_id} {self.province or '*'}"
