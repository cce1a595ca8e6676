"""Flows as kept: documents in immutable versions, which version is active, and the runs of single subjects."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords


class RunStatus(models.TextChoices):
    """Where a run stands. The engine writes it in bulk; it is no machine of the trade."""

    WAITING = "waiting", _("waiting")
    DONE = "done", _("done")
    STOPPED = "stopped", _("stopped at a case")
    VOIDED = "voided", _("voided")


class Flow(models.Model):
    """A flow that business people know by name. Which version runs is the pointer below."""

    key = models.SlugField(_("key"), max_length=64, unique=True)
    name_zh = models.CharField(_("name (Chinese)"), max_length=100)
    name_en = models.CharField(_("name (English)"), max_length=100, blank=True)
    active_version = models.ForeignKey(
        "FlowVersion", models.PROTECT, verbose_name=_("active version"), null=True, blank=True, related_name="+"
    )
    is_paused = models.BooleanField(_("paused"), default=False)
    history = HistoricalRecords(history_id_field=models.BigAutoField())

    class Meta:
        verbose_name = _("flow")
        verbose_name_plural = _("flows")
        permissions = [("activate_flow", _("Can change the active version of a flow"))]

    def __str__(self) -> str:
        return self.key


class FlowVersion(models.Model):
    """One immutable document of a flow. The same document has the same hash and is kept once."""

    flow = models.ForeignKey(Flow, models.PROTECT, verbose_name=_("flow"), related_name="versions")
    number = models.PositiveIntegerField(_("version"))
    document = models.JSONField(_("document"))
    content_hash = models.CharField(_("content hash"), max_length=64)
    created_at = models.DateTimeField(_("created at"), default=timezone.now)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, verbose_name=_("created by"), null=True, blank=True, related_name="+"
    )

    class Meta:
        verbose_name = _("flow version")
        verbose_name_plural = _("flow versions")
        constraints = [
            models.UniqueConstraint(fields=["flow", "number"], name="version_number_once"),
            models.UniqueConstraint(fields=["flow", "content_hash"], name="document_kept_once"),
        ]

    def __str__(self) -> str:
        return f"{self.flow_id} v{self.number}"


class FlowRun(models.Model):
    """The way of one subject through one version, started by one event."""

    version = models.ForeignKey(
        FlowVersion, models.PROTECT, verbose_name=_("flow version"), db_constraint=False, db_index=False
    )
    subject = models.CharField(_("subject"), max_length=64)
    subject_id = models.BigIntegerField(_("subject id"))
    event_id = models.BigIntegerField(_("started by event"))
    status = models.CharField(_("status"), max_length=8, choices=RunStatus.choices)
    node = models.CharField(_("at step"), max_length=64, blank=True)
    # What the run waits for: an answer, a timer, an event; empty when it does not wait.
    waits_for = models.CharField(_("waits for"), max_length=80, blank=True)
    error_code = models.CharField(_("error code"), max_length=64, blank=True)
    started_at = models.DateTimeField(_("started at"), default=timezone.now)
    changed_at = models.DateTimeField(_("changed at"), default=timezone.now)

    class Meta:
        verbose_name = _("flow run")
        verbose_name_plural = _("flow runs")
        constraints = [
            models.UniqueConstraint(fields=["version", "subject", "event_id"], name="run_once_per_event"),
        ]
        indexes = [
            models.Index(
                fields=["subject", "waits_for"], name="run_open", condition=Q(status__in=["waiting", "stopped"])
            ),
            models.Index(fields=["subject"], name="run_by_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.version_id} {self.subject}"
