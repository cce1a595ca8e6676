"""From what the channel sold to what we stock: listings to SKUs, bundles to their parts."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from ordercenter.audit.stamps import compiled
from ordercenter.audit.work import Work
from ordercenter.catalog.binding import MatchByCode, hold_back_matches, note_matches_by_code
from ordercenter.catalog.listings import Listing, listing_of, only_sku, rows_by_listing, skus_with_codes
from ordercenter.catalog.models import BundlePart, IgnoredListing, ListingMatch, Sku
from ordercenter.catalog.weights import piece_weights
from ordercenter.common.batch import BatchResult
from ordercenter.common.money import split_amount
from ordercenter.common.rows import new_row
from ordercenter.orders.intake_types import IncomingLine
from ordercenter.orders.models import Order, OrderLine
from ordercenter.orders.services.holding import Finding
from ordercenter.orders.services.review import NeedsPerson
from ordercenter.orders.states import CLOSED_STATES

# What says which goods were sold: a line of ours, or one that is about to become one.
SoldLine = OrderLine | IncomingLine

# So many answers are kept; more goods than these are asked for anew.
KEPT = 50_000
UNMAPPED = "SKU_UNMAPPED"


@dataclass
class Goods:
    """What was asked of the catalog under its present version: the SKU behind a listing or a code, None if there is
    none, and the parts of bundles. by_writing: the one SKU whose code is this one but for its writing.
    """

    by_listing: dict[Listing, ListingMatch | None] = field(default_factory=dict)
    ignored: set[Listing] = field(default_factory=set)
    by_code: dict[str, Sku | None] = field(default_factory=dict)
    by_writing: dict[str, Sku | None] = field(default_factory=dict)
    parts: dict[int, list[BundlePart]] = field(default_factory=dict)

    def sku_of(self, shop_id: int, line: SoldLine) -> Sku | None:
        """By the listing's match, else by the code that the seller keeps at the channel, unless it is said that the
        listing is none of ours. A match that was made by a code counts for that code alone.
        """
        listing = _listing_of(shop_id, line)
        match = self.by_listing.get(listing)
        if match is not None and not match.by_code:
            return match.sku
        if listing in self.ignored:
            return None
        exact = self.by_code.get(line.outer_sku)
        if exact is not None:
            return exact
        if match is not None and match.by_code == line.outer_sku:
            return match.sku
        return self.by_writing.get(line.outer_sku)

    def explains(self, shop_id: int, line: SoldLine) -> bool:
        """Whether the line can be given goods; a bundle without parts is none."""
        sku = self.sku_of(shop_id, line)
        return sku is not None and not (sku.is_bundle and not self.parts.get(sku.pk))

    def found_by_writing(self, shop_id: int, line: SoldLine) -> bool:
        """Whether the line is explained by a code that is written otherwise, and no match says so yet."""
        match = self.by_listing.get(_listing_of(shop_id, line))
        if match is not None and match.by_code in ("", line.outer_sku):
            return False
        return self.by_code.get(line.outer_sku) is None and self.explains(shop_id, line)

    def ask(self, wanted: Sequence[tuple[int, SoldLine]]) -> None:
        """Read what is not known yet of these lines, each with its shop. At most six statements."""
        if len(self.by_listing) + len(self.by_code) > KEPT:
            self.by_listing, self.by_code, self.parts = {}, {}, {}
            self.ignored, self.by_writing = set(), {}
        self._ask_listings({_listing_of(shop, line) for shop, line in wanted})
        self._ask_codes({line.outer_sku for _, line in wanted if line.outer_sku})
        asked = [self.sku_of(shop, line) for shop, line in wanted]
        bundles = {sku.pk for sku in asked if sku is not None and sku.is_bundle} - self.parts.keys()
        if bundles:
            self.parts.update((pk, []) for pk in bundles)
            for part in BundlePart.objects.filter(bundle_id__in=bundles).select_related("part").order_by("pk"):
                self.parts[part.bundle_id].append(part)

    def _ask_listings(self, listings: set[Listing]) -> None:
        unknown = {listing for listing in listings if not listing.is_nameless} - self.by_listing.keys()
        if not unknown:
            return
        self.by_listing.update(dict.fromkeys(unknown))
        self.by_listing.update(rows_by_listing(ListingMatch.objects.select_related("sku"), unknown))
        self.ignored.update(rows_by_listing(IgnoredListing.objects.all(), unknown))

    def _ask_codes(self, codes: set[str]) -> None:
        unknown = codes - self.by_code.keys()
        if not unknown:
            return
        skus = {sku.code: sku for sku in Sku.objects.filter(code__any_of=unknown, is_active=True)}
        self.by_code.update((code, skus.get(code)) for code in unknown)
        alike = {code: only_sku(found) for code, found in skus_with_codes(unknown - skus.keys()).items()}
        if meant := {coded.sku_id for coded in alike.values() if coded is not None}:
            known = {sku.pk: sku for sku in Sku.objects.filter(pk__in=meant)}
            self.by_writing.update((code, known.get(coded.sku_id)) for code, coded in alike.items() if coded)


def _listing_of(shop_id: int, line: SoldLine) -> Listing:
    return listing_of(shop_id, line.listing_id, line.listing_sku_id, line.outer_sku)


def sku_codes_of(shop_id: int, lines: Sequence[SoldLine]) -> list[str]:
    """The code of the SKU or bundle that `match_skus` would give each line now, "" where it needs a person."""
    goods = Goods()
    goods.ask([(shop_id, line) for line in lines])
    found = [goods.sku_of(shop_id, line) if goods.explains(shop_id, line) else None for line in lines]
    return ["" if sku is None else sku.code for sku in found]


def match_skus(*, order_ids: Collection[int], work: Work) -> BatchResult:
    """Give every line its SKU; a bundle becomes the lines of its parts, amounts shared to the fen.

    Refused with NeedsPerson (SKU_UNMAPPED): orders with a line that no listing match and no SKU code explains, or that
    means a bundle without parts; what they share with others is the first such line's listing. Lines that have a SKU
    already are left alone. A listing whose code is one SKU's but for its writing is matched to it, which is told and
    audited. At most eight statements, none for goods that this process knows; seven more when goods are unknown, for
    which matches are read once more while they stand still.
    """
    result = BatchResult()
    orders = work.lock(Order, order_ids)
    lines = work.lock_children(OrderLine, "order_id", list(orders))
    goods = compiled(work, "goods", Goods)
    nameless = [(orders[pk].shop_id, n) for pk, group in lines.items() for n in group if n.sku_id is None]
    goods.ask(nameless)
    if any(not goods.explains(shop, n) for shop, n in nameless if orders[n.order_id].state not in CLOSED_STATES):
        hold_back_matches()
        goods = Goods()
        goods.ask(nameless)
    skus: dict[int, Sku] = work.shared.setdefault("skus", {})
    exploded: list[OrderLine] = []
    by_writing: dict[Listing, MatchByCode] = {}
    for order in orders.values():
        if order.state in CLOSED_STATES:
            # Its flow may begin after its end; the next step says so. Nothing of it is to be shared out any more.
            result.done.append(order)
            continue
        unknown: list[OrderLine] = []
        for line in list(lines[order.id]):
            if line.sku_id is not None:
                continue
            sku = goods.sku_of(order.shop_id, line)
            if sku is None or not goods.explains(order.shop_id, line):
                unknown.append(line)
                continue
            if goods.found_by_writing(order.shop_id, line):
                by_writing[_listing_of(order.shop_id, line)] = MatchByCode(sku, line.outer_sku)
            if sku.is_bundle:
                exploded.extend(_explode(work, line, sku, goods.parts[sku.id], lines[order.id], skus))
            else:
                _assign(work, line, sku, skus)
        if unknown:
            result.refuse(order.id, NeedsPerson(order_id=order.id, findings=[unmapped(order, unknown)]))
        else:
            result.done.append(order)
    work.add(exploded)
    if by_writing:
        note_matches_by_code(found=by_writing, work=work)
    return result


def bundle_shares(paid: Decimal, parts: Sequence[BundlePart]) -> list[Decimal]:
    """What was paid for a bundle, shared over its parts by list price, by pieces when all are free; to the fen."""
    weights = [part.part.list_price * part.quantity for part in parts]
    return split_amount(paid, weights if any(weights) else [part.quantity for part in parts])


def _assign(work: Work, line: OrderLine, sku: Sku, skus: dict[int, Sku]) -> None:
    line.sku_id = sku.id
    skus[sku.id] = sku
    work.save(line, "sku_id")


def _explode(
    work: Work,
    line: OrderLine,
    bundle: Sku,
    parts: Sequence[BundlePart],
    siblings: list[OrderLine],
    skus: dict[int, Sku],
) -> list[OrderLine]:
    """The first part takes the line over, the others follow as new lines of the same channel line."""
    shares = bundle_shares(line.paid_share, parts)
    grams = piece_weights(bundle.weight_g, [(part.part.weight_g, part.quantity) for part in parts])
    whole, added = line.ordered, []
    for number, (part, share) in enumerate(zip(parts, shares, strict=True)):
        pieces = whole * part.quantity
        if number == 0:
            target = line
        else:
            target = _twin(line, line_no=max(other.line_no for other in siblings) + 1)
            siblings.append(target)
            added.append(target)
        target.sku_id, target.bundle_id, target.paid_share = part.part_id, bundle.id, share
        target.piece_g = grams[number]
        target.ordered = target.unplanned = pieces
        target.unit_price = part.part.list_price
        skus[part.part_id] = part.part
    work.save(line, "sku_id", "bundle_id", "paid_share", "ordered", "unplanned", "unit_price", "piece_g")
    return added


def _twin(line: OrderLine, *, line_no: int) -> OrderLine:
    return new_row(
        OrderLine,
        order_id=line.order_id,
        line_no=line_no,
        channel_line_no=line.channel_line_no,
        listing_id=line.listing_id,
        listing_sku_id=line.listing_sku_id,
        outer_sku=line.outer_sku,
        title=line.title,
        spec=line.spec,
        is_gift=line.is_gift,
        refund_status=line.refund_status,
    )


def unmapped(order: Order, lines: Sequence[OrderLine]) -> Finding:
    """That these lines mean no goods of ours: one finding, grouped by the first; it moves on when that is matched."""
    line = lines[0]
    listing = _listing_of(order.shop_id, line)
    evidence = {
        "title": line.title,
        "spec": line.spec,
        "listing": line.listing_id,
        "listing_sku": line.listing_sku_id,
        "code": line.outer_sku,
    }
    if len(lines) > 1:
        evidence["other_goods"] = ", ".join(other.title or other.outer_sku for other in lines[1:])
    return Finding(
        UNMAPPED,
        evidence,
        # Without the code: the seller may write another one at the channel, and it is the same listing.
        root_cause=f"{UNMAPPED}:{order.shop_id}:{listing.listing_id}/{listing.listing_sku_id}"[:160],
        root_title=line.outer_sku or f"{line.listing_id}/{line.listing_sku_id}",
    )
