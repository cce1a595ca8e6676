"""What the audit keeps beside the history tables: every move of every state machine, and every deed of a person."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class StateChange(models.Model):
    """One move of one machine, appended in the transaction that made it. Partitioned by month of at."""

    at = models.DateTimeField(_("at"), default=timezone.now)
    machine = models.CharField(_("machine"), max_length=32)
    subject_id = models.BigIntegerField(_("subject"))
    move = models.CharField(_("move"), max_length=48)
    src = models.CharField(_("from"), max_length=32, blank=True)
    dst = models.CharField(_("to"), max_length=32)
    actor = models.CharField(_("actor"), max_length=128)
    chain_id = models.UUIDField(_("chain"))

    class Meta:
        db_table = "audit_state_change"
        verbose_name = _("state change")
        verbose_name_plural = _("state changes")
        indexes = [models.Index(fields=["machine", "subject_id", "id"], name="state_change_by_subject")]

    def __str__(self) -> str:
        return f"{self.machine}:{self.subject_id} {self.src} > {self.dst}"


class Deed(models.Model):
    """What a person or an integration did, with the reason given. Appended, never edited."""

    at = models.DateTimeField(_("at"), default=timezone.now)
    actor = models.CharField(_("actor"), max_length=128)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, verbose_name=_("user"), null=True, blank=True, related_name="deeds"
    )
    action = models.CharField(_("action"), max_length=64)
    subject = models.CharField(_("subject"), max_length=64)
    reason = models.TextField(_("reason"), blank=True)
    details = models.JSONField(_("details"), default=dict, blank=True)
    chain_id = models.UUIDField(_("chain"), null=True, blank=True)

    class Meta:
        db_table = "audit_deed"
        verbose_name = _("deed")
        verbose_name_plural = _("deeds")
        indexes = [models.Index(fields=["subject", "id"], name="deed_by_subject")]

    def __str__(self) -> str:
        return f"{self.actor} {self.action} {self.subject}"
