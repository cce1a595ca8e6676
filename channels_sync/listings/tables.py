"""Tables of matches: brought, looked at row by row, taken in; given out, to be filled in and sent back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from channels_sync.listings.suggesting import Asked, suggest, sure_one
from channels_sync.listings.waiting import WaitingListing
from ordercenter.catalog.binding import Binding
from ordercenter.catalog.errors import BundleEmpty, SkuNotSold
from ordercenter.catalog.listings import LONGEST, Listing
from ordercenter.catalog.models import BundlePart, ListingMatch, Shop, Sku
from ordercenter.catalog.sets import Parts, goods_of, parts_in_order, problem_of_parts
from ordercenter.common.csvsafe import Cell
from ordercenter.common.scope import Scope
from ordercenter.common.sheets import SheetRow, is_shortened, read_sheet

MOST_ROWS = 5_000

# Our name -> the headings it may have; the first is how we write it.
COLUMNS: Mapping[str, Sequence[str]] = {
    "shop": ("店铺编码", "店铺", "shop code", "shop"),
    "listing_id": ("商品编号", "商品ID", "平台商品ID", "宝贝ID", "listing", "listing_id", "product id"),
    "listing_sku_id": ("规格编号", "规格ID", "平台SKUID", "SKUID", "listing sku", "listing_sku_id", "variant id"),
    "goods": ("SKU编码", "系统商品编码", "我方编码", "sku code", "our sku"),
}
NEEDED = ("shop", "listing_id", "goods")
_MORE = ("标题", "规格", "平台商家编码", "等待订单", "建议SKU", "建议理由")
_MORE_EN = ("title", "choice", "code at the channel", "orders waiting", "suggested", "why")

Change = Literal["new", "other", "same"]


@dataclass(frozen=True, slots=True)
class RowError:
    """What is wrong with a row, as the components of tables show it."""

    row: int
    column: str
    problem: str


@dataclass(frozen=True, slots=True)
class PlannedMatch:
    """What one row does. now: the SKU code that the listing means already, "" for none."""

    row: int
    shop: str
    binding: Binding
    goods: str
    now: str
    change: Change


@dataclass(frozen=True)
class TablePlan:
    """rows: those that can be done, in the order of the file. left_out: rows without a SKU."""

    rows: list[PlannedMatch]
    errors: list[RowError]
    left_out: int

    @property
    def changing(self) -> list[PlannedMatch]:
        return [row for row in self.rows if row.change != "same"]


def heading_of(column: str) -> str:
    """How a column is headed in the reader's language; such a heading is read again."""
    if column not in COLUMNS:
        return ""
    return COLUMNS[column][2 if column == "shop" else -2] if _is_english() else COLUMNS[column][0]


def plan_table(content: bytes, *, scope: Scope) -> TablePlan:
    """Read a CSV or XLSX file of matches and say what each row would do; nothing is written. Six statements.

    Rows without a SKU are left out: a table of what waits can be filled in bit by bit. Raises SheetUnreadable.
    """
    sheet = read_sheet(content, COLUMNS, NEEDED)
    if len(sheet) > MOST_ROWS:
        problem = _("at most %(most)d rows are taken at once: divide the table") % {"most": MOST_ROWS}
        return TablePlan([], [RowError(sheet[MOST_ROWS].number, "", problem)], 0)
    filled = [row for row in sheet if row.cells["goods"]]
    shops = _shops(scope)
    goods = goods_of({row.cells["goods"] for row in filled})
    problems = _goods_problems(goods)
    now = _now({shop.pk for shop in shops.values()}, {row.cells["listing_id"] for row in filled})
    rows: list[PlannedMatch] = []
    errors: list[RowError] = []
    seen: dict[Listing, int] = {}
    for row in filled:
        wrong = list(_wrong(row, shops, problems))
        if not wrong:
            shop = shops[row.cells["shop"]]
            code, parts = goods[row.cells["goods"]]
            binding = Binding(shop.pk, row.cells["listing_id"], row.cells.get("listing_sku_id", ""), code, parts)
            if (first := seen.setdefault(binding.listing, row.number)) != row.number:
                problem = _("says the same thing again as row %(row)d") % {"row": first}
                wrong.append(RowError(row.number, "", problem))
            else:
                rows.append(_planned(row, shop.name, binding, now))
        errors.extend(wrong)
    if not filled and not errors:
        errors.append(RowError(1, "goods", _("no row names a SKU")))
    return TablePlan(rows, errors, len(sheet) - len(filled))


def matches_as_table(matches: Iterable[ListingMatch]) -> Iterator[list[Cell]]:
    """Matches, with headings that are read again. The matches come with shop and SKU."""
    yield list(map(heading_of, COLUMNS))
    for match in matches:
        yield [match.shop.code, match.listing_id, match.listing_sku_id, match.sku.code]


def waiting_as_table(listings: Sequence[WaitingListing]) -> Iterator[list[Cell]]:
    """Listings that wait, to be filled in: the column of the SKU holds what is sure, else nothing."""
    yield [*map(heading_of, COLUMNS), *(_MORE_EN if _is_english() else _MORE)]
    suggestions = suggest([Asked(n.listing, n.title, n.choice, n.code) for n in listings]) if listings else {}
    for n in listings:
        best = next(iter(suggestions[n.listing]), None)
        sure = sure_one(suggestions[n.listing])
        yield [
            n.shop_code,
            n.listing.listing_id,
            n.listing.listing_sku_id,
            sure.sku_code if sure else "",
            n.title,
            n.choice,
            n.code,
            n.orders,
            best.sku_code if best else "",
            best.reason if best else "",
        ]


def _is_english() -> bool:
    return (get_language() or "").startswith("en")


def _shops(scope: Scope) -> dict[str, Shop]:
    """By code, and by name where only one shop has it."""
    known = list(scope.narrow(Shop.objects.all(), shop="pk"))
    times = Counter(shop.name for shop in known)
    named = {shop.name: shop for shop in known if times[shop.name] == 1}
    return named | {shop.code: shop for shop in known}


def _planned(row: SheetRow, shop: str, binding: Binding, now: Mapping[Listing, str]) -> PlannedMatch:
    before = now.get(binding.listing, "")
    change: Change = "new" if not before else "same" if before == binding.meaning else "other"
    return PlannedMatch(row.number, shop, binding, row.cells["goods"], before, change)


def _wrong(row: SheetRow, shops: Mapping[str, Shop], problems: Mapping[str, str]) -> Iterator[RowError]:
    if row.cells["shop"] not in shops:
        problem = _("there is no shop “%(code)s” for you") % {"code": row.cells["shop"][:40]}
        yield RowError(row.number, "shop", problem)
    names = [row.cells["listing_id"], row.cells.get("listing_sku_id", "")]
    if not any(names):
        yield RowError(row.number, "listing_id", _("the listing's number is missing"))
    if any(len(name) > LONGEST for name in names):
        yield RowError(row.number, "listing_id", _("the number is too long"))
    for name in filter(is_shortened, names):
        problem = _("“%(text)s” was shortened by a spreadsheet: format the column as text and save it again")
        yield RowError(row.number, "listing_id", problem % {"text": name})
    if row.cells["goods"] in problems:
        yield RowError(row.number, "goods", problems[row.cells["goods"]])


def _goods_problems(goods: Mapping[str, tuple[str, Parts]]) -> dict[str, str]:
    """Why goods as they are written mean nothing, by their text."""
    codes = {code for code, parts in goods.values() if not parts}
    codes |= {code for _code, parts in goods.values() for code, _pieces in parts}
    skus = {sku.code: sku for sku in Sku.objects.filter(code__any_of=codes, is_active=True)}
    bundles = [sku.pk for sku in skus.values() if sku.is_bundle]
    filled = set(BundlePart.objects.filter(bundle_id__in=bundles).values_list("bundle_id", flat=True))
    problems = {}
    for text, (code, parts) in goods.items():
        if parts:
            error = problem_of_parts(parts_in_order(parts), skus)
        elif code not in skus:
            error = SkuNotSold(code=code)
        else:
            is_empty = skus[code].is_bundle and skus[code].pk not in filled
            error = BundleEmpty(code=code) if is_empty else None
        if error is not None:
            problems[text] = error.sentence()
    return problems


def _now(shop_ids: set[int], listing_ids: set[str]) -> dict[Listing, str]:
    rows = ListingMatch.objects.filter(shop_id__in=shop_ids, listing_id__any_of=listing_ids, by_code="")
    return {
        Listing(shop_id, listing_id, variant): code
        for shop_id, listing_id, variant, code in rows.values_list(
            "shop_id", "listing_id", "listing_sku_id", "sku__code"
        )
    }
