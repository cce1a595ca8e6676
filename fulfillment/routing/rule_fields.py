"""What the rules of routing may ask: about an order, and about the goods in it."""

from __future__ import annotations

import csv
from functools import cache

from django.utils.translation import gettext_lazy as _

from ordercenter.common.divisions import TABLE
from ordercenter.orders.states import Grade
from ordercenter.workflow.fields import Catalogue, Field, FieldType

REGIONS, SHOP = "address.regions", "order.shop"


@cache
def division_names() -> dict[str, str]:
    """Division code without its trailing zeros ("33", "3301", "330106") -> name of province, city or county."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        return {short_code(row["code"]): row["name"] for row in csv.DictReader(file)}


def short_code(code: str) -> str:
    """A division code as far as it says something: 330000 is 33, 330100 is 3301."""
    for length in (2, 4):
        if set(code[length:6]) <= {"0"}:
            return code[:length]
    return code[:6]


def regions_of(code: str) -> tuple[str, ...]:
    """The divisions that a place lies in, widest first: 33, 3301, 330106."""
    short = short_code(code)
    return tuple(short[:length] for length in (2, 4, 6) if length <= len(short))


@cache
def order_fields() -> Catalogue:
    """Fields of an order that a rule's condition may ask."""
    return Catalogue(
        [
            Field(SHOP, FieldType.REF, _("Shop")),
            Field("order.channel", FieldType.REF, _("Channel")),
            Field("order.grade", FieldType.ENUM, _("Grade"), values=Grade.choices),
            Field("order.paid_total", FieldType.MONEY, _("Amount paid")),
            Field("order.line_count", FieldType.NUMBER, _("Number of lines")),
            Field("order.qty_total", FieldType.NUMBER, _("Number of pieces")),
            Field("order.weight_g", FieldType.NUMBER, _("Weight (g)")),
            Field("order.skus", FieldType.SET, _("SKUs of the order")),
            Field("order.categories", FieldType.SET, _("Categories of the order")),
            Field("order.handling", FieldType.SET, _("Handling of the goods")),
            Field("order.ship_by", FieldType.DATETIME, _("Ship by")),
            Field(REGIONS, FieldType.SET, _("Region"), values=division_names()),
        ]
    )


@cache
def goods_fields() -> Catalogue:
    """Fields of a SKU that a rule's condition on goods may ask."""
    return Catalogue(
        [
            Field("sku.code", FieldType.REF, _("SKU")),
            Field("sku.category", FieldType.REF, _("category")),
            Field("sku.handling", FieldType.SET, _("handling")),
            Field("sku.weight_g", FieldType.NUMBER, _("Weight (g)")),
        ]
    )
