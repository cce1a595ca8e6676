"""Pick lists on paper: a wave's round bin by bin, and a page for each order if wanted."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from fulfillment.models import Basket, PickLine, Wave
from fulfillment.states import ShipmentState
from ordercenter.common.paper import code128_svg, make_pdf

TEMPLATE = Path(__file__).resolve().parents[1] / "paper" / "pick-list.typ"
_LEAVES = (ShipmentState.CANCELLED, ShipmentState.TO_PUT_BACK)


def pick_list_pdf(*, wave: Wave, by_order: bool = False) -> bytes:
    """The pick list of a wave as PDF, in the reader's language. by_order: a page for each basket behind the round.

    What is picked, missing or stopped is not on it. Four statements. Raises FontMissing where no Chinese font is found.
    """
    rows = PickLine.objects.filter(basket__wave=wave).exclude(basket__shipment__state__in=_LEAVES)
    lines = [
        line
        for line in rows.select_related("sku", "basket").order_by("bin_code", "sku__code", "basket__number")
        if line.open
    ]
    return make_pdf(
        TEMPLATE,
        {
            "code": wave.code,
            "barcode": _barcode(wave.code),
            "heading": _("Pick list"),
            "title": " ".join(str(part) for part in (wave.get_kind_display(), wave.title) if part),
            "facts": _facts(wave, lines),
            "columns": [_("Bin"), _("SKU"), _("Goods"), _("Pieces"), _("Baskets"), "✓"],
            "order_columns": [_("Bin"), _("SKU"), _("Goods"), _("Pieces"), "✓"],
            "stops": _stops(lines),
            "orders": _orders(wave, lines) if by_order else [],
        },
    )


def _stops(lines: list[PickLine]) -> list[dict[str, Any]]:
    stops: dict[tuple[str, int], dict[str, Any]] = {}
    for line in lines:
        # An order may want a SKU in several lines, one of them a gift: it is one reach into the bin all the same.
        stop = stops.setdefault((line.bin_code, line.sku_id), {**_goods(line), "pieces": 0, "baskets": Counter()})
        stop["pieces"] += line.open
        stop["baskets"][line.basket.number] += line.open
    return [{**stop, "baskets": "  ".join(f"{n}×{of}" for n, of in stop["baskets"].items())} for stop in stops.values()]


def _orders(wave: Wave, lines: list[PickLine]) -> list[dict[str, Any]]:
    by_basket: dict[int, list[PickLine]] = {}
    for line in lines:
        by_basket.setdefault(line.basket_id, []).append(line)
    baskets = Basket.objects.filter(pk__in=by_basket).select_related("shipment", "shipment__carrier").order_by("number")
    return [
        {
            "heading": _("Basket %(number)s") % {"number": basket.number},
            "facts": f"{basket.shipment.carrier.name} · {basket.shipment.get_grade_display()}",
            "barcode": _barcode(basket.shipment.code),
            "lines": [{**_goods(line), "pieces": line.open} for line in by_basket[basket.pk]],
        }
        for basket in baskets
    ]


def _goods(line: PickLine) -> dict[str, Any]:
    return {"bin": line.bin_code or "–", "barcode": _barcode(line.sku.code), "name": line.sku.name}


def _facts(wave: Wave, lines: list[PickLine]) -> str:
    baskets = len({line.basket_id for line in lines})
    pieces = sum(line.open for line in lines)
    return " · ".join(
        [
            ngettext("%(n)s shipment", "%(n)s shipments", baskets) % {"n": baskets},
            ngettext("%(n)s piece", "%(n)s pieces", pieces) % {"n": pieces},
            date_format(localtime(wave.created_at), "Y-m-d H:i"),
        ]
    )


def _barcode(text: str) -> dict[str, str]:
    """Code 128 knows ASCII only; what else is in a code stands as text."""
    plain = text.encode("ascii", "ignore").decode() or "-"
    return {"svg": code128_svg(plain), "text": text}
