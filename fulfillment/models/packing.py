"""What may lie in one box: rules that split a parcel before it is planned."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from fulfillment.states import PackingKind
from ordercenter.catalog.models import Shop
from ordercenter.inventory.models import Warehouse
from ordercenter.orders.models import Order, OrderLine


class PackingRule(models.Model):
    """One limit of a box, or one sort of goods that travels apart. Which columns count depends on the kind."""

    name = models.CharField(_("name"), max_length=64)
    shop = models.ForeignKey(
        Shop, models.CASCADE, verbose_name=_("shop"), null=True, blank=True, help_text=_("Empty: all shops.")
    )
    warehouse = models.ForeignKey(
        Warehouse,
        models.CASCADE,
        verbose_name=_("warehouse"),
        null=True,
        blank=True,
        help_text=_("Empty: all warehouses."),
    )
    kind = models.CharField(_("kind"), max_length=10, choices=PackingKind.choices)
    most = models.PositiveIntegerField(
        _("at most"), null=True, blank=True, help_text=_("Grams, cubic centimetres or pieces, as the kind says.")
    )
    category = models.CharField(_("category"), max_length=64, blank=True)
    tag = models.CharField(_("handling"), max_length=32, blank=True)
    is_active = models.BooleanField(_("active"), default=True)
    history = HistoricalRecords(history_id_field=models.BigAutoField())

    class Meta:
        verbose_name = _("packing rule")
        verbose_name_plural = _("packing rules")
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=["weight", "volume", "pieces"], most__isnull=False, most__gt=0)
                | (Q(kind="category") & ~Q(category=""))
                | (Q(kind="tag") & ~Q(tag="")),
                name="packing_rule_says_what_it_limits",
            )
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        field = {"category": "category", "tag": "tag"}.get(self.kind, "most")
        if not getattr(self, field):
            raise ValidationError({field: _("A rule of this kind needs a value here.")})


class SplitWish(models.Model):
    """A person wants these pieces of a line in a parcel of their own. box: pieces with the same number share one."""

    order = models.ForeignKey(Order, models.CASCADE, verbose_name=_("order"), related_name="split_wishes")
    order_line = models.ForeignKey(OrderLine, models.CASCADE, verbose_name=_("order line"), related_name="+")
    box = models.PositiveSmallIntegerField(_("parcel"))
    quantity = models.PositiveIntegerField(_("pieces"))
    history = HistoricalRecords(history_id_field=models.BigAutoField())

    class Meta:
        verbose_name = _("parcel by hand")
        verbose_name_plural = _("parcels by hand")
        constraints = [
            models.UniqueConstraint(fields=["order_line", "box"], name="split_once_per_box"),
            models.CheckConstraint(condition=Q(quantity__gt=0, box__gt=0), name="split_wish_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.order_line_id}: {self.quantity} > {self.box}"
