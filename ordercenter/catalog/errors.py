"""What the catalogue refuses."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from ordercenter.common.errors import OrderCenterError


class ContactUnknown(OrderCenterError):
    """There is no such contact, or not for this caller."""

    code = "catalog.contact_unknown"
    title = _("There is no such contact.")
    status = 404

    def __init__(self, *, contact_id: int):
        super().__init__(f"contact {contact_id} is unknown")
        self.contact_id = contact_id


class ListingNameless(OrderCenterError):
    """A match needs a listing to match."""

    code = "catalog.listing_nameless"
    title = _("The listing's number is missing.")
    hint = _("Goods without a listing are matched by giving a SKU the code that the channel sends.")


class ListingForeign(OrderCenterError):
    """The shop is not one of the caller's."""

    code = "catalog.listing_foreign"
    title = _("There is no such shop, or it is not one of yours.")
    status = 404

    def __init__(self, *, shop_id: int):
        super().__init__(f"shop {shop_id} is unknown")
        self.shop_id = shop_id


class SkuNotSold(OrderCenterError):
    """A code that is none of our active SKUs."""

    code = "catalog.sku_not_sold"
    title = _("There is no active SKU with this code.")
    hint = _("Correct the code, or enter the SKU first.")

    def __init__(self, *, code: str):
        super().__init__(f"no active SKU {code}")
        self.sku_code = code
