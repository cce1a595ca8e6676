"""Places that stock and ship, and who may see them."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from ordercenter.catalog.models import ApiKey
from ordercenter.inventory.states import WarehouseKind


class Warehouse(models.Model):
    """A place that stocks and ships. customer_id: how its system knows us (Qimen customerId).

    district to phone: where lorries and returned parcels go, and whom their drivers call; told to warehouses and
    couriers as sender and receiver. The number is a business's, not a person's, and is not masked.
    """

    code = models.SlugField(_("code"), max_length=32, unique=True)
    name = models.CharField(_("name"), max_length=64)
    province = models.CharField(_("province"), max_length=32, blank=True)
    city = models.CharField(_("city"), max_length=32, blank=True)
    district = models.CharField(_("district"), max_length=32, blank=True, db_default="")
    address = models.CharField(_("street and number"), max_length=200, blank=True, db_default="")
    contact_name = models.CharField(_("contact person"), max_length=64, blank=True, db_default="")
    phone = models.CharField(_("phone"), max_length=32, blank=True, db_default="")
    kind = models.CharField(_("kind"), max_length=8, choices=WarehouseKind.choices, default=WarehouseKind.QIMEN)
    is_open = models.BooleanField(_("open"), default=True)
    customer_id = models.CharField(_("customer id at the warehouse"), max_length=64, blank=True)
    owner_code = models.CharField(_("owner code"), max_length=64, blank=True)
    history = HistoricalRecords(history_id_field=models.BigAutoField())

    class Meta:
        verbose_name = _("warehouse")
        verbose_name_plural = _("warehouses")
        permissions = [("all_warehouses", _("Sees the rows of all warehouses"))]

    def __str__(self) -> str:
        return self.name

    @property
    def full_address(self) -> str:
        """Where it stands, in one line; its name stands in for a street that nobody has written down."""
        return f"{self.province}{self.city}{self.district}{self.address or self.name}"

    @property
    def is_own(self) -> bool:
        """Whether our own people pick and pack there."""
        return self.kind == WarehouseKind.OWN


class WarehouseAccess(models.Model):
    """A person may see the rows of a warehouse. Who has the permission all_warehouses needs no such row."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, verbose_name=_("user"), related_name="warehouse_access"
    )
    warehouse = models.ForeignKey(Warehouse, models.CASCADE, verbose_name=_("warehouse"))
    history = HistoricalRecords(history_id_field=models.BigAutoField())

    class Meta:
        verbose_name = _("access to a warehouse")
        verbose_name_plural = _("access to warehouses")
        constraints = [models.UniqueConstraint(fields=["user", "warehouse"], name="warehouse_access_once")]

    def __str__(self) -> str:
        return f"{self.user_id} > {self.warehouse_id}"


class ApiKeyWarehouse(models.Model):
    """An API key may read the stock of a warehouse (scope stock:read); without such a row it reads none."""

    api_key = models.ForeignKey(ApiKey, models.CASCADE, verbose_name=_("API key"), related_name="warehouse_rows")
    warehouse = models.ForeignKey(Warehouse, models.CASCADE, verbose_name=_("warehouse"))
    history = HistoricalRecords(history_id_field=models.BigAutoField())

    class Meta:
        verbose_name = _("warehouse of an API key")
        verbose_name_plural = _("warehouses of an API key")
        constraints = [models.UniqueConstraint(fields=["api_key", "warehouse"], name="warehouse_once_per_api_key")]

    def __str__(self) -> str:
        return f"{self.api_key_id} > {self.warehouse_id}"
