"""How warehouses are chosen: versions of the rules, calendars, capacity, pins, prices, and what was decided."""

from __future__ import annotations

from zoneinfo import available_timezones

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from ordercenter.inventory.models import Warehouse
from ordercenter.orders.models import Order

ACTIVE_RULES = "routing"


class ClosingPolicy(models.TextChoices):
    """What becomes of orders that a temporarily closed warehouse would have shipped."""

    AS_RULED = "", _("as the rules say")
    HOLD = "hold", _("hold the orders")
    FALL_BACK = "fall_back", _("fall back to other warehouses")


class RoutingRuleSet(models.Model):
    """The rules by which warehouses are chosen: the version that is active, and the draft that people work on."""

    key = models.SlugField(_("key"), max_length=64, unique=True)
    active_version = models.ForeignKey(
        "RoutingRuleVersion", models.PROTECT, verbose_name=_("active version"), null=True, blank=True, related_name="+"
    )
    draft = models.JSONField(_("draft"), null=True, blank=True)
    # Counts the changes of the draft: who saves over a change that they have not seen is told so.
    draft_revision = models.PositiveIntegerField(_("revision of the draft"), default=0)
    draft_changed_at = models.DateTimeField(_("draft changed at"), null=True, blank=True)
    draft_changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        verbose_name=_("draft changed by"),
        null=True,
        blank=True,
        related_name="+",
    )
    history = HistoricalRecords(history_id_field=models.BigAutoField())

    class Meta:
        verbose_name = _("routing rules")
        verbose_name_plural = _("routing rules")
        permissions = [("activate_routingruleset", _("Can activate routing rules"))]

    def __str__(self) -> str:
        return self.key


class RoutingRuleVersion(models.Model):
    """One immutable rule set. The same document has the same hash and is kept once."""

    rule_set = models.ForeignKey(
        RoutingRuleSet, models.PROTECT, verbose_name=_("routing rules"), related_name="versions"
    )
    number = models.PositiveIntegerField(_("version"))
    document = models.JSONField(_("document"))
    content_hash = models.CharField(_("content hash"), max_length=64)
    created_at = models.DateTimeField(_("created at"), default=timezone.now)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, verbose_name=_("created by"), null=True, blank=True, related_name="+"
    )

    class Meta:
        verbose_name = _("version of routing rules")
        verbose_name_plural = _("versions of routing rules")
        constraints = [
            models.UniqueConstraint(fields=["rule_set", "number"], name="rule_version_number_once"),
            models.UniqueConstraint(fields=["rule_set", "content_hash"], name="rule_document_kept_once"),
        ]

    def __str__(self) -> str:
        return f"v{self.number}"


def only_weekdays(value: object) -> None:
    """Raises ValidationError for anything but different weekdays, 1 Monday to 7 Sunday, at least one."""
    if not isinstance(value, list) or not value or len(set(value)) != len(value) or not set(value) <= set(range(1, 8)):
        raise ValidationError(_("Weekdays from 1 (Monday) to 7 (Sunday), each once, at least one."))


def only_known_zone(value: str) -> None:
    """Raises ValidationError for a name that is no time zone."""
    if value not in available_timezones():
        raise ValidationError(_("There is no time zone of this name."))


def every_weekday() -> list[int]:
    return [1, 2, 3, 4, 5, 6, 7]


class WarehouseCalendar(models.Model):
    """On which days a warehouse ships, until when, and how much. A warehouse without one always ships."""

    warehouse = models.OneToOneField(Warehouse, models.CASCADE, verbose_name=_("warehouse"), related_name="calendar")
    workdays = ArrayField(
        models.PositiveSmallIntegerField(),
        verbose_name=_("workdays"),
        default=every_weekday,
        validators=[only_weekdays],
        help_text=_("Weekdays, separated by commas: 1 Monday to 7 Sunday."),
    )
    cut_off = models.TimeField(
        _("cut-off"), null=True, blank=True, help_text=_("What comes later leaves on the next working day.")
    )
    waves = ArrayField(
        models.TimeField(),
        verbose_name=_("waves"),
        default=list,
        blank=True,
        help_text=_("Times of day, separated by commas, at which held shipments are handed over."),
    )
    daily_parcels = models.PositiveIntegerField(
        _("parcels per day"), null=True, blank=True, help_text=_("Empty: as many as there are.")
    )
    full_excludes = models.BooleanField(
        _("full means closed for the day"),
        default=False,
        help_text=_("Without it, what does not fit is planned for the next working day and counts as late."),
    )
    zone = models.CharField(_("time zone"), max_length=40, default="Asia/Shanghai", validators=[only_known_zone])
    last_wave_at = models.DateTimeField(_("last wave at"), null=True, blank=True, editable=False)
    history = HistoricalRecords(history_id_field=models.BigAutoField(), excluded_fields=["last_wave_at"])

    class Meta:
        verbose_name = _("warehouse calendar")
        verbose_name_plural = _("warehouse calendars")

    def __str__(self) -> str:
        return str(self.warehouse_id)


class WarehouseDay(models.Model):
    """One day that is different: an extra workday, a holiday, another capacity."""

    warehouse = models.ForeignKey(Warehouse, models.CASCADE, verbose_name=_("warehouse"), related_name="special_days")
    on = models.DateField(_("day"))
    is_workday = models.BooleanField(_("workday"), default=False)
    daily_parcels = models.PositiveIntegerField(_("parcels that day"), null=True, blank=True)
    note = models.CharField(_("note"), max_length=100, blank=True)
    history = HistoricalRecords(history_id_field=models.BigAutoField())

    class Meta:
        verbose_name = _("special day of a warehouse")
        verbose_name_plural = _("special days of warehouses")
        constraints = [models.UniqueConstraint(fields=["warehouse", "on"], name="special_day_once")]

    def __str__(self) -> str:
        return f"{self.warehouse_id} {self.on}"


class WarehouseClosing(models.Model):
    """A warehouse is temporarily shut, from one day until it opens again. policy says what orders do meanwhile."""

    warehouse = models.ForeignKey(Warehouse, models.CASCADE, verbose_name=_("warehouse"), related_name="closings")
    starts_on = models.DateField(_("shut from"))
    reopens_on = models.DateField(_("opens again on"))
    policy = models.CharField(
        _("orders meanwhile"), max_length=10, choices=ClosingPolicy.choices, default=ClosingPolicy.AS_RULED, blank=True
    )
    reason = models.CharField(_("reason"), max_length=200)
    history = HistoricalRecords(history_id_field=models.BigAutoField())

    class Meta:
        verbose_name = _("temporary closing")
        verbose_name_plural = _("temporary closings")
        constraints = [
            models.CheckConstraint(condition=Q(reopens_on__gt=F("starts_on")), name="closing_ends_after_it_starts")
        ]

    def __str__(self) -> str:
        return f"{self.warehouse_id} {self.starts_on} - {self.reopens_on}"


class WarehouseLoad(models.Model):
    """How many shipments are planned to leave a warehouse on a day, those that have left among them.

    Kept only where the calendar limits them: of shipments decided while it did. Not bounded below: an invariant holds
    it against the shipments, and a miscount has to be seen.
    """

    warehouse = models.ForeignKey(Warehouse, models.CASCADE, verbose_name=_("warehouse"))
    on = models.DateField(_("day"))
    parcels = models.IntegerField(_("planned parcels"), default=0)

    class Meta:
        verbose_name = _("load of a warehouse")
        verbose_name_plural = _("loads of warehouses")
        constraints = [
            models.UniqueConstraint(fields=["warehouse", "on"], name="load_once_per_day"),
        ]

    def __str__(self) -> str:
        return f"{self.warehouse_id} {self.on} {self.parcels}"


class RoutingPin(models.Model):
    """A person has said from which warehouse an order ships, and what happens if that cannot be."""

    order = models.ForeignKey(Order, models.CASCADE, verbose_name=_("order"), related_name="pins")
    warehouse = models.ForeignKey(Warehouse, models.PROTECT, verbose_name=_("warehouse"))
    policy = models.CharField(
        _("if that cannot be"),
        max_length=10,
        choices=[choice for choice in ClosingPolicy.choices if choice[0]],
        default=ClosingPolicy.HOLD,
    )
    reason = models.CharField(_("reason"), max_length=200)
    created_at = models.DateTimeField(_("created at"), default=timezone.now)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, verbose_name=_("created by"), null=True, blank=True, related_name="+"
    )
    ended_at = models.DateTimeField(_("taken back at"), null=True, blank=True)
    history = HistoricalRecords(history_id_field=models.BigAutoField())

    class Meta:
        verbose_name = _("pin to a warehouse")
        verbose_name_plural = _("pins to warehouses")
        permissions = [("pin_order", _("Can say from which warehouse an order ships"))]
        constraints = [
            models.UniqueConstraint(fields=["order"], condition=Q(ended_at__isnull=True), name="one_pin_per_order")
        ]

    def __str__(self) -> str:
        return f"{self.order_id} > {self.warehouse_id}"


class ShadowPrices(models.Model):
    """What a piece of stock, or a parcel of a warehouse, is worth to the orders that come later; learned, never edited.

    stock: SKU id -> warehouse id -> fen a piece. parcels: warehouse id -> fen. units: warehouse id -> fen a piece made.
    """

    learned_at = models.DateTimeField(_("learned at"), default=timezone.now)
    source = models.CharField(_("learned from"), max_length=40)
    orders = models.PositiveIntegerField(_("orders"), default=0)
    stock = models.JSONField(_("prices of stock"), default=dict)
    parcels = models.JSONField(_("prices of parcels"), default=dict)
    units = models.JSONField(_("prices of production"), default=dict)
    is_active = models.BooleanField(_("in use"), default=True)

    class Meta:
        verbose_name = _("shadow prices")
        verbose_name_plural = _("shadow prices")

    def __str__(self) -> str:
        return f"{self.pk} {self.source}"


class DecisionOutcome(models.TextChoices):
    REFUSED = "refused", _("no way found")
    MOVED = "moved", _("moved by re-optimisation")
    KEPT = "kept", _("looked at again and kept")


class RoutingDecision(models.Model):
    """A decision that is not on a shipment: an order without a way, or one that was decided anew. Appended only."""

    order = models.ForeignKey(
        Order, models.CASCADE, verbose_name=_("order"), related_name="routing_decisions", db_constraint=False
    )
    at = models.DateTimeField(_("at"), default=timezone.now)
    outcome = models.CharField(_("outcome"), max_length=8, choices=DecisionOutcome.choices)
    code = models.CharField(_("code"), max_length=64, blank=True)
    record = models.JSONField(_("record"), default=dict)

    class Meta:
        verbose_name = _("routing decision")
        verbose_name_plural = _("routing decisions")

    def __str__(self) -> str:
        return f"{self.order_id} {self.outcome}"


class BacklogRun(models.Model):
    """One re-optimisation of what was not handed over yet: what it found and changed. Costs in fen."""

    started_at = models.DateTimeField(_("started at"), default=timezone.now)
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)
    cause = models.CharField(_("cause"), max_length=20)
    warehouse = models.ForeignKey(
        Warehouse, models.CASCADE, verbose_name=_("warehouse"), null=True, blank=True, related_name="+"
    )
    orders = models.PositiveIntegerField(_("orders"), default=0)
    moved = models.PositiveIntegerField(_("moved"), default=0)
    changed_meanwhile = models.PositiveIntegerField(_("changed meanwhile"), default=0)
    cost_before_fen = models.BigIntegerField(_("cost before (fen)"), default=0)
    cost_after_fen = models.BigIntegerField(_("cost after (fen)"), default=0)
    method = models.CharField(_("method"), max_length=40, blank=True)
    notes = models.JSONField(_("notes"), default=list)

    class Meta:
        verbose_name = _("backlog run")
        verbose_name_plural = _("backlog runs")

    def __str__(self) -> str:
        return f"{self.pk} {self.cause}"


class ShadowStatus(models.TextChoices):
    WAITING = "waiting", _("waiting")
    RUNNING = "running", _("running")
    DONE = "done", _("done")
    FAILED = "failed", _("failed")


class ShadowRun(models.Model):
    """What other rules would have chosen on past days, beside what the present ones would have."""

    name = models.CharField(_("name"), max_length=100)
    base = models.JSONField(_("present rules"))
    trial = models.JSONField(_("rules on trial"))
    first_day = models.DateField(_("first day"))
    last_day = models.DateField(_("last day"))
    most_orders = models.PositiveIntegerField(
        _("most orders a day"), default=20000, validators=[MinValueValidator(1), MaxValueValidator(200000)]
    )
    status = models.CharField(_("status"), max_length=8, choices=ShadowStatus.choices, default=ShadowStatus.WAITING)
    report = models.JSONField(_("report"), default=dict)
    error = models.CharField(_("error"), max_length=500, blank=True)
    created_at = models.DateTimeField(_("created at"), default=timezone.now)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, verbose_name=_("created by"), null=True, blank=True, related_name="+"
    )
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)

    class Meta:
        verbose_name = _("shadow run")
        verbose_name_plural = _("shadow runs")

    def __str__(self) -> str:
        return self.name


class ShadowDifference(models.Model):
    """An order that the rules on trial would have sent another way, with both records."""

    run = models.ForeignKey(ShadowRun, models.CASCADE, verbose_name=_("shadow run"), related_name="differences")
    order = models.ForeignKey(
        Order, models.CASCADE, verbose_name=_("order"), related_name="+", db_constraint=False, db_index=False
    )
    day = models.DateField(_("day"))
    saved_fen = models.BigIntegerField(_("saved (fen)"), default=0)
    base = models.JSONField(_("as decided by the present rules"))
    trial = models.JSONField(_("as decided by the rules on trial"))

    class Meta:
        verbose_name = _("difference of a shadow run")
        verbose_name_plural = _("differences of shadow runs")

    def __str__(self) -> str:
        return f"{self.run_id} {self.order_id}"
