"""What is sold where, and to whom: channels, shops, goods, listings, contacts."""

from __future__ import annotations

from decimal import Decimal

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from ordercenter.catalog.listings import Listing
from ordercenter.common.rows import FastRow
from ordercenter.common.secretfield import SealedField


class Channel(models.Model):
    """A platform or way of selling: Tmall, JD, a counter."""

    code = models.SlugField(_("code"), max_length=32, unique=True)
    name = models.CharField(_("name"), max_length=64)

    class Meta:
        verbose_name = _("channel")
        verbose_name_plural = _("channels")

    def __str__(self) -> str:
        return self.name


class ChannelCapability(models.Model):
    """What a channel can be told about parcels: obeyed by merge, split and report back.

    A channel without a row has what `catalog.capabilities` says of platforms of its code.
    """

    channel = models.OneToOneField(
        Channel, models.CASCADE, verbose_name=_("channel"), related_name="capability", primary_key=True
    )
    splits_by_line = models.BooleanField(
        _("parcels by line"), help_text=_("Lines of one order may be reported with different tracking numbers.")
    )
    splits_by_quantity = models.BooleanField(
        _("parcels by pieces"), help_text=_("Pieces of one line may be reported with different tracking numbers.")
    )
    many_numbers_per_line = models.BooleanField(
        _("several numbers for a line"), help_text=_("A line that is reported may get further tracking numbers.")
    )
    changes_number = models.BooleanField(
        _("number can be changed"), help_text=_("A reported tracking number may be replaced by another one.")
    )
    merges_by_opaque_id = models.BooleanField(
        _("merges by address id"),
        help_text=_("Orders with one masked address id of the platform may travel in one parcel."),
    )
    merges_by_address = models.BooleanField(
        _("merges by clear address"), help_text=_("Orders to one clear address may travel in one parcel.")
    )
    shares_number = models.BooleanField(
        _("one number for several orders"),
        help_text=_("Several orders may be reported with the same tracking number; else only the first is."),
    )
    history = HistoricalRecords(history_id_field=models.BigAutoField())

    class Meta:
        verbose_name = _("channel capability")
        verbose_name_plural = _("channel capabilities")

    def __str__(self) -> str:
        return str(self.channel)


class RuleStamp(models.Model):
    """Which version of a set of rules holds. Written by triggers of their tables only."""

    kind = models.CharField(_("rules"), max_length=24, primary_key=True)
    version = models.BigIntegerField(_("version"))

    class Meta:
        verbose_name = _("version of rules")
        verbose_name_plural = _("versions of rules")

    def __str__(self) -> str:
        return f"{self.kind} {self.version}"


class Shop(models.Model):
    """One shop of the seller on one channel."""

    channel = models.ForeignKey(Channel, models.PROTECT, verbose_name=_("channel"))
    code = models.SlugField(_("code"), max_length=32, unique=True)
    name = models.CharField(_("name"), max_length=64)
    currency = models.CharField(_("currency"), max_length=3, default="CNY")
    time_zone = models.CharField(_("time zone"), max_length=40, default="Asia/Shanghai")
    # Basis points: 60 means 0.60 % of what the buyer paid.
    payment_fee_bp = models.PositiveIntegerField(_("payment fee (basis points)"), default=60)
    is_active = models.BooleanField(_("active"), default=True)
    history = HistoricalRecords(history_id_field=models.BigAutoField())

    class Meta:
        verbose_name = _("shop")
        verbose_name_plural = _("shops")
        permissions = [("all_shops", _("Sees the rows of all shops"))]

    def __str__(self) -> str:
        return self.name


class ShopAccess(models.Model):
    """A person may see the rows of a shop. Who has the permission all_shops needs no such row."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, verbose_name=_("user"), related_name="shop_access"
    )
    shop = models.ForeignKey(Shop, models.CASCADE, verbose_name=_("shop"))
    history = HistoricalRecords(history_id_field=models.BigAutoField())

    class Meta:
        verbose_name = _("access to a shop")
        verbose_name_plural = _("access to shops")
        constraints = [models.UniqueConstraint(fields=["user", "shop"], name="shop_access_once")]

    def __str__(self) -> str:
        return f"{self.user_id} > {self.shop_id}"


class Sku(FastRow):
    """A thing that can be stocked and shipped, or a bundle of such things."""

    code = models.CharField(_("SKU code"), max_length=64, unique=True)
    name = models.CharField(_("name"), max_length=128)
    weight_g = models.PositiveIntegerField(
        _("weight (g)"), default=0, help_text=_("Of a bundle: 0 means what its parts weigh together.")
    )
    volume_cm3 = models.PositiveIntegerField(_("volume (cm³)"), default=0)
    category = models.CharField(_("category"), max_length=64, blank=True)
    # What makes it special for storing and carrying: battery, liquid, frozen, fragile ... Rules of routing ask for it.
    handling_tags = ArrayField(
        models.CharField(max_length=32),
        verbose_name=_("handling"),
        default=list,
        blank=True,
        help_text=_("Words that rules can ask for, separated by commas: battery, liquid, frozen ..."),
    )
    list_price = models.DecimalField(_("list price"), max_digits=14, decimal_places=2, default=Decimal(0))
    floor_price = models.DecimalField(
        _("floor price"),
        max_digits=14,
        decimal_places=2,
        default=Decimal(0),
        validators=[MinValueValidator(0)],
        help_text=_("Orders that sell a piece below this price stop for a person; 0 means no floor."),
    )
    is_bundle = models.BooleanField(_("bundle"), default=False)
    is_active = models.BooleanField(_("active"), default=True)
    history = HistoricalRecords(history_id_field=models.BigAutoField())

    class Meta:
        verbose_name = _("SKU")
        verbose_name_plural = _("SKUs")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(floor_price__gte=0, list_price__gte=0), name="sku_prices_positive"
            )
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.name}"


class BundlePart(models.Model):
    """How many of which SKU a bundle holds."""

    bundle = models.ForeignKey(Sku, models.CASCADE, verbose_name=_("bundle"), related_name="parts")
    part = models.ForeignKey(Sku, models.PROTECT, verbose_name=_("part"), related_name="+")
    quantity = models.PositiveIntegerField(_("quantity"), default=1)

    class Meta:
        verbose_name = _("bundle part")
        verbose_name_plural = _("bundle parts")
        constraints = [
            models.UniqueConstraint(fields=["bundle", "part"], name="part_once_per_bundle"),
            models.CheckConstraint(condition=models.Q(quantity__gt=0), name="bundle_part_quantity_positive"),
            models.CheckConstraint(condition=~models.Q(bundle=models.F("part")), name="bundle_not_part_of_itself"),
        ]

    def __str__(self) -> str:
        return f"{self.bundle_id} > {self.part_id} x {self.quantity}"


class ListingMatch(models.Model):
    """Which SKU of ours a listing of a shop sells.

    Goods without a listing's number are matched by the code that comes with them: see `listings.listing_of`.
    by_code: the code by which it was matched by itself, and for which alone it counts; empty when a person did.
    """

    shop = models.ForeignKey(Shop, models.CASCADE, verbose_name=_("shop"))
    listing_id = models.CharField(
        _("listing"), max_length=64, blank=True, help_text=_("Empty for goods that come with a code only.")
    )
    listing_sku_id = models.CharField(
        _("listing SKU"), max_length=64, blank=True, help_text=_("Of goods without a listing: the code they come with.")
    )
    sku = models.ForeignKey(Sku, models.PROTECT, verbose_name=_("SKU"))
    by_code = models.CharField(
        _("matched by the code"), max_length=64, blank=True, default="", db_default="", editable=False
    )
    history = HistoricalRecords(history_id_field=models.BigAutoField())

    class Meta:
        verbose_name = _("listing match")
        verbose_name_plural = _("listing matches")
        constraints = [
            models.UniqueConstraint(fields=["shop", "listing_id", "listing_sku_id"], name="listing_matched_once")
        ]

    def __str__(self) -> str:
        return f"{self.listing_id}/{self.listing_sku_id} > {self.sku_id}"

    @property
    def listing(self) -> Listing:
        """The listing that it speaks of."""
        return Listing(self.shop_id, self.listing_id, self.listing_sku_id)


class IgnoredListing(models.Model):
    """A listing whose goods are none of ours: nobody has to match it. Its orders wait for a decision about each."""

    shop = models.ForeignKey(Shop, models.CASCADE, verbose_name=_("shop"))
    listing_id = models.CharField(_("listing"), max_length=64, blank=True)
    listing_sku_id = models.CharField(_("listing SKU"), max_length=64, blank=True)
    reason = models.CharField(_("reason"), max_length=200)
    ignored_at = models.DateTimeField(_("since"), default=timezone.now)
    ignored_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, verbose_name=_("by"), null=True, blank=True, related_name="+"
    )
    history = HistoricalRecords(history_id_field=models.BigAutoField())

    class Meta:
        verbose_name = _("listing that is not ours")
        verbose_name_plural = _("listings that are not ours")
        constraints = [
            models.UniqueConstraint(fields=["shop", "listing_id", "listing_sku_id"], name="listing_ignored_once")
        ]

    def __str__(self) -> str:
        return f"{self.listing_id}/{self.listing_sku_id}"

    @property
    def listing(self) -> Listing:
        """The listing that it speaks of."""
        return Listing(self.shop_id, self.listing_id, self.listing_sku_id)


class Contact(FastRow):
    """Where a parcel goes. The only table with personal data: sealed, beside a masked form and keyed hashes.

    A changed address is a new row: the parcel that left for the old one keeps it.
    """

    province = models.CharField(_("province"), max_length=32, blank=True)
    city = models.CharField(_("city"), max_length=32, blank=True)
    district = models.CharField(_("district"), max_length=32, blank=True)
    # What couriers' areas and prices are looked up by; empty while nobody is sure where this is.
    division_code = models.CharField(_("division code"), max_length=6, blank=True)
    guessed_code = models.CharField(_("guessed division"), max_length=6, blank=True)
    place_doubt = models.CharField(_("doubt about the place"), max_length=20, blank=True)
    town = models.CharField(_("town"), max_length=64, blank=True)
    masked_name = models.CharField(_("name"), max_length=64, blank=True)
    masked_phone = models.CharField(_("phone"), max_length=32, blank=True)
    masked_address = models.CharField(_("address"), max_length=128, blank=True)
    # What the platform gives in place of the clear address; needed for waybills and for merging.
    opaque_id = models.CharField(_("platform address id"), max_length=128, blank=True)
    sealed = SealedField(_("sealed data"), null=True, blank=True)
    phone_hash = models.CharField(max_length=32, blank=True)
    address_hash = models.CharField(max_length=32, blank=True)
    is_masked = models.BooleanField(_("masked by the platform"), default=False)

    class Meta:
        verbose_name = _("contact")
        verbose_name_plural = _("contacts")
        permissions = [("reveal_contact", _("Can see personal data in clear"))]
        # Not db_index: that would keep a second one, for beginnings of a hash.
        indexes = [models.Index(fields=["phone_hash"], name="contact_by_phone")]

    def __str__(self) -> str:
        return " ".join(part for part in (self.masked_name, self.province, self.city) if part)


class BlacklistKind(models.TextChoices):
    PHONE = "phone", _("phone")
    BUYER = "buyer", _("buyer")
    ADDRESS = "address", _("platform address id")


class BlacklistEntry(models.Model):
    """A buyer, phone or address that no order ships to without a person. Kept as keyed hash only."""

    kind = models.CharField(_("kind"), max_length=8, choices=BlacklistKind.choices)
    value_hash = models.CharField(max_length=32)
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    history = HistoricalRecords(history_id_field=models.BigAutoField())

    class Meta:
        verbose_name = _("blacklist entry")
        verbose_name_plural = _("blacklist")
        constraints = [models.UniqueConstraint(fields=["kind", "value_hash"], name="blacklisted_once")]

    def __str__(self) -> str:
        return f"{self.kind} {self.value_hash[:6]}"


class ApiScope(models.TextChoices):
    """What a key may do with the rows of one shop. Reading stock goes by warehouse: see inventory.ApiKeyWarehouse."""

    ORDERS_READ = "orders:read", _("Read orders")
    ORDERS_WRITE = "orders:write", _("Create and cancel orders")
    PARCELS_WRITE = "parcels:write", _("Merge, split and take apart parcels")
    CASES_READ = "cases:read", _("Read cases")
    # In the warehouses whose stock the key may read.
    STOCK_HOLD = "stock:hold", _("Hold stock before an order")
    # Bills tell about the parcels of all shops: they count where a key has them in every shop.
    FREIGHT_READ = "freight:read", _("Read courier bills")
    FREIGHT_WRITE = "freight:write", _("Send courier bills, decide about their differences")
    POS_WRITE = "pos:write", _("Send documents of counters")
    LISTINGS_READ = "listings:read", _("Read listings that are not matched")
    LISTINGS_WRITE = "listings:write", _("Match listings to SKUs")


def only_known_scopes(value: object) -> None:
    """Raises ValidationError for anything but a list of scopes, at least one."""
    if not isinstance(value, list) or not value or not set(value) <= set(ApiScope.values):
        raise ValidationError(_("Choose at least one scope."))


class ApiKey(models.Model):
    """A key with which another system calls the API. The secret is shown once and kept as its digest only.

    prefix: the public part, by which the key is found and named in logs.
    """

    name = models.CharField(_("name"), max_length=64)
    prefix = models.CharField(_("prefix"), max_length=8, unique=True, editable=False)
    secret_sha256 = models.CharField(max_length=64, editable=False)
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        verbose_name=_("created by"),
        null=True,
        blank=True,
        related_name="+",
        editable=False,
    )
    expires_at = models.DateTimeField(_("valid until"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked at"), null=True, blank=True, editable=False)
    # Written at most once a minute: a row rewritten by every call would be the busiest row of the database.
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True, editable=False)
    history = HistoricalRecords(
        history_id_field=models.BigAutoField(), excluded_fields=["secret_sha256", "last_used_at"]
    )

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix})"


class ApiKeyShop(models.Model):
    """What a key may do in one shop; without such a row the shop does not exist for it."""

    api_key = models.ForeignKey(ApiKey, models.CASCADE, verbose_name=_("API key"), related_name="shop_rows")
    shop = models.ForeignKey(Shop, models.CASCADE, verbose_name=_("shop"))
    scopes = models.JSONField(_("scopes"), default=list, validators=[only_known_scopes])
    history = HistoricalRecords(history_id_field=models.BigAutoField())

    class Meta:
        verbose_name = _("shop of an API key")
        verbose_name_plural = _("shops of an API key")
        constraints = [models.UniqueConstraint(fields=["api_key", "shop"], name="shop_once_per_api_key")]

    def __str__(self) -> str:
        return f"{self.api_key_id} > {self.shop_id}"


class IdempotencyRecord(models.Model):
    """The answer that was given to a request with an Idempotency-Key, written in the transaction of its effect.

    client: who sent it, "key:3"; keys of two clients never meet. fingerprint: digest of what was asked.
    """

    client = models.CharField(_("client"), max_length=32)
    key = models.CharField(_("idempotency key"), max_length=255)
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(_("status"))
    body = models.JSONField(_("answer"))
    created_at = models.DateTimeField(_("created at"), default=timezone.now)
    expires_at = models.DateTimeField(_("kept until"), db_index=True)

    class Meta:
        verbose_name = _("idempotency record")
        verbose_name_plural = _("idempotency records")
        constraints = [models.UniqueConstraint(fields=["client", "key"], name="idempotency_key_once")]

    def __str__(self) -> str:
        return f"{self.client} {self.key}"
