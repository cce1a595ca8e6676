"""Work in an own warehouse: waves, their baskets, and what is to be picked into each."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from fulfillment.models.couriers import Carrier
from fulfillment.models.shipments import Shipment, ShipmentLine
from fulfillment.states import WaveKind, WaveState
from ordercenter.catalog.models import Sku
from ordercenter.common.fsm import StateField, StateModel, transition
from ordercenter.common.rows import FastRow
from ordercenter.inventory.models import Warehouse


class Wave(StateModel):
    """Shipments that are picked in one round. title: what they have in common, for people."""

    code = models.CharField(_("wave number"), max_length=32, unique=True)
    warehouse = models.ForeignKey(Warehouse, models.PROTECT, verbose_name=_("warehouse"))
    kind = models.CharField(_("kind"), max_length=8, choices=WaveKind.choices, default=WaveKind.MIXED)
    title = models.CharField(_("title"), max_length=128, blank=True)
    state = StateField(_("state"), default=WaveState.OPEN, choices=WaveState.choices)
    shipments_total = models.PositiveIntegerField(_("shipments"), default=0)
    pieces_total = models.PositiveIntegerField(_("pieces"), default=0)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, verbose_name=_("made by"), null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(_("created at"), default=timezone.now)
    started_at = models.DateTimeField(_("started at"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)
    history = HistoricalRecords(history_id_field=models.BigAutoField())

    class Meta:
        verbose_name = _("wave")
        verbose_name_plural = _("waves")
        permissions = [
            ("work_floor", _("Can pick, check, pack and receive in an own warehouse")),
            ("plan_wave", _("Can make waves and decide what is missing")),
        ]
        indexes = [models.Index(fields=["warehouse", "state", "-id"], name="wave_by_warehouse")]

    def __str__(self) -> str:
        return self.code

    @transition(field=state, source=WaveState.OPEN, target=WaveState.PICKING)
    def start(self) -> None:
        """Somebody has begun to pick."""

    @transition(field=state, source=[WaveState.OPEN, WaveState.PICKING], target=WaveState.PICKED)
    def finish_picking(self) -> None:
        """Nothing is left to pick."""

    @transition(field=state, source=WaveState.PICKED, target=WaveState.PICKING)
    def pick_on(self) -> None:
        """Something is to be picked again."""

    @transition(field=state, source=[WaveState.OPEN, WaveState.PICKING, WaveState.PICKED], target=WaveState.DONE)
    def finish(self) -> None:
        """Every shipment of it has left, or will not leave with it."""


class Basket(FastRow):
    """The place of one shipment in its wave, and what became of its box."""

    wave = models.ForeignKey(Wave, models.PROTECT, verbose_name=_("wave"), related_name="baskets")
    shipment = models.OneToOneField(
        Shipment, models.PROTECT, verbose_name=_("shipment"), related_name="basket", db_constraint=False
    )
    number = models.PositiveIntegerField(_("basket"))
    carrier = models.ForeignKey(
        Carrier, models.PROTECT, verbose_name=_("carrier"), null=True, blank=True, db_constraint=False, db_index=False
    )
    tracking_no = models.CharField(_("tracking number"), max_length=64, blank=True)
    expected_g = models.PositiveIntegerField(_("expected weight (g)"), default=0)
    weight_g = models.PositiveIntegerField(_("weight (g)"), null=True, blank=True)

    class Meta:
        verbose_name = _("basket")
        verbose_name_plural = _("baskets")
        constraints = [
            models.UniqueConstraint(fields=["wave", "number"], name="basket_once_per_wave"),
            models.UniqueConstraint(
                fields=["carrier", "tracking_no"], condition=~Q(tracking_no=""), name="basket_tracking_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.wave_id}-{self.number:02d}"


class PickLine(FastRow):
    """One line of a shipment in its basket. wanted = picked + short + what is still to be picked; checked of picked."""

    basket = models.ForeignKey(Basket, models.CASCADE, verbose_name=_("basket"), related_name="lines")
    shipment_line = models.OneToOneField(
        ShipmentLine, models.CASCADE, verbose_name=_("shipment line"), related_name="pick_line", db_constraint=False
    )
    sku = models.ForeignKey(
        Sku, models.PROTECT, verbose_name=_("SKU"), related_name="+", db_constraint=False, db_index=False
    )
    bin_code = models.CharField(_("bin"), max_length=32, blank=True)
    wanted = models.PositiveIntegerField(_("wanted"))
    picked = models.PositiveIntegerField(_("picked"), default=0)
    short = models.PositiveIntegerField(_("missing"), default=0)
    checked = models.PositiveIntegerField(_("checked"), default=0)

    class Meta:
        verbose_name = _("pick line")
        verbose_name_plural = _("pick lines")
        constraints = [
            models.CheckConstraint(
                condition=Q(wanted__gte=F("picked") + F("short"), picked__gte=F("checked")), name="picked_within_wanted"
            )
        ]

    def __str__(self) -> str:
        return f"{self.basket_id} {self.picked}/{self.wanted} x {self.sku_id}"

    @property
    def open(self) -> int:
        """Pieces still to be picked."""
        return self.wanted - self.picked - self.short
