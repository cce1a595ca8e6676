"""The life of a reservation."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class ReservationState(models.TextChoices):
    ACTIVE = "active", _("Active")
    CONSUMED = "consumed", _("Consumed")
    RELEASED = "released", _("Released")


class MovementReason(models.TextChoices):
    """Why stock on hand changed."""

    COUNT = "count", _("Count")
    ARRIVAL = "arrival", _("Arrival")
    SHIPMENT = "shipment", _("Shipment")
    RETURN = "return", _("Return")
    ADJUSTMENT = "adjustment", _("Adjustment")
