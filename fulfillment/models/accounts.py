"""How we reach couriers and those who follow parcels for us."""

from __future__ import annotations

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from fulfillment.models.couriers import Carrier
from fulfillment.states import CourierAdapter
from ordercenter.common.secretfield import SealedField
from ordercenter.inventory.models import Warehouse


class CourierAccount(models.Model):
    """Where the waybill numbers of a courier come from, for one warehouse or, without one, for all that have none.

    secrets: sealed JSON; cainiao: {"secret", "session"}, sf: {"checkword"}. app_key: the application at the open
    platform, or SF's partnerID. customer_code: the monthly account. Who stands on the label as sender, is here too.
    """

    carrier = models.ForeignKey(Carrier, models.PROTECT, verbose_name=_("carrier"), related_name="accounts")
    warehouse = models.ForeignKey(
        Warehouse, models.PROTECT, verbose_name=_("warehouse"), null=True, blank=True, related_name="courier_accounts"
    )
    adapter = models.CharField(_("adapter"), max_length=16, choices=CourierAdapter.choices)
    base_url = models.URLField(_("address"), max_length=200)
    app_key = models.CharField(_("app key"), max_length=64)
    secrets = SealedField(_("secrets"))
    customer_code = models.CharField(_("monthly account"), max_length=32, blank=True)
    product_code = models.CharField(_("product"), max_length=32, blank=True)
    template_url = models.URLField(_("cloud print template"), max_length=200, blank=True)
    sender_name = models.CharField(_("sender"), max_length=64)
    sender_phone = models.CharField(_("sender's phone"), max_length=32)
    sender_province = models.CharField(_("province"), max_length=32)
    sender_city = models.CharField(_("city"), max_length=32)
    sender_district = models.CharField(_("district"), max_length=32, blank=True)
    sender_address = models.CharField(_("address in the city"), max_length=128)
    is_active = models.BooleanField(_("active"), default=True)
    # What the courier says is left of prepaid numbers; unknown where it does not count them.
    numbers_left = models.IntegerField(_("numbers left"), null=True, blank=True)
    numbers_checked_at = models.DateTimeField(_("asked at"), null=True, blank=True)
    warn_below = models.PositiveIntegerField(_("warn below"), default=200, validators=[MinValueValidator(0)])
    paused_until = models.DateTimeField(_("paused until"), null=True, blank=True)
    pause_reason = models.CharField(_("reason of pause"), max_length=200, blank=True)
    history = HistoricalRecords(
        history_id_field=models.BigAutoField(), excluded_fields=["secrets", "numbers_left", "numbers_checked_at"]
    )

    class Meta:
        verbose_name = _("courier account")
        verbose_name_plural = _("courier accounts")
        constraints = [
            models.UniqueConstraint(
                fields=["carrier", "warehouse"],
                condition=Q(is_active=True),
                nulls_distinct=False,
                name="courier_account_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.carrier_id}@{self.warehouse_id or '*'}"


class TrackingAccount(models.Model):
    """The access to Kuaidi100, which follows parcels of all couriers. secrets: sealed JSON {"key", "salt"}.

    callback_url: how it reaches us, the whole address of our door for this account.
    """

    name = models.CharField(_("name"), max_length=64)
    base_url = models.URLField(_("address"), max_length=200)
    customer = models.CharField(_("customer"), max_length=64)
    secrets = SealedField(_("secrets"))
    callback_url = models.URLField(_("address of our door"), max_length=200)
    is_active = models.BooleanField(_("active"), default=True)
    paused_until = models.DateTimeField(_("paused until"), null=True, blank=True)
    pause_reason = models.CharField(_("reason of pause"), max_length=200, blank=True)
    history = HistoricalRecords(history_id_field=models.BigAutoField(), excluded_fields=["secrets"])

    class Meta:
        verbose_name = _("tracking account")
        verbose_name_plural = _("tracking accounts")
        constraints = [
            models.UniqueConstraint(
                fields=["is_active"], condition=Q(is_active=True), name="one_active_tracking_account"
            )
        ]

    def __str__(self) -> str:
        return self.name


class CourierSla(models.Model):
    """How long a courier may be silent, by courier and receiver's province; the row that fits best counts.

    Hours: until it is collected, between two scans, until it counts as lost.
    """

    carrier = models.ForeignKey(
        Carrier, models.CASCADE, verbose_name=_("carrier"), null=True, blank=True, related_name="slas"
    )
    province = models.CharField(_("province"), max_length=32, blank=True)
    pickup_hours = models.PositiveSmallIntegerField(_("until collected (h)"), default=24)
    quiet_hours = models.PositiveSmallIntegerField(_("between scans (h)"), default=48)
    lost_hours = models.PositiveSmallIntegerField(_("until taken for lost (h)"), default=168)
    history = HistoricalRecords(history_id_field=models.BigAutoField())

    class Meta:
        verbose_name = _("courier's time limits")
        verbose_name_plural = _("couriers' time limits")
        constraints = [
            models.UniqueConstraint(
                fields=["carrier", "province"], nulls_distinct=False, name="time_limits_once_per_lane"
            ),
            models.CheckConstraint(
                condition=Q(pickup_hours__gt=0, quiet_hours__gt=0, lost_hours__gte=models.F("quiet_hours")),
                name="time_limits_make_sense",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.carrier_id or '*'} {self.province or '*'}"
