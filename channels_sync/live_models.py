"""Live-stream sessions, the goods shown in them, and the order lines that their viewers bought."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from channels_sync.states import LiveState
from ordercenter.catalog.models import Shop, Sku
from ordercenter.common.fsm import StateField, StateModel, transition
from ordercenter.inventory.models import ChannelQuota, Warehouse


class LiveSession(StateModel):
    """One live stream of an anchor in a room, selling for one shop.

    room_id, author_id: the platform's, as its orders name them; at least one is known. lead_minutes: so long before the
    planned start its goods are set aside, and orders of the room count for it.
    """

    shop = models.ForeignKey(Shop, models.PROTECT, verbose_name=_("shop"), related_name="+")
    title = models.CharField(_("title"), max_length=100)
    room_id = models.CharField(_("room number"), max_length=64, blank=True)
    author_id = models.CharField(_("anchor number"), max_length=64, blank=True)
    anchor_name = models.CharField(_("anchor"), max_length=64, blank=True)
    planned_start = models.DateTimeField(_("planned start"))
    planned_end = models.DateTimeField(_("planned end"))
    lead_minutes = models.PositiveSmallIntegerField(_("goods are set aside before the start (minutes)"), default=30)
    started_at = models.DateTimeField(_("started at"), null=True, blank=True)
    ended_at = models.DateTimeField(_("ended at"), null=True, blank=True)
    state = StateField(_("state"), default=LiveState.PLANNED, choices=LiveState.choices)
    history = HistoricalRecords(history_id_field=models.BigAutoField())

    class Meta:
        verbose_name = _("live-stream session")
        verbose_name_plural = _("live-stream sessions")
        permissions = [("run_livesession", _("Can plan and run live-stream sessions"))]
        constraints = [
            models.CheckConstraint(condition=Q(planned_end__gt=F("planned_start")), name="live_ends_after_start"),
            models.CheckConstraint(condition=~Q(room_id="", author_id=""), name="live_is_known_by_room_or_anchor"),
            models.CheckConstraint(
                condition=Q(state__in=["live", "ended"], started_at__isnull=False)
                | Q(state__in=["planned", "cancelled"], started_at__isnull=True),
                name="live_has_started",
            ),
            models.CheckConstraint(condition=Q(ended_at__isnull=True) | Q(state="ended"), name="live_end_is_an_end"),
        ]
        indexes = [models.Index(fields=["shop", "planned_start"], name="live_by_shop")]

    def __str__(self) -> str:
        return self.title

    @property
    def opens_at(self) -> datetime:
        """From when on its goods are set aside."""
        return self.planned_start - timedelta(minutes=self.lead_minutes)

    @property
    def is_open(self) -> bool:
        return self.state in (LiveState.PLANNED, LiveState.LIVE)

    @transition(field=state, source=LiveState.PLANNED, target=LiveState.LIVE)
    def start(self, *, at: datetime) -> None:
        self.started_at = at

    @transition(field=state, source=LiveState.LIVE, target=LiveState.ENDED)
    def end(self, *, at: datetime) -> None:
        """What was not sold of its goods is back in the pool."""
        self.ended_at = at

    @transition(field=state, source=LiveState.PLANNED, target=LiveState.CANCELLED)
    def cancel(self) -> None:
        """It does not take place."""


# So little left of what was set aside is few, where the session does not say it.
FEW_PERCENT = 10


class LiveItem(models.Model):
    """A SKU shown in a session: the pieces set aside for it, its price there, and what the anchor gets of it.

    quota: what is set aside of it; none where the session was entered after its end. is_dropped: taken off the list.
    few_pieces: with so many left, or fewer, somebody is told; few_told_at: since when that is so and was told.
    """

    session = models.ForeignKey(LiveSession, models.CASCADE, verbose_name=_("session"), related_name="items")
    sku = models.ForeignKey(Sku, models.PROTECT, verbose_name=_("SKU"), related_name="+")
    warehouse = models.ForeignKey(Warehouse, models.PROTECT, verbose_name=_("warehouse"), related_name="+")
    quantity = models.PositiveIntegerField(_("set aside"))
    price = models.DecimalField(_("price in the session"), max_digits=14, decimal_places=2)
    commission_percent = models.DecimalField(
        _("commission (%)"),
        max_digits=5,
        decimal_places=2,
        default=Decimal(0),
        validators=[MinValueValidator(0), MaxValueValidator(100)],
    )
    quota = models.OneToOneField(
        ChannelQuota, models.PROTECT, verbose_name=_("quota"), null=True, blank=True, related_name="live_item"
    )
    few_pieces = models.PositiveIntegerField(
        _("nearly sold out at"), null=True, blank=True, help_text=_("Pieces left; empty: a tenth of what is set aside.")
    )
    few_told_at = models.DateTimeField(_("told as nearly sold out at"), null=True, blank=True)
    is_dropped = models.BooleanField(_("taken off the list"), default=False)
    history = HistoricalRecords(history_id_field=models.BigAutoField())

    class Meta:
        verbose_name = _("goods of a session")
        verbose_name_plural = _("goods of sessions")
        constraints = [
            models.UniqueConstraint(fields=["session", "sku"], name="live_item_once"),
            models.CheckConstraint(
                condition=Q(quantity__gt=0, price__gte=0, commission_percent__gte=0, commission_percent__lte=100),
                name="live_item_sane",
            ),
        ]
        indexes = [models.Index(fields=["few_told_at"], name="live_few_told", condition=Q(few_told_at__isnull=False))]

    def __str__(self) -> str:
        return f"{self.session_id}: {self.quantity} x {self.sku_id}"

    @property
    def few_at(self) -> int:
        """With so many pieces left it is nearly sold out."""
        return self.quantity * FEW_PERCENT // 100 if self.few_pieces is None else self.few_pieces


class LiveSale(models.Model):
    """A line of an order that its platform says came from a live room, as it was when it came. Written by intake.

    session: whose sale it was; empty until a session of that room or anchor at that time is known. pieces, amount: as
    ordered; what was cancelled since is in the order's lines.
    """

    order_id = models.BigIntegerField(_("order"))
    channel_line_no = models.CharField(_("channel line number"), max_length=64)
    shop = models.ForeignKey(
        Shop, models.PROTECT, verbose_name=_("shop"), related_name="+", db_constraint=False, db_index=False
    )
    session = models.ForeignKey(
        LiveSession,
        models.PROTECT,
        verbose_name=_("session"),
        null=True,
        blank=True,
        related_name="sales",
        db_index=False,
    )
    room_id = models.CharField(_("room number"), max_length=64, blank=True)
    author_id = models.CharField(_("anchor number"), max_length=64, blank=True)
    listing_id = models.CharField(_("listing"), max_length=64, blank=True)
    listing_sku_id = models.CharField(_("listing SKU"), max_length=64, blank=True)
    pieces = models.PositiveIntegerField(_("pieces"))
    amount = models.DecimalField(_("amount"), max_digits=14, decimal_places=2)
    placed_at = models.DateTimeField(_("placed at"), default=timezone.now)

    class Meta:
        verbose_name = _("sale of a session")
        verbose_name_plural = _("sales of sessions")
        constraints = [
            models.UniqueConstraint(fields=["order_id", "channel_line_no"], name="live_sale_once"),
        ]
        indexes = [
            # All that a board reads, without the rows.
            models.Index(
                fields=["session", "placed_at"],
                include=["listing_id", "listing_sku_id", "pieces", "amount", "order_id"],
                name="live_sale_board",
            ),
            models.Index(fields=["shop", "placed_at"], name="live_sale_of_nobody", condition=Q(session__isnull=True)),
        ]

    def __str__(self) -> str:
        return f"{self.order_id}/{self.channel_line_no}"
