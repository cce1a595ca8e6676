"""Counters of stores, the documents that they send, and their shifts."""

from __future__ import annotations

from decimal import Decimal

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from channels_sync.states import DocumentKind, DocumentState, WaitReason
from ordercenter.catalog.models import ApiKey, Shop
from ordercenter.common.fsm import StateField, StateModel, transition
from ordercenter.inventory.models import Warehouse
from ordercenter.inventory.states import WarehouseKind


class Counter(models.Model):
    """One counter of a store. api_key: the only key that may speak for it; without one, any key with pos:write there.

    clock_skew_s: by how much our clock was ahead of the counter's when it last sent; last_business_at: of its newest
    document. Written by each batch, and therefore kept out of the history.
    """

    shop = models.ForeignKey(Shop, models.PROTECT, verbose_name=_("shop"), related_name="counters")
    store = models.ForeignKey(Warehouse, models.PROTECT, verbose_name=_("store"), related_name="+")
    code = models.SlugField(_("code"), max_length=20)
    name = models.CharField(_("name"), max_length=64)
    api_key = models.ForeignKey(
        ApiKey, models.SET_NULL, verbose_name=_("API key"), null=True, blank=True, related_name="+"
    )
    is_active = models.BooleanField(_("active"), default=True)
    last_batch_at = models.DateTimeField(_("last batch"), null=True, blank=True)
    last_business_at = models.DateTimeField(_("newest document"), null=True, blank=True)
    clock_skew_s = models.IntegerField(_("clock is behind ours by (s)"), default=0)
    history = HistoricalRecords(
        history_id_field=models.BigAutoField(), excluded_fields=["last_batch_at", "last_business_at", "clock_skew_s"]
    )

    class Meta:
        verbose_name = _("counter")
        verbose_name_plural = _("counters")
        constraints = [models.UniqueConstraint(fields=["shop", "code"], name="counter_once_per_shop")]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Raises ValidationError for a warehouse that ships: what counters sell would be offered twice."""
        if self.store_id is not None and self.store.kind != WarehouseKind.STORE:
            raise ValidationError({"store": _("A counter stands in a warehouse of the kind store.")})


class CounterDocument(StateModel):
    """One document as a counter sent it, under the number that the counter made.

    said: as it came, without anything of a buyer. business_at: when it happened, by the counter's clock. shift: the
    counter's number of its shift. cash: what it put into the drawer, below zero what it took. sale_no: the sale that a
    return gives back.
    """

    counter = models.ForeignKey(Counter, models.PROTECT, verbose_name=_("counter"), related_name="documents")
    kind = models.CharField(_("kind"), max_length=8, choices=DocumentKind.choices)
    client_no = models.CharField(_("number"), max_length=40)
    state = StateField(_("state"), default=DocumentState.WAITING, choices=DocumentState.choices)
    business_at = models.DateTimeField(_("happened at"))
    received_at = models.DateTimeField(_("received at"), default=timezone.now)
    shift = models.CharField(_("shift"), max_length=40, blank=True)
    cash = models.DecimalField(_("cash"), max_digits=14, decimal_places=2, default=Decimal(0))
    sale_no = models.CharField(_("sale"), max_length=61, blank=True)
    said = models.JSONField(_("document"))
    wait_reason = models.CharField(_("why it waits"), max_length=12, choices=WaitReason.choices, blank=True)
    detail = models.CharField(_("detail"), max_length=200, blank=True)
    order_id = models.BigIntegerField(_("order"), null=True, blank=True)
    booked_at = models.DateTimeField(_("booked at"), null=True, blank=True)

    class Meta:
        verbose_name = _("document of a counter")
        verbose_name_plural = _("documents of counters")
        constraints = [
            # However often a bad line makes a counter send it.
            models.UniqueConstraint(fields=["counter", "client_no"], name="counter_document_once"),
        ]
        indexes = [
            models.Index(fields=["counter", "shift"], name="counter_document_by_shift"),
            models.Index(fields=["business_at"], name="counter_document_waiting", condition=Q(state="waiting")),
        ]

    def __str__(self) -> str:
        return f"{self.counter_id} {self.kind} {self.client_no}"

    @transition(field=state, source=DocumentState.WAITING, target=DocumentState.BOOKED)
    def book(self) -> None:
        """What it says is in stock and books."""


class CounterShift(models.Model):
    """The end of one shift: what was counted in the drawer, and what should have been there.

    expected_cash: the cash it began with, what was put in and taken out, and the cash of its documents as far as they
    have come; documents: how many the counter says there are, arrived: how many came.
    """

    counter = models.ForeignKey(Counter, models.PROTECT, verbose_name=_("counter"), related_name="shifts")
    client_no = models.CharField(_("number"), max_length=40)
    opened_at = models.DateTimeField(_("opened at"))
    closed_at = models.DateTimeField(_("closed at"))
    opening_cash = models.DecimalField(_("cash at the beginning"), max_digits=14, decimal_places=2)
    moved_cash = models.DecimalField(_("cash put in and taken out"), max_digits=14, decimal_places=2)
    counted_cash = models.DecimalField(_("cash counted"), max_digits=14, decimal_places=2)
    expected_cash = models.DecimalField(_("cash expected"), max_digits=14, decimal_places=2)
    documents = models.PositiveIntegerField(_("documents"))
    arrived = models.PositiveIntegerField(_("arrived"))

    class Meta:
        verbose_name = _("shift of a counter")
        verbose_name_plural = _("shifts of counters")
        constraints = [models.UniqueConstraint(fields=["counter", "client_no"], name="counter_shift_once")]

    def __str__(self) -> str:
        return f"{self.counter_id} {self.client_no}"

    @property
    def difference(self) -> Decimal:
        """Counted less expected: below zero, cash is missing."""
        return self.counted_cash - self.expected_cash

    @property
    def is_complete(self) -> bool:
        """Whether every document of the shift has come."""
        return self.arrived >= self.documents
