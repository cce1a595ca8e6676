"""The life of a case."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class CaseState(models.TextChoices):
    OPEN = "open", _("Open")
    CLAIMED = "claimed", _("Claimed")
    WAITING = "waiting", _("Waiting for outside")
    SNOOZED = "snoozed", _("Snoozed")
    RESOLVED = "resolved", _("Resolved")
    AUTO_RESOLVED = "auto_resolved", _("Resolved by itself")
    DISMISSED = "dismissed", _("Dismissed")


class CaseLevel(models.TextChoices):
    BLOCKING = "blocking", _("Blocking")
    WARNING = "warning", _("Warning")


OPEN_STATES = (CaseState.OPEN, CaseState.CLAIMED, CaseState.WAITING, CaseState.SNOOZED)
CLOSED_STATES = (CaseState.RESOLVED, CaseState.AUTO_RESOLVED, CaseState.DISMISSED)
