"""An order of which more was paid than is due: the excess has gone back, or is kept for the buyer."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from finance.services import excess_of, keep_excess, refund_excess
from ordercenter.common.actor import actor_of
from ordercenter.common.errors import OrderCenterError
from ordercenter.common.scope import scope_of
from ordercenter.console.pages import back_to, page
from ordercenter.console.selectors.order_page import order_in_scope
from ordercenter.orders.services import waits_for_money


class ExcessForm(forms.Form):
    """What becomes of the excess, and why."""

    way = forms.ChoiceField(
        label=gettext_lazy("what becomes of it"),
        choices=[
            ("refund", gettext_lazy("It has gone back to the buyer")),
            ("credit", gettext_lazy("It is kept as a credit of the buyer")),
        ],
    )
    refund_no = forms.RegexField(
        r"^[!-~]{1,64}$",
        label=gettext_lazy("number of the refund"),
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "maxlength": "64"}),
        help_text=gettext_lazy("As the provider or the bank names it; only for a refund."),
        error_messages={"invalid": gettext_lazy("Up to 64 letters, digits and signs, without spaces.")},
    )
    reason = forms.CharField(
        label=gettext_lazy("reason"),
        max_length=200,
        help_text=gettext_lazy("Kept in the history and the audit; no names, phones or addresses."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    def clean(self) -> dict[str, str]:
        data: dict[str, str] = super().clean() or {}
        if data.get("way") == "refund" and not data.get("refund_no") and "refund_no" not in self.errors:
            self.add_error("refund_no", _("A refund is known by its number."))
        return data


@page("orders.view_order", "finance.book_payment")
def settle_excess(request: HttpRequest, order_id: int) -> HttpResponse:
    """GET: what was paid too much, and the form. POST: settle it; the order goes on its way."""
    order = order_in_scope(order_id, scope_of(request))
    if order is None:
        raise Http404
    form = ExcessForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        values = {"order_id": order.pk, "reason": data["reason"], "actor": actor_of(request)}
        try:
            if data["way"] == "refund":
                refund_excess(refund_no=data["refund_no"], **values)
            else:
                keep_excess(**values)
        except OrderCenterError as error:
            form.add_error(None, error.sentence())
        else:
            messages.success(request, _("It is settled; the order is paid and goes on its way."))
            return back_to(request, reverse("console:order", args=[order.pk]))
    excess = excess_of(order)
    context = {
        "order": order,
        "form": form,
        "excess": excess,
        "can_settle": waits_for_money(order) and bool(excess.amount),
        "next": request.POST.get("next") or request.GET.get("next") or "",
        "place": "orders",
    }
    return render(request, "console/excess.html", context)
