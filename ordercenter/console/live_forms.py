"""The form of a live-stream session; its goods are typed one SKU a line."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from channels_sync.live import LiveGoods, LivePlan
from channels_sync.live_models import LiveItem, LiveSession
from ordercenter.catalog.models import Shop, Sku
from ordercenter.console.stock_forms import ReasonForm, pieces_field, when_field
from ordercenter.inventory.models import Warehouse
from ordercenter.inventory.tables import MOST_PIECES

_MOST_PRICE = Decimal(10_000_000)


class LiveForm(ReasonForm):
    """A session: shop, room, anchor, times and goods."""

    shop = forms.ModelChoiceField(Shop.objects.filter(is_active=True).order_by("code"), label=gettext_lazy("shop"))
    title = forms.CharField(label=gettext_lazy("title"), max_length=100)
    room_id = forms.CharField(label=gettext_lazy("room number"), max_length=64, required=False)
    author_id = forms.CharField(label=gettext_lazy("anchor number"), max_length=64, required=False)
    anchor_name = forms.CharField(label=gettext_lazy("anchor"), max_length=64, required=False)
    planned_start = when_field(gettext_lazy("planned start"))
    planned_end = when_field(gettext_lazy("planned end"))
    lead_minutes = pieces_field(gettext_lazy("goods are set aside before the start (minutes)"), least=0, initial=30)
    goods = forms.CharField(
        label=gettext_lazy("goods"),
        widget=forms.Textarea(attrs={"rows": 6}),
        required=False,
        help_text=gettext_lazy(
            "One SKU a line: SKU, warehouse, pieces, price, commission in percent, and with how many left to warn."
        ),
    )

    def __init__(self, *args: Any, session: LiveSession | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["lead_minutes"].max_value = 1440  # type: ignore[attr-defined]
        if session is not None:
            del self.fields["shop"]
            for name, field in self.fields.items():
                if hasattr(session, name):
                    field.initial = getattr(session, name)
            self.fields["goods"].initial = goods_text(session)

    def plan(self) -> LivePlan:
        """What was typed, as the service takes it."""
        names = ("title", "room_id", "author_id", "anchor_name", "planned_start", "planned_end", "lead_minutes")
        return LivePlan(**{name: self.cleaned_data[name] for name in names})

    def clean_lead_minutes(self) -> int:
        return min(1440, int(self.cleaned_data["lead_minutes"]))

    def houses(self) -> QuerySet[Warehouse]:
        """The warehouses in which the reader may set pieces aside."""
        return self.scope.narrow(Warehouse.objects.all(), warehouse="pk")

    def clean_goods(self) -> list[LiveGoods]:
        """Raises ValidationError naming the first line that cannot be read."""
        rows = [row.split() for row in self.cleaned_data["goods"].splitlines() if row.strip()]
        skus = dict(Sku.objects.filter(code__in=[row[0] for row in rows]).values_list("code", "pk"))
        houses = dict(self.houses().values_list("code", "pk"))
        return [self._read(row, skus, houses) for row in rows]

    def _read(self, row: list[str], skus: dict[str, int], houses: dict[str, int]) -> LiveGoods:
        try:
            sku, house, pieces, price, *rest = row
            percent, few, *beyond = [*rest, "0", ""] if not rest else [*rest, ""] if len(rest) == 1 else rest
            made = LiveGoods(
                skus[sku],
                houses[house],
                int(pieces),
                Decimal(price),
                Decimal(percent),
                int(few) if few else None,
            )
            is_right = (
                not beyond
                and 0 <= (made.few_pieces or 0) <= MOST_PIECES
                and 0 < made.quantity <= MOST_PIECES
                and 0 <= made.price < _MOST_PRICE
                and 0 <= made.commission_percent <= 100
            )
        except (KeyError, ValueError, InvalidOperation):
            is_right = False
        if not is_right:
            raise forms.ValidationError(_("This line cannot be read: %(line)s") % {"line": " ".join(row)})
        return made


def goods_text(session: LiveSession | None) -> str:
    """The goods of a session as they are typed."""
    if session is None:
        return ""
    items = LiveItem.objects.filter(session=session, is_dropped=False).select_related("sku", "warehouse")
    rows = [
        f"{i.sku.code} {i.warehouse.code} {i.quantity} {i.price} {i.commission_percent} {_or_nothing(i.few_pieces)}"
        for i in items
    ]
    return "\n".join(sorted(row.strip() for row in rows))


def _or_nothing(number: int | None) -> str:
    return "" if number is None else str(number)
