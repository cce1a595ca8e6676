"""What the console's templates need: names of things, amounts, spans of time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django import template
from django.template.context import RequestContext
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from fulfillment.contracts.bill_sheets import LABELS
from fulfillment.freight_words import kg
from ordercenter.console import wording

register = template.Library()

SIGNS = {"CNY": "¥"}
LONG = timedelta(days=2)


@register.filter
def code_label(code: str) -> str:
    """What a case or hold code is called."""
    return str(wording.code_label(code))


@register.filter
def amount(value: Decimal | None, currency: str = "CNY") -> str:
    """1234.5 as ¥1,234.50; a dash for nothing."""
    if value is None:
        return "–"
    sign = SIGNS.get(currency, f"{currency} ")
    text = number_format(abs(value), decimal_pos=2, use_l10n=True, force_grouping=True)
    return f"{'-' if value < 0 else ''}{sign}{text}"


@register.filter
def decimal_amount(value: str) -> str:
    """An amount that is kept as text, "-1234.5", as -¥1,234.50."""
    return amount(Decimal(value))


@register.filter
def fen(value: float | None) -> str:
    """Integer fen as ¥2.70; a dash for nothing."""
    return "–" if value is None else amount(Decimal(round(value)) / 100)


@register.filter
def span(value: timedelta | None) -> str:
    """A span of time in its two largest useful units: 350 ms, 4.2 s, 12 min, 3 h 20 min, 5 days."""
    if value is None:
        return ""
    seconds = value.total_seconds()
    if seconds < 1:
        return _("%(n)s ms") % {"n": int(seconds * 1000)}
    if seconds < 60:
        return _("%(n)s s") % {"n": f"{seconds:.1f}"}
    minutes = int(seconds // 60)
    if minutes < 60:
        return _("%(n)s min") % {"n": minutes}
    if value < LONG:
        return _("%(h)s h %(m)s min") % {"h": minutes // 60, "m": minutes % 60}
    return ngettext("%(n)s day", "%(n)s days", value.days) % {"n": value.days}


@register.filter
def until(value: datetime | None, now: datetime | None = None) -> str:
    """How long it is until an instant, or how long ago it was."""
    if value is None:
        return ""
    left = value - (now or timezone.now())
    if left >= timedelta(0):
        return _("%(span)s left") % {"span": span(left)}
    return _("%(span)s over") % {"span": span(-left)}


@register.filter
def age(value: datetime) -> str:
    """How long ago an instant was, without saying that anything is late."""
    return span(max(timezone.now() - value, timedelta(0)))


@register.filter
def is_past(value: datetime | None, now: datetime | None = None) -> bool:
    """Whether the instant has passed."""
    return value is not None and value < (now or timezone.now())


@register.filter
def get(mapping: dict[str, Any], key: str) -> Any:
    """The value of a key; nothing when it is not there."""
    return mapping.get(key)


@register.simple_tag(takes_context=True)
def with_query(context: RequestContext, **changes: Any) -> str:
    """The query of this page with some values changed; empty ones are left out."""
    query = context["request"].GET.copy()
    for name, value in changes.items():
        if value in (None, ""):
            query.pop(name, None)
        else:
            query[name] = str(value)
    return f"?{query.urlencode()}"


@register.filter
def of(values: Mapping[Any, Any], key: Any) -> Any:
    """What a mapping has under a key; nothing when it has nothing."""
    return values.get(key)


@register.filter
def day_before(value: date | None) -> date | None:
    """The last day of a time that ends before this one."""
    return value - timedelta(days=1) if value is not None else None


@register.filter
def kilograms(grams: int | None) -> str:
    """1250 as 1.25; empty for nothing."""
    return kg(grams) if grams else ""


@register.filter
def freight_term(name: str) -> str:
    """What a column of a courier's bill is called."""
    return str(LABELS.get(name, name))


@register.filter
def parts(text: str) -> list[str]:
    """The words of a text, parted by commas."""
    return text.split(",")


@register.filter
def dotted(first: str, second: str) -> str:
    """Two names as one: orders, fields as orders.fields."""
    return f"{first}.{second}"


@register.filter
def first_part(name: str) -> str:
    """orders.request as orders."""
    return name.partition(".")[0]


@register.filter
def lines_of(text: str) -> int:
    """How many lines a text needs, from two to eight."""
    return min(8, max(2, text.count("\n") + 1))


@register.simple_tag
def value_at(values: Mapping[str, str], *names: str) -> str:
    """What stands under the names, put together with points."""
    return values.get(".".join(names), "")


@register.filter
def auth_label(kind: str) -> str:
    """How a connector says who we are."""
    return str(wording.CONNECTOR_AUTH.get(kind, kind))


@register.filter
def paging_label(name: str) -> str:
    """What a way of paging, or one of its numbers, is called."""
    return str(wording.CONNECTOR_PAGING.get(name, name))
