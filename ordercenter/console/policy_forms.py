"""The forms of what is decided for good: what shops may offer, where pieces come from, when they are set aside."""

from __future__ import annotations

from decimal import Decimal

from django import forms
from django.utils.translation import gettext_lazy

from ordercenter.catalog.models import Shop
from ordercenter.console.stock_forms import ReasonForm, day_field, pieces_field
from ordercenter.inventory.services.deciding import MOST_BALANCE_DAYS, MOST_HOLD_MINUTES
from ordercenter.inventory.states import ReserveOn, StockSource


class ShareAllForm(ReasonForm):
    """What a shop may offer of the pool."""

    share_percent = forms.IntegerField(
        label=gettext_lazy("share of the pool (%)"), min_value=0, max_value=100, initial=100, localize=False
    )
    cap = pieces_field(
        gettext_lazy("never more than"),
        least=0,
        required=False,
        help_text=gettext_lazy("Pieces; empty means no limit."),
    )
    buffer_pieces = pieces_field(
        gettext_lazy("buffer"), least=0, initial=0, help_text=gettext_lazy("Pieces that are kept back at least.")
    )
    buffer_z = forms.DecimalField(
        label=gettext_lazy("buffer factor"),
        min_value=Decimal(0),
        max_value=Decimal("99.9"),
        decimal_places=1,
        initial=Decimal("2.5"),
        localize=False,
        help_text=gettext_lazy(
            "So many times what is sold while a number is on its way are kept back; 2 to 3 is usual."
        ),
    )
    is_active = forms.BooleanField(
        label=gettext_lazy("active"),
        required=False,
        initial=True,
        help_text=gettext_lazy(
            "While it is not active, the channel is told nothing for these goods and keeps the number that it has."
        ),
    )


class ShareForm(ShareAllForm):
    """The same for one SKU, or from its page for all."""

    field_order = ("shop", "for_all")
    shop = forms.ModelChoiceField(Shop.objects.order_by("code"), label=gettext_lazy("shop"))
    for_all = forms.BooleanField(label=gettext_lazy("for all SKUs that have no policy of their own"), required=False)


def _minutes() -> forms.IntegerField:
    return forms.IntegerField(
        label=gettext_lazy("promise before payment lasts (minutes)"),
        min_value=1,
        max_value=MOST_HOLD_MINUTES,
        initial=30,
        localize=False,
        help_text=gettext_lazy("Pieces set aside for an unpaid order are free again after so long."),
    )


def _balance_days() -> forms.IntegerField:
    return forms.IntegerField(
        label=gettext_lazy("the balance may take (days)"),
        min_value=1,
        max_value=MOST_BALANCE_DAYS,
        initial=7,
        localize=False,
        help_text=gettext_lazy("Of a pre-sale: so long after the deposit its pieces stay set aside."),
    )


class PolicyForm(ReasonForm):
    """Where the pieces of a SKU come from."""

    source = forms.ChoiceField(
        label=gettext_lazy("source"),
        choices=StockSource.choices,
        help_text=gettext_lazy("From stock, made when ordered, or sold ahead and shipped from a day on."),
    )
    reserve_on = forms.ChoiceField(
        label=gettext_lazy("reserve"),
        choices=ReserveOn.choices,
        help_text=gettext_lazy("When pieces are set aside for an order; a shop may have a rule of its own."),
    )
    hold_minutes = _minutes()
    balance_days = _balance_days()
    ships_on = day_field(
        gettext_lazy("ships from"),
        required=False,
        help_text=gettext_lazy("For a pre-sale: the day from which on it ships."),
    )
    rush_cap_percent = forms.IntegerField(
        label=gettext_lazy("rush orders may take over (%)"),
        min_value=0,
        max_value=100,
        initial=30,
        localize=False,
        help_text=gettext_lazy("Of what is reserved for less urgent orders, in a day; 0: nothing."),
    )
    rush_cap_pieces = pieces_field(
        gettext_lazy("rush orders may take over (pieces)"),
        least=0,
        required=False,
        help_text=gettext_lazy("At most so many in a day; empty: no limit but the percentage."),
    )


class ReservingAllForm(ReasonForm):
    """When a shop's orders get their pieces set aside."""

    is_own = forms.BooleanField(
        label=gettext_lazy("the shop has a rule of its own"),
        required=False,
        initial=True,
        help_text=gettext_lazy("Without one, the shop's rule for all SKUs holds, then what the SKU says."),
    )
    reserve_on = forms.ChoiceField(
        label=gettext_lazy("reserve"),
        choices=ReserveOn.choices,
        help_text=gettext_lazy("Early keeps the buyer's pieces safe, and binds pieces for orders that are never paid."),
    )
    hold_minutes = _minutes()
    balance_days = _balance_days()


class ReservingForm(ReservingAllForm):
    """The same for one SKU, or from its page for all."""

    field_order = ("shop", "for_all")
    shop = forms.ModelChoiceField(Shop.objects.order_by("code"), label=gettext_lazy("shop"))
    for_all = forms.BooleanField(label=gettext_lazy("for all SKUs that have no policy of their own"), required=False)
