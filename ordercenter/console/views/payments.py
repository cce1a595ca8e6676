"""Entering a payment that no channel reports: what is missing of an order's amount, a transfer, cash."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import Sum
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from finance import services
from finance.models import PaymentEntry
from finance.services import HandPayment
from finance.states import EntryKind
from ordercenter.common.actor import actor_of
from ordercenter.common.money import ZERO
from ordercenter.common.scope import scope_of
from ordercenter.console.pages import back_to, page
from ordercenter.console.selectors.order_page import order_in_scope
from ordercenter.console.templatetags.console import amount
from ordercenter.orders.models import Order

PROVIDERS = [
    ("alipay", gettext_lazy("Alipay")),
    ("wechat", gettext_lazy("WeChat Pay")),
    ("transfer", gettext_lazy("Bank transfer")),
    ("cash", gettext_lazy("Cash")),
    ("other", gettext_lazy("Other")),
]


class PaymentForm(forms.Form):
    """One payment, and why it is entered by hand."""

    provider = forms.ChoiceField(label=gettext_lazy("provider"), choices=PROVIDERS)
    external_no = forms.RegexField(
        r"^[!-~]{1,64}$",
        label=gettext_lazy("transaction number"),
        widget=forms.TextInput(attrs={"autocomplete": "off", "maxlength": "64"}),
        help_text=gettext_lazy("As the provider or the bank names it; each one is entered once."),
        error_messages={"invalid": gettext_lazy("Up to 64 letters, digits and signs, without spaces.")},
    )
    amount = forms.DecimalField(
        label=gettext_lazy("amount"), max_digits=14, decimal_places=2, min_value=Decimal("0.01"), localize=False
    )
    occurred_at = forms.DateTimeField(
        label=gettext_lazy("paid at"),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )
    reason = forms.CharField(
        label=gettext_lazy("reason"),
        max_length=200,
        help_text=gettext_lazy("Kept in the history and the audit; no names, phones or addresses."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    def clean_occurred_at(self) -> Any:
        value = self.cleaned_data["occurred_at"]
        if value > timezone.now():
            raise forms.ValidationError(_("A payment lies in the past."))
        return value


@page("orders.view_order", "finance.book_payment")
def book_payment(request: HttpRequest, order_id: int) -> HttpResponse:
    """GET: the form, with what is still due. POST: enter the payment."""
    order = order_in_scope(order_id, scope_of(request))
    if order is None:
        raise Http404
    paid = PaymentEntry.objects.filter(order=order, kind=EntryKind.PAYMENT).aggregate(sum=Sum("amount"))["sum"] or ZERO
    outstanding = order.total_amount - paid
    if request.method == "POST":
        form = PaymentForm(request.POST)
        if form.is_valid() and _book(request, order, form):
            return back_to(request, reverse("console:order", args=[order.pk]))
    else:
        start = {"amount": max(outstanding, ZERO), "occurred_at": timezone.localtime()}
        form = PaymentForm(initial=start)
    context = {
        "order": order,
        "form": form,
        "paid": paid,
        "outstanding": outstanding,
        "next": request.POST.get("next") or request.GET.get("next") or "",
        "place": "orders",
    }
    return render(request, "console/book_payment.html", context)


def _book(request: HttpRequest, order: Order, form: PaymentForm) -> bool:
    data = form.cleaned_data
    payment = HandPayment(order.pk, data["provider"], data["external_no"], data["amount"], data["occurred_at"])
    result = services.book_payments(payments=[payment], reason=data["reason"], actor=actor_of(request))
    for refusal in result.refused:
        form.add_error(None, refusal.error.sentence())
    for booked in result.done:
        if booked.outstanding:
            rest = amount(booked.outstanding, order.currency)
            messages.info(request, _("The payment is in the books; %(rest)s are still missing.") % {"rest": rest})
        else:
            messages.success(request, _("The payment is in the books; the order is paid."))
    return not result.refused
