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
    hint = _("Goods that come without a listing are matched by the code that comes with them.")


class ListingForeign(OrderCenterError):
    """The shop is not one of the caller's."""

    code = "catalog.listing_foreign"
    title = _("There is no such shop, or it is not one of yours.")
    status = 404

    def __init__(self, *, shop_id: int):
        super().__init__(f"shop {shop_id} is unknown")
        self.shop_id = shop_id


class OfSku(OrderCenterError):
    """What is wrong with one SKU among several; said with its code before it."""

    def __init__(self, why: str, *, code: str):
        super().__init__(why)
        self.sku_code = code

    def sentence(self) -> str:
        return f"{self.sku_code}: {super().sentence()}"


class SkuNotSold(OfSku):
    """A code that is none of our active SKUs."""

    code = "catalog.sku_not_sold"
    title = _("There is no active SKU with this code.")
    hint = _("Correct the code, or enter the SKU first.")

    def __init__(self, *, code: str):
        super().__init__(f"no active SKU {code}", code=code)


class BundleEmpty(OfSku):
    """A bundle that holds nothing: no order could be filled with it."""

    code = "catalog.bundle_empty"
    title = _("The bundle has no parts.")
    hint = _("Enter what the bundle holds, then match the listing.")

    def __init__(self, *, code: str):
        super().__init__(f"bundle {code} has no parts", code=code)


class SetOfSets(OfSku):
    """A set is made of pieces, not of other sets."""

    code = "catalog.set_of_sets"
    title = _("A bundle cannot be part of another one.")
    hint = _("Name the pieces themselves.")

    def __init__(self, *, code: str):
        super().__init__(f"{code} is a bundle", code=code)


class PiecesUnlikely(OfSku):
    """A set of no pieces, or of more than anybody would sell as one."""

    code = "catalog.pieces_unlikely"
    title = _("So many pieces do not make a set.")
    hint = _("A set has 1 to 20 different SKUs, 1 to 999 pieces of each.")

    def __init__(self, *, code: str, pieces: int):
        super().__init__(f"{pieces} pieces of {code}", code=code)
        self.pieces = pieces


class ListingBound(OrderCenterError):
    """Somebody has matched this listing."""

    code = "catalog.listing_bound"
    title = _("The listing is matched to a SKU.")
    hint = _("Take the match away first.")

    def __init__(self, *, listing: str):
        super().__init__(f"listing {listing} is matched")
        self.listing = listing


class ListingUnbound(OrderCenterError):
    """There is no such match."""

    code = "catalog.listing_unbound"
    title = _("The listing is not matched to any SKU.")
    status = 404

    def __init__(self, *, listing: str):
        super().__init__(f"listing {listing} is not matched")
        self.listing = listing


class IgnoredAlready(OrderCenterError):
    """It has been said before."""

    code = "catalog.listing_ignored_already"
    title = _("The listing is said to be none of ours already.")

    def __init__(self, *, listing: str):
        super().__init__(f"listing {listing} is ignored already")
        self.listing = listing


class WhyMissing(OrderCenterError):
    """What is decided about a listing is kept with its reason."""

    code = "catalog.why_missing"
    title = _("Say why, in a few words.")
    hint = _("The reason is kept in the history and the audit.")
