"""The forms of stock: what people type, checked for its kind; what it means is checked by the services."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from django import forms
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ordercenter.catalog.models import Shop, Sku
from ordercenter.common.scope import Scope
from ordercenter.common.sheets import SheetUnreadable
from ordercenter.inventory.goods_lists import read_file, read_typed
from ordercenter.inventory.models import ProductionResource, Warehouse
from ordercenter.inventory.states import Bucket, QuotaKind
from ordercenter.inventory.tables import MOST_PIECES

LARGEST_LIST = 10 * 1024 * 1024
GRADES = ("good", "defective", "quarantine")
_KEPT = gettext_lazy("Kept in the history and the audit; no names, phones or addresses.")


def when_field(label: Any, **more: Any) -> forms.DateTimeField:
    """An instant, in the zone of the shop."""
    widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
    return forms.DateTimeField(label=label, widget=widget, **more)


def day_field(label: Any, **more: Any) -> forms.DateField:
    """A day."""
    return forms.DateField(label=label, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"), **more)


def pieces_field(label: Any, *, least: int = 1, **more: Any) -> forms.IntegerField:
    """A number of pieces."""
    return forms.IntegerField(label=label, min_value=least, max_value=MOST_PIECES, localize=False, **more)


class ReasonForm(forms.Form):
    """A decision with its reason. scope: what the person may choose from; key: the same form sent twice counts once."""

    key = forms.RegexField(r"^[0-9a-f]{32}$", widget=forms.HiddenInput, required=False)

    def __init__(self, *args: Any, scope: Scope, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.scope = scope
        self.fields["key"].initial = uuid4().hex
        for field in self.fields.values():
            if isinstance(field, forms.ModelChoiceField) and field.queryset.model is Warehouse:
                field.queryset = scope.narrow(field.queryset, warehouse="pk")
            elif isinstance(field, forms.ModelChoiceField) and field.queryset.model is Shop:
                field.queryset = scope.narrow(field.queryset, shop="pk")
            elif isinstance(field, forms.ModelChoiceField) and field.queryset.model is ProductionResource:
                field.queryset = scope.narrow(field.queryset, warehouse="warehouse_id")
        self.fields["reason"] = forms.CharField(
            label=_("reason"), max_length=200, help_text=_KEPT, widget=forms.TextInput(attrs={"autocomplete": "off"})
        )
        self.order_fields(self.field_order)

    def clean_key(self) -> str:
        return self.cleaned_data["key"] or uuid4().hex


def house_field(label: Any = None) -> forms.ModelChoiceField:
    """One of the reader's warehouses."""
    return forms.ModelChoiceField(Warehouse.objects.order_by("code"), label=label or gettext_lazy("warehouse"))


def _bucket(label: Any = None, initial: Bucket = Bucket.ON_HAND) -> forms.ChoiceField:
    return forms.ChoiceField(label=label or gettext_lazy("bucket"), choices=Bucket.choices, initial=initial)


class AdjustForm(ReasonForm):
    """So many pieces more or fewer."""

    warehouse = house_field()
    bucket = _bucket()
    change = forms.IntegerField(
        label=gettext_lazy("change"),
        min_value=-MOST_PIECES,
        max_value=MOST_PIECES,
        help_text=gettext_lazy("Pieces; -3 for three fewer."),
        localize=False,
    )

    def clean_change(self) -> int:
        if self.cleaned_data["change"] == 0:
            raise forms.ValidationError(_("A change of nothing is no change."))
        return int(self.cleaned_data["change"])


class CountForm(ReasonForm):
    """What was found."""

    warehouse = house_field()
    bucket = _bucket()
    pieces = pieces_field(gettext_lazy("counted pieces"), least=0)


class RegradeForm(ReasonForm):
    """Pieces that turned out better or worse."""

    warehouse = house_field()
    source = _bucket(gettext_lazy("from"))
    target = _bucket(gettext_lazy("to"), Bucket.DAMAGED)
    pieces = pieces_field(gettext_lazy("pieces"))

    def clean(self) -> dict[str, Any]:
        if self.cleaned_data.get("source") == self.cleaned_data.get("target"):
            raise forms.ValidationError(_("Choose two different buckets."))
        return self.cleaned_data


class SafetyForm(ReasonForm):
    """What channels are not told of."""

    warehouse = house_field()
    pieces = pieces_field(
        gettext_lazy("safety stock"),
        least=0,
        help_text=gettext_lazy("So many pieces are kept back from the channels; paid orders may still use them."),
    )


class QuotaForm(ReasonForm):
    """Pieces for one shop only."""

    shop = forms.ModelChoiceField(Shop.objects.order_by("code"), label=gettext_lazy("shop"))
    warehouse = house_field()
    kind = forms.ChoiceField(label=gettext_lazy("kind"), choices=QuotaKind.choices)
    quantity = pieces_field(gettext_lazy("pieces"))
    starts_at = when_field(
        gettext_lazy("starts at"), required=False, help_text=gettext_lazy("Empty: at once, if all of it is there.")
    )
    ends_at = when_field(
        gettext_lazy("ends at"),
        required=False,
        help_text=gettext_lazy("What is left goes back to the pool then. A live-stream lock needs an end."),
    )


class TransferForm(ReasonForm):
    """From one warehouse to another."""

    source = house_field(gettext_lazy("from warehouse"))
    target = house_field(gettext_lazy("to warehouse"))
    pieces = pieces_field(gettext_lazy("pieces"))
    due_on = day_field(gettext_lazy("expected on"), initial=lambda: timezone.localdate())

    def clean(self) -> dict[str, Any]:
        if self.cleaned_data.get("source") == self.cleaned_data.get("target"):
            raise forms.ValidationError(_("Choose two different warehouses."))
        return self.cleaned_data


class EndForm(ReasonForm):
    """Nothing but a reason."""


_GOODS = gettext_lazy("One SKU code with its pieces on each line; a copy from a spreadsheet will do.")


class GoodsForm(ReasonForm):
    """Something with a list of goods, typed, pasted or in a file."""

    goods = forms.CharField(
        label=gettext_lazy("goods"),
        required=False,
        help_text=_GOODS,
        widget=forms.Textarea(attrs={"rows": 6, "cols": 34, "placeholder": "SKU-1 20\nSKU-2 5"}),
    )
    table = forms.FileField(label=gettext_lazy("or a table (CSV, XLSX)"), required=False)

    def clean(self) -> dict[str, Any]:
        """cleaned_data["pieces"]: SKU id -> pieces; every line that cannot be read is named."""
        file, text = self.cleaned_data.get("table"), self.cleaned_data.get("goods", "")
        if file and text.strip():
            raise forms.ValidationError(_("Give the goods once: typed or as a table."))
        if file and file.size > LARGEST_LIST:
            raise forms.ValidationError(_("Choose a CSV or XLSX file of at most 10 MB."))
        try:
            goods = read_file(file.read()) if file else read_typed(text)
        except SheetUnreadable as error:
            raise forms.ValidationError(error.sentence()) from error
        skus = Sku.objects.filter(code__in=list(goods.pieces), is_bundle=False)
        self.cleaned_data["pieces"] = goods.known(dict(skus.values_list("code", "pk")))
        if goods.problems:
            raise forms.ValidationError(
                [
                    _("Line %(n)d: %(problem)s") % {"n": number, "problem": problem} if number else problem
                    for number, problem in goods.problems[:20]
                ]
            )
        if not goods.pieces:
            raise forms.ValidationError(_("Name at least one SKU with its pieces."))
        return self.cleaned_data


class PurchaseForm(GoodsForm):
    """Goods that were bought."""

    field_order = ("warehouse", "due_on", "goods", "table", "supplier", "reference", "is_last", "tracking_no", "reason")
    warehouse = house_field()
    due_on = day_field(gettext_lazy("expected on"), initial=lambda: timezone.localdate())
    supplier = forms.CharField(label=gettext_lazy("supplier"), max_length=64, required=False)
    reference = forms.CharField(
        label=gettext_lazy("purchase order"),
        max_length=64,
        required=False,
        help_text=gettext_lazy("Its own number, if several deliveries may belong to it."),
    )
    is_last = forms.BooleanField(
        label=gettext_lazy("last delivery of this purchase order"),
        required=False,
        help_text=gettext_lazy("What has not come when it has ended is expected no more."),
    )
    tracking_no = forms.CharField(label=gettext_lazy("tracking number"), max_length=64, required=False)


class TransfersForm(GoodsForm):
    """Goods that go from one warehouse to another."""

    field_order = ("source", "target", "due_on", "goods", "table", "reason")
    source = house_field(gettext_lazy("from warehouse"))
    target = house_field(gettext_lazy("to warehouse"))
    due_on = day_field(gettext_lazy("expected on"), initial=lambda: timezone.localdate())

    def clean(self) -> dict[str, Any]:
        if self.cleaned_data.get("source") == self.cleaned_data.get("target") is not None:
            raise forms.ValidationError(_("Choose two different warehouses."))
        return super().clean()


class ReturnForm(ReasonForm):
    """Goods of an order that a buyer sends back; the pieces of each line are fields of their own."""

    warehouse = house_field()
    tracking_no = forms.CharField(label=gettext_lazy("tracking number"), max_length=64, required=False)

    def __init__(self, *args: Any, lines: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lines = lines
        for line, left in lines:
            self.fields[f"line-{line.pk}"] = forms.IntegerField(
                label=f"{line.sku.code} {line.sku.name}",
                min_value=0,
                max_value=left,
                initial=left,
                localize=False,
                help_text=_("at most %(n)d") % {"n": left},
            )
        self.order_fields(["warehouse", *(f"line-{line.pk}" for line, _left in lines), "tracking_no", "reason"])

    def pieces(self) -> dict[int, int]:
        """Line id -> pieces that come back."""
        named = {line.pk: self.cleaned_data[f"line-{line.pk}"] for line, _left in self.lines}
        return {pk: n for pk, n in named.items() if n}


class ReceiveForm(ReasonForm):
    """What came: good, defective and quarantine pieces of each line."""

    is_final = forms.BooleanField(label=gettext_lazy("nothing more will come of it"), required=False, initial=True)

    def __init__(self, *args: Any, lines: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lines = lines
        for line in lines:
            for grade in GRADES:
                self.fields[f"{grade}-{line.pk}"] = forms.IntegerField(
                    min_value=0,
                    max_value=MOST_PIECES,
                    required=False,
                    initial=max(0, line.planned - line.received) if grade == "good" else 0,
                    localize=False,
                )

    def rows(self) -> list[tuple[Any, list[Any]]]:
        """Each line with its three fields, for the page."""
        return [(line, [self[f"{grade}-{line.pk}"] for grade in GRADES]) for line in self.lines]

    def pieces(self) -> dict[int, tuple[int, int, int]]:
        """Line id -> (good, defective, quarantine)."""
        found = {}
        for line in self.lines:
            good, defective, quarantine = (self.cleaned_data[f"{grade}-{line.pk}"] or 0 for grade in GRADES)
            found[line.pk] = (good, defective, quarantine)
        return found
