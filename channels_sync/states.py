"""The lives of files of orders, and what becomes of the orders in them."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class FileState(models.TextChoices):
    READING = "reading", _("Being read")
    READ = "read", _("Columns to be matched")
    CHECKING = "checking", _("Being checked")
    CHECKED = "checked", _("Waits for a yes")
    IMPORTING = "importing", _("Being taken in")
    DONE = "done", _("Taken in")
    FAILED = "failed", _("Cannot be read")
    DISCARDED = "discarded", _("Discarded")


class FileVerdict(models.TextChoices):
    """What an order of a file does."""

    NEW = "new", _("New")
    CHANGED = "changed", _("Changed")
    UNCHANGED = "unchanged", _("Unchanged")
    REFUSED = "refused", _("Refused")


class OnChecked(models.TextChoices):
    """What happens when all of a file was looked at."""

    WAIT = "wait", _("Wait for a yes")
    CLEAN = "clean", _("Take it in when nothing is refused")
    TAKE = "take", _("Take in what can be taken in")


class PartKind(models.TextChoices):
    ORIGINAL = "original", _("As it came")
    ROWS = "rows", _("Rows")


class DocumentKind(models.TextChoices):
    """What a counter tells."""

    SALE = "sale", _("Sale")
    RETURN = "return", _("Return")
    SHIFT = "shift", _("End of a shift")


class DocumentState(models.TextChoices):
    WAITING = "waiting", _("Waiting")
    BOOKED = "booked", _("Booked")


class WaitReason(models.TextChoices):
    """Why a document of a counter is not booked yet."""

    NO_SALE = "no_sale", _("Its sale has not come")
    NO_SKU = "no_sku", _("Goods that nobody knows")
    TOO_MUCH = "too_much", _("More than was sold")


class LiveState(models.TextChoices):
    """The life of a live-stream session."""

    PLANNED = "planned", _("Planned session")
    LIVE = "live", _("On air")
    ENDED = "ended", _("Session over")
    CANCELLED = "cancelled", _("Session called off")
