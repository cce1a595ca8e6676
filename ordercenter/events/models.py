"""The tables of the event log: facts, their deliveries, timers, the inbox and the outgoing commands.

These rows are the system's own post office, not business objects: their `status` is written by the relay and the sender
in bulk and is no state machine of the trade.
"""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class EventRow(models.Model):
    """One fact. The table is partitioned by month of recorded_at."""

    recorded_at = models.DateTimeField(_("recorded at"), default=timezone.now)
    occurred_at = models.DateTimeField(_("occurred at"))
    name = models.CharField(_("event"), max_length=64)
    subject = models.CharField(_("subject"), max_length=64)
    payload = models.JSONField(_("payload"), default=dict)
    chain_id = models.UUIDField(_("chain"))
    cause_id = models.BigIntegerField(_("cause"), null=True, blank=True)
    depth = models.SmallIntegerField(_("depth"), default=0)
    actor = models.CharField(_("actor"), max_length=128)

    class Meta:
        db_table = "events_event"
        verbose_name = _("event")
        verbose_name_plural = _("events")
        indexes = [
            models.Index(fields=["subject", "id"], name="event_by_subject"),
            models.Index(fields=["chain_id"], name="event_by_chain"),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.subject}"


class WorkStatus(models.TextChoices):
    """Where a row of the post office stands."""

    WAITING = "waiting", _("waiting")
    SENDING = "sending", _("being sent")
    DONE = "done", _("done")
    PARKED = "parked", _("parked")
    IGNORED = "ignored", _("ignored")


class Delivery(models.Model):
    """One event for one handler. Done means that the handler's own transaction said so."""

    event_id = models.BigIntegerField(_("event"))
    event_recorded_at = models.DateTimeField()
    handler = models.CharField(_("handler"), max_length=80)
    lane = models.SmallIntegerField()
    subject = models.CharField(_("subject"), max_length=64)
    status = models.CharField(_("status"), max_length=8, choices=WorkStatus.choices, default=WorkStatus.WAITING)
    due_at = models.DateTimeField(_("due at"), default=timezone.now)
    tries = models.SmallIntegerField(_("tries"), default=0)
    error = models.TextField(_("error"), blank=True, default="")
    done_at = models.DateTimeField(_("done at"), null=True, blank=True)

    class Meta:
        db_table = "events_delivery"
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        constraints = [models.UniqueConstraint(fields=["event_id", "handler"], name="delivery_once_per_handler")]
        indexes = [
            models.Index(
                fields=["handler", "lane", "event_id"], name="delivery_waiting", condition=Q(status="waiting")
            ),
            models.Index(fields=["handler"], name="delivery_parked", condition=Q(status="parked")),
            models.Index(
                fields=["handler", "subject"], name="delivery_retrying", condition=Q(status="waiting", tries__gt=0)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event_id} > {self.handler}"


class Timer(models.Model):
    """A fact that becomes true at an instant: recorded as the named event when due."""

    due_at = models.DateTimeField(_("due at"))
    event = models.CharField(_("event"), max_length=64)
    payload = models.JSONField(_("payload"), default=dict)
    key = models.CharField(_("key"), max_length=128, unique=True)
    chain_id = models.UUIDField(_("chain"))
    cause_id = models.BigIntegerField(_("cause"), null=True, blank=True)
    depth = models.SmallIntegerField(_("depth"), default=0)
    fired_at = models.DateTimeField(_("fired at"), null=True, blank=True)
    cancelled_at = models.DateTimeField(_("cancelled at"), null=True, blank=True)

    class Meta:
        db_table = "events_timer"
        verbose_name = _("timer")
        verbose_name_plural = _("timers")
        indexes = [
            models.Index(
                fields=["due_at"], name="timer_due", condition=Q(fired_at__isnull=True, cancelled_at__isnull=True)
            )
        ]

    def __str__(self) -> str:
        return f"{self.event} @ {self.due_at:%F %T}"


class InboxMessage(models.Model):
    """One message of the outside world, exactly as received. (source, kind, message_id) makes it once only."""

    source = models.CharField(_("source"), max_length=64)
    kind = models.CharField(_("kind"), max_length=48)
    message_id = models.CharField(_("message id"), max_length=160)
    subject = models.CharField(_("subject"), max_length=96)
    lane = models.SmallIntegerField()
    body = models.BinaryField(_("body"))
    headers = models.JSONField(_("headers"), default=dict)
    received_at = models.DateTimeField(_("received at"), default=timezone.now)
    platform_at = models.DateTimeField(_("platform time"), null=True, blank=True)
    status = models.CharField(_("status"), max_length=8, choices=WorkStatus.choices, default=WorkStatus.WAITING)
    due_at = models.DateTimeField(_("due at"), default=timezone.now)
    tries = models.SmallIntegerField(_("tries"), default=0)
    error = models.TextField(_("error"), blank=True, default="")
    done_at = models.DateTimeField(_("done at"), null=True, blank=True)

    class Meta:
        db_table = "events_inbox"
        verbose_name = _("inbox message")
        verbose_name_plural = _("inbox")
        constraints = [models.UniqueConstraint(fields=["source", "kind", "message_id"], name="inbox_message_once")]
        indexes = [
            models.Index(fields=["kind", "lane", "id"], name="inbox_waiting", condition=Q(status="waiting")),
            models.Index(fields=["kind"], name="inbox_parked", condition=Q(status="parked")),
            models.Index(fields=["kind"], name="inbox_retrying", condition=Q(status="waiting", tries__gt=0)),
            models.Index(fields=["subject"], name="inbox_by_subject"),
            BrinIndex(fields=["received_at"], name="inbox_by_arrival", autosummarize=True),
        ]

    def __str__(self) -> str:
        return f"{self.source} {self.kind} {self.message_id}"


class OutgoingStatus(models.TextChoices):
    """How far an outgoing command has come."""

    WAITING = "waiting", _("waiting")
    SENDING = "sending", _("being sent")
    DONE = "done", _("done")
    REFUSED = "refused", _("refused by the receiver")
    DEAD = "dead", _("given up")
    CANCELLED = "cancelled", _("cancelled")


class OutgoingCommand(models.Model):
    """One call to make outside, written in the transaction that decided it, sent after the commit."""

    kind = models.CharField(_("kind"), max_length=64)
    target = models.CharField(_("target"), max_length=64)
    subject = models.CharField(_("subject"), max_length=64)
    idempotency_key = models.CharField(_("idempotency key"), max_length=128)
    payload = models.JSONField(_("payload"), default=dict)
    status = models.CharField(_("status"), max_length=9, choices=OutgoingStatus.choices, default=OutgoingStatus.WAITING)
    due_at = models.DateTimeField(_("due at"), default=timezone.now)
    tries = models.SmallIntegerField(_("tries"), default=0)
    lease_until = models.DateTimeField(_("lease until"), null=True, blank=True)
    error_code = models.CharField(_("error code"), max_length=64, blank=True, default="")
    error = models.TextField(_("error"), blank=True, default="")
    answer = models.JSONField(_("answer"), null=True, blank=True)
    created_at = models.DateTimeField(_("created at"), default=timezone.now)
    answered_at = models.DateTimeField(_("answered at"), null=True, blank=True)
    flow_run_id = models.BigIntegerField(null=True, blank=True)
    chain_id = models.UUIDField(_("chain"))
    cause_id = models.BigIntegerField(_("cause"), null=True, blank=True)
    depth = models.SmallIntegerField(_("depth"), default=0)

    class Meta:
        db_table = "events_outgoing"
        verbose_name = _("outgoing command")
        verbose_name_plural = _("outgoing commands")
        constraints = [models.UniqueConstraint(fields=["idempotency_key"], name="command_once")]
        indexes = [
            models.Index(fields=["target", "due_at"], name="outgoing_waiting", condition=Q(status="waiting")),
            models.Index(fields=["lease_until"], name="outgoing_sending", condition=Q(status="sending")),
            models.Index(fields=["subject"], name="outgoing_by_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"


class ProcessBeat(models.Model):
    """When a worker process last did its rounds: health looks at work done, not at processes alive."""

    name = models.CharField(max_length=64, primary_key=True)
    at = models.DateTimeField()
    details: Any = models.JSONField(default=dict)

    class Meta:
        db_table = "events_process_beat"
        verbose_name = _("process beat")
        verbose_name_plural = _("process beats")

    def __str__(self) -> str:
        return self.name
