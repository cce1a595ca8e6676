"""The forms of production: resources, their days, ways of making, and making for stock."""

from __future__ import annotations

from datetime import timedelta

from django import forms
from django.utils import timezone
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ordercenter.catalog.models import Sku
from ordercenter.console.stock_forms import ReasonForm, day_field, house_field, pieces_field
from ordercenter.inventory.goods_lists import read_typed
from ordercenter.inventory.models import ProductionResource


class ResourceForm(ReasonForm):
    """A machine, line or workshop."""

    field_order = ("code", "name", "warehouse", "is_active")
    code = forms.SlugField(label=gettext_lazy("code"), max_length=32)
    name = forms.CharField(label=gettext_lazy("name"), max_length=64)
    warehouse = house_field(gettext_lazy("what it makes arrives in"))
    is_active = forms.BooleanField(label=gettext_lazy("active"), required=False, initial=True)


class CalendarForm(ReasonForm):
    """Minutes on days."""

    field_order = ("resource", "first", "last", "weekdays", "minutes")
    resource = forms.ModelChoiceField(
        ProductionResource.objects.order_by("code"), label=gettext_lazy("production resource")
    )
    first = day_field(gettext_lazy("first day"), initial=lambda: timezone.localdate())
    last = day_field(gettext_lazy("last day"), initial=lambda: timezone.localdate() + timedelta(days=13))
    weekdays = forms.TypedMultipleChoiceField(
        label=gettext_lazy("weekdays"),
        coerce=int,
        choices=[(n, WEEKDAYS[n]) for n in range(7)],
        initial=[0, 1, 2, 3, 4],
        widget=forms.CheckboxSelectMultiple,
    )
    minutes = forms.IntegerField(
        label=gettext_lazy("minutes on each of them"),
        min_value=0,
        max_value=1440 * 100,
        initial=480,
        localize=False,
        help_text=gettext_lazy("Of all machines of the resource together; days with more booked stay as they are."),
    )


class WayForm(ReasonForm):
    """How a SKU is made."""

    field_order = ("sku", "resource", "minutes_per_unit", "setup_days", "lead_days", "parts", "is_active")
    sku = forms.CharField(label=gettext_lazy("SKU code"), max_length=64)
    resource = forms.ModelChoiceField(
        ProductionResource.objects.order_by("code"), label=gettext_lazy("production resource")
    )
    minutes_per_unit = forms.IntegerField(
        label=gettext_lazy("minutes per piece"), min_value=1, max_value=1_000_000, localize=False
    )
    setup_days = forms.IntegerField(
        label=gettext_lazy("days before it can begin"), min_value=0, max_value=366, initial=0, localize=False
    )
    lead_days = forms.IntegerField(
        label=gettext_lazy("days after the last minute"), min_value=0, max_value=366, initial=0, localize=False
    )
    parts = forms.CharField(
        label=gettext_lazy("parts of one piece"),
        required=False,
        help_text=gettext_lazy("One SKU code with its pieces on each line; empty if it takes none."),
        widget=forms.Textarea(attrs={"rows": 4, "cols": 34, "placeholder": "PART-1 2"}),
    )
    is_active = forms.BooleanField(label=gettext_lazy("active"), required=False, initial=True)

    def clean_sku(self) -> Sku:
        return known_sku(self.cleaned_data["sku"])

    def clean_parts(self) -> dict[int, int]:
        goods = read_typed(self.cleaned_data["parts"])
        skus = Sku.objects.filter(code__in=list(goods.pieces), is_bundle=False)
        parts = goods.known(dict(skus.values_list("code", "pk")))
        if goods.problems:
            raise forms.ValidationError([problem for _number, problem in goods.problems[:20]])
        return parts


class MakeForm(ReasonForm):
    """Pieces to be made for stock."""

    field_order = ("sku", "quantity")
    sku = forms.CharField(label=gettext_lazy("SKU code"), max_length=64)
    quantity = pieces_field(gettext_lazy("pieces"))

    def clean_sku(self) -> Sku:
        return known_sku(self.cleaned_data["sku"])


def known_sku(code: str) -> Sku:
    """The single SKU of this code; a mistake of the field where there is none."""
    sku = Sku.objects.filter(code=code.strip(), is_bundle=False).first()
    if sku is None:
        raise forms.ValidationError(_("there is no SKU “%(code)s”") % {"code": code})
    return sku
