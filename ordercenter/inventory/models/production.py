"""Goods that are made for an order: what makes them, out of what, and on which days."""

from __future__ import annotations

from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from ordercenter.catalog.models import Sku
from ordercenter.common.fsm import StateField, StateModel, transition
from ordercenter.inventory.models.warehouses import Warehouse
from ordercenter.inventory.states import ProductionState, ReserveOn, StockSource


class StockPolicy(models.Model):
    """How orders get the pieces of a SKU. A SKU without a policy comes from stock, reserved when paid.

    ships_on: from when a pre-sale ships. hold_minutes, balance_days: how long a promise lasts before payment, and
    before the balance. rush_cap_percent, rush_cap_pieces: how much of what is reserved for less urgent orders more
    urgent ones may take over in a day; 0 %: nothing, and no pieces named: as many as the percentage says.
    """

    sku = models.OneToOneField(Sku, models.CASCADE, verbose_name=_("SKU"), related_name="stock_policy")
    source = models.CharField(_("source"), max_length=8, choices=StockSource.choices, default=StockSource.STOCK)
    reserve_on = models.CharField(_("reserve"), max_length=8, choices=ReserveOn.choices, default=ReserveOn.PAID)
    hold_minutes = models.PositiveIntegerField(_("promise before payment lasts (minutes)"), default=30)
    ships_on = models.DateField(_("ships from"), null=True, blank=True)
    balance_days = models.PositiveSmallIntegerField(_("the balance may take (days)"), default=7, db_default=7)
    rush_cap_percent = models.PositiveSmallIntegerField(
        _("rush orders may take over (%)"),
        default=0,
        validators=[MaxValueValidator(100)],
        help_text=_("Of what is reserved for less urgent orders, in a day; 0: nothing."),
    )
    rush_cap_pieces = models.PositiveIntegerField(
        _("rush orders may take over (pieces)"),
        null=True,
        blank=True,
        help_text=_("At most so many in a day; empty: no limit but the percentage."),
    )
    history = HistoricalRecords(history_id_field=models.BigAutoField())

    class Meta:
        verbose_name = _("stock policy of a SKU")
        verbose_name_plural = _("stock policies of SKUs")
        constraints = [
            models.CheckConstraint(condition=Q(rush_cap_percent__lte=100), name="rush_cap_is_a_share"),
            models.CheckConstraint(
                condition=~Q(source="presale") | Q(ships_on__isnull=False), name="presale_has_a_date"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.sku_id} {self.source}"


class ProductionResource(models.Model):
    """A machine, line or workshop whose minutes are limited. What it makes arrives in its warehouse."""

    code = models.SlugField(_("code"), max_length=32, unique=True)
    name = models.CharField(_("name"), max_length=64)
    warehouse = models.ForeignKey(Warehouse, models.PROTECT, verbose_name=_("warehouse"))
    is_active = models.BooleanField(_("active"), default=True)
    history = HistoricalRecords(history_id_field=models.BigAutoField())

    class Meta:
        verbose_name = _("production resource")
        verbose_name_plural = _("production resources")

    def __str__(self) -> str:
        return self.name


class CapacityDay(models.Model):
    """Minutes of a resource on one day, and how many of them are taken by production orders."""

    resource = models.ForeignKey(ProductionResource, models.PROTECT, verbose_name=_("production resource"))
    day = models.DateField(_("day"))
    minutes = models.PositiveIntegerField(_("minutes"))
    used = models.PositiveIntegerField(_("used"), default=0, editable=False)

    class Meta:
        verbose_name = _("capacity of a day")
        verbose_name_plural = _("capacity calendar")
        constraints = [
            models.UniqueConstraint(fields=["resource", "day"], name="capacity_once_per_day"),
            models.CheckConstraint(condition=Q(used__lte=F("minutes")), name="capacity_never_overbooked"),
        ]

    def __str__(self) -> str:
        return f"{self.resource_id} {self.day}: {self.used}/{self.minutes}"


class ProductionRoute(models.Model):
    """How a SKU is made. setup_days: before the first minute is used; lead_days: from the last minute to the shelf."""

    sku = models.OneToOneField(Sku, models.PROTECT, verbose_name=_("SKU"), related_name="production_route")
    resource = models.ForeignKey(ProductionResource, models.PROTECT, verbose_name=_("production resource"))
    minutes_per_unit = models.PositiveIntegerField(_("minutes per piece"))
    setup_days = models.PositiveSmallIntegerField(_("days before it can begin"), default=0)
    lead_days = models.PositiveSmallIntegerField(_("days after the last minute"), default=0)
    is_active = models.BooleanField(_("active"), default=True)
    history = HistoricalRecords(history_id_field=models.BigAutoField())

    class Meta:
        verbose_name = _("way of making")
        verbose_name_plural = _("ways of making")
        constraints = [models.CheckConstraint(condition=Q(minutes_per_unit__gt=0), name="making_takes_time")]

    def __str__(self) -> str:
        return f"{self.sku_id} @ {self.resource_id}"


class Component(models.Model):
    """How many pieces of which SKU one made piece takes."""

    route = models.ForeignKey(
        ProductionRoute, models.CASCADE, verbose_name=_("way of making"), related_name="components"
    )
    part = models.ForeignKey(Sku, models.PROTECT, verbose_name=_("part"), related_name="+")
    quantity = models.PositiveIntegerField(_("quantity"), default=1)

    class Meta:
        verbose_name = _("component")
        verbose_name_plural = _("components")
        constraints = [
            models.UniqueConstraint(fields=["route", "part"], name="component_once"),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="component_quantity_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.part_id} x {self.quantity}"


class ProductionOrder(StateModel):
    """Pieces that are being made for an order line, or for stock. The minutes that it takes are in CapacityUse.

    ready_on: the day on which they are on the shelf. parts: SKU id as text -> pieces that all of it takes, as it was
    planned: a recipe that changes meanwhile changes what is planned from then on. None of what is older than that.
    """

    sku = models.ForeignKey(Sku, models.PROTECT, verbose_name=_("SKU"))
    resource = models.ForeignKey(ProductionResource, models.PROTECT, verbose_name=_("production resource"))
    quantity = models.PositiveIntegerField(_("quantity"))
    order_id = models.BigIntegerField(_("order"), null=True, blank=True)
    line_id = models.BigIntegerField(_("order line"), null=True, blank=True)
    # What a person's form calls the wish to make pieces for stock, so that the same wish is one production order.
    key = models.CharField(_("idempotency key"), max_length=64, null=True, blank=True, unique=True, editable=False)
    ready_on = models.DateField(_("ready on"))
    parts = models.JSONField(_("parts"), null=True, blank=True, editable=False)
    state = StateField(_("state"), default=ProductionState.PLANNED, choices=ProductionState.choices)
    created_at = models.DateTimeField(_("created at"), default=timezone.now)
    ended_at = models.DateTimeField(_("ended at"), null=True, blank=True)

    class Meta:
        verbose_name = _("production order")
        verbose_name_plural = _("production orders")
        constraints = [
            models.UniqueConstraint(fields=["line_id"], condition=Q(state="planned"), name="line_made_once_at_a_time"),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="production_quantity_positive"),
        ]
        indexes = [
            models.Index(fields=["resource", "ready_on"], name="production_planned", condition=Q(state="planned")),
            models.Index(fields=["order_id"], name="production_by_order"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} x {self.sku_id} {self.ready_on}"

    @transition(field=state, source=ProductionState.PLANNED, target=ProductionState.DONE)
    def finish(self) -> None:
        """The pieces are made and lie in the warehouse."""

    @transition(field=state, source=ProductionState.PLANNED, target=ProductionState.CANCELLED)
    def cancel(self) -> None:
        """They are not needed any more; their minutes are free."""


class CapacityUse(models.Model):
    """Minutes of a day that a production order takes."""

    production = models.ForeignKey(
        ProductionOrder, models.CASCADE, verbose_name=_("production order"), related_name="minutes_used"
    )
    capacity = models.ForeignKey(CapacityDay, models.PROTECT, verbose_name=_("capacity of a day"))
    minutes = models.PositiveIntegerField(_("minutes"))

    class Meta:
        verbose_name = _("use of capacity")
        verbose_name_plural = _("uses of capacity")
        constraints = [
            models.UniqueConstraint(fields=["production", "capacity"], name="capacity_used_once"),
            models.CheckConstraint(condition=Q(minutes__gt=0), name="capacity_use_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.production_id} {self.minutes}"
