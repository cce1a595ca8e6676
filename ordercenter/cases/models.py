"""Cases: what a rule could not decide. What is wrong, on what evidence, who owns it, until when."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from ordercenter.cases.states import OPEN_STATES, CaseLevel, CaseState
from ordercenter.common.fsm import StateField, StateModel, transition


class CaseGroup(models.Model):
    """Cases with one root cause: solved by one decision. root_cause: code and what it is about, e.g. the SKU."""

    root_cause = models.CharField(_("root cause"), max_length=160, unique=True)
    code = models.CharField(_("code"), max_length=40)
    title = models.CharField(_("title"), max_length=200)
    created_at = models.DateTimeField(_("created at"), default=timezone.now)

    class Meta:
        verbose_name = _("case group")
        verbose_name_plural = _("case groups")

    def __str__(self) -> str:
        return self.title


class Case(StateModel):
    """One thing that needs a person. subject: "order:12", "statement_line:7", "message:3" ..."""

    code = models.CharField(_("code"), max_length=40)
    level = models.CharField(_("level"), max_length=8, choices=CaseLevel.choices, default=CaseLevel.BLOCKING)
    subject = models.CharField(_("subject"), max_length=64)
    state = StateField(_("state"), default=CaseState.OPEN, choices=CaseState.choices)
    group = models.ForeignKey(CaseGroup, models.PROTECT, verbose_name=_("group"), null=True, blank=True)
    # Copied from what it is about, so that the queue can be scoped, sorted and searched in one table.
    shop_id = models.BigIntegerField(_("shop"), null=True, blank=True)
    warehouse_id = models.BigIntegerField(_("warehouse"), null=True, blank=True)
    reference = models.CharField(_("number"), max_length=96, blank=True)
    money_at_risk = models.DecimalField(_("money at risk"), max_digits=14, decimal_places=2, default=Decimal(0))
    # That of the order it is about: among cases of one level the more urgent order comes first.
    priority = models.SmallIntegerField(_("priority"), default=0)
    evidence = models.JSONField(_("evidence"), default=dict)
    opened_at = models.DateTimeField(_("opened at"), default=timezone.now)
    due_at = models.DateTimeField(_("due at"))
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, verbose_name=_("owner"), null=True, blank=True, related_name="cases"
    )
    lease_until = models.DateTimeField(_("claimed until"), null=True, blank=True)
    snoozed_until = models.DateTimeField(_("snoozed until"), null=True, blank=True)
    closed_at = models.DateTimeField(_("closed at"), null=True, blank=True)
    resolution = models.CharField(_("resolution"), max_length=200, blank=True)
    times_seen = models.PositiveIntegerField(_("times seen"), default=1)
    history = HistoricalRecords(history_id_field=models.BigAutoField())

    class Meta:
        verbose_name = _("case")
        verbose_name_plural = _("cases")
        permissions = [
            ("work_case", _("Can claim and resolve cases")),
            ("steal_case", _("Can take over cases of others")),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["subject", "code"], condition=Q(state__in=OPEN_STATES), name="open_case_once_per_subject"
            )
        ]
        indexes = [
            models.Index(
                fields=["level", "-priority", "due_at", "id"],
                name="case_by_urgency",
                condition=Q(state__in=OPEN_STATES),
            ),
            models.Index(fields=["subject"], name="case_by_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.subject}"

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_STATES

    @transition(field=state, source=[*OPEN_STATES], target=CaseState.CLAIMED)
    def claim(self, *, user_id: int, until: datetime) -> None:
        self.owner_id, self.lease_until, self.snoozed_until = user_id, until, None

    @transition(field=state, source=[CaseState.CLAIMED, CaseState.SNOOZED, CaseState.WAITING], target=CaseState.OPEN)
    def give_back(self) -> None:
        self.owner_id, self.lease_until, self.snoozed_until = None, None, None

    @transition(field=state, source=[CaseState.OPEN, CaseState.CLAIMED], target=CaseState.SNOOZED)
    def snooze(self, *, until: datetime) -> None:
        self.owner_id, self.lease_until, self.snoozed_until = None, None, until

    @transition(field=state, source=[CaseState.OPEN, CaseState.CLAIMED], target=CaseState.WAITING)
    def wait_outside(self) -> None:
        """The answer has to come from the buyer, a warehouse, a courier or a platform."""

    @transition(field=state, source=[*OPEN_STATES], target=CaseState.RESOLVED)
    def resolve(self, *, resolution: str, at: datetime) -> None:
        self.resolution, self.closed_at, self.lease_until = resolution, at, None

    @transition(field=state, source=[*OPEN_STATES], target=CaseState.AUTO_RESOLVED)
    def resolve_itself(self, *, resolution: str, at: datetime) -> None:
        self.resolution, self.closed_at, self.lease_until = resolution, at, None

    @transition(field=state, source=[*OPEN_STATES], target=CaseState.DISMISSED)
    def dismiss(self, *, resolution: str, at: datetime) -> None:
        self.resolution, self.closed_at, self.lease_until = resolution, at, None
