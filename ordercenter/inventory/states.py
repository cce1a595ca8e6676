"""The lives of reservations, quotas, supplies and production orders, and why stock moves."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class ReservationState(models.TextChoices):
    ACTIVE = "active", _("Active")
    CONSUMED = "consumed", _("Consumed")
    RELEASED = "released", _("Released")
    EXPIRED = "expired", _("Expired")


class Bucket(models.TextChoices):
    """Where pieces lie: only those on hand can be sold."""

    ON_HAND = "on_hand", _("On hand")
    DAMAGED = "damaged", _("Damaged")
    QUARANTINE = "quarantine", _("Quarantine")


class MovementReason(models.TextChoices):
    """Why stock in a bucket changed."""

    COUNT = "count", _("Count")
    ARRIVAL = "arrival", _("Arrival")
    SHIPMENT = "shipment", _("Shipment")
    RETURN = "return", _("Return")
    ADJUSTMENT = "adjustment", _("Adjustment")
    TRANSFER = "transfer", _("Transfer")
    PRODUCTION = "production", _("Production")
    COMPONENT = "component", _("Used in production")
    REPORT = "report", _("Report of the warehouse")
    COUNTER = "counter", _("Sold at a counter")


class QuotaKind(models.TextChoices):
    DEDICATED = "dedicated", _("Dedicated quota")
    LIVE = "live", _("Live-stream lock")


class QuotaState(models.TextChoices):
    PLANNED = "planned", pgettext_lazy("quota", "Planned")
    OPEN = "open", _("Open")
    ENDED = "ended", _("Ended")


class SupplyKind(models.TextChoices):
    PURCHASE = "purchase", _("Purchase")
    TRANSFER = "transfer", _("Transfer")
    PRODUCTION = "production", _("Production")


class SupplyState(models.TextChoices):
    COMING = "coming", _("On its way")
    ARRIVED = "arrived", _("Arrived")
    CANCELLED = "cancelled", _("Cancelled")


class ProductionState(models.TextChoices):
    PLANNED = "planned", pgettext_lazy("production", "Planned")
    DONE = "done", _("Made")
    CANCELLED = "cancelled", _("Cancelled")


class StockSource(models.TextChoices):
    """Where the pieces of a SKU come from when an order wants them."""

    STOCK = "stock", _("From stock")
    MADE_TO_ORDER = "made", _("Made to order")
    STOCK_OR_MADE = "either", _("From stock, else made")
    PRESALE = "presale", _("Pre-sale")


class PromiseBasis(models.TextChoices):
    """What a promised date rests on."""

    SUPPLY = "supply", _("Coming supply")
    PRODUCTION = "production", _("Production")
    PRESALE = "presale", _("Date of the pre-sale")
    UNKNOWN = "unknown", _("No date known")


class TableKind(models.TextChoices):
    """What the rows of a table that people bring say about stock."""

    COUNT = "count", _("Count: how many lie there")
    ADJUST = "adjust", _("Adjustment: how many more or fewer")
    ARRIVAL = "arrival", _("Arrival of purchases")
    EXPECTED = "expected", _("Expected purchases")
    SAFETY = "safety", _("Safety stock")


class TableState(models.TextChoices):
    DRAFT = "draft", _("Waits for a yes")
    APPLIED = "applied", _("Taken in")
    DISCARDED = "discarded", _("Discarded")


class ReserveOn(models.TextChoices):
    """When pieces are set aside for an order."""

    PAID = "paid", _("When paid")
    DEPOSIT = "deposit", _("When the deposit is paid")
    PLACED = "placed", _("When placed")


class WarehouseKind(models.TextChoices):
    """Who does the work there: a system of its own that speaks Qimen, our own people with our scan pages, or a store
    that sells at its counters and ships nothing.
    """

    QIMEN = "qimen", _("Warehouse with a system of its own (Qimen)")
    OWN = "own", _("Own warehouse, worked with our scan pages")
    STORE = "store", _("Store with counters; sells on the spot")
