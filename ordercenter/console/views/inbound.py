"""Deliveries that come in: the list, making one, sending it to its warehouse, receiving it by hand, calling it off."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from fulfillment.models import InboundOrder, WmsAccount
from fulfillment.services import bringing
from fulfillment.services.goods_at_warehouses import tell_all_items
from fulfillment.services.purchase_rests import close_rest
from fulfillment.states import InboundKind, InboundState
from ordercenter.cases.errors import ReasonMissing
from ordercenter.common.actor import actor_of
from ordercenter.common.errors import OrderCenterError
from ordercenter.common.scope import scope_of
from ordercenter.console import stock_forms as forms
from ordercenter.console.pages import back_to, page, whole_number
from ordercenter.console.selectors import inbound as selectors
from ordercenter.orders.models import Order

SEE, SEND = "fulfillment.view_inboundorder", "fulfillment.send_inbound"
PLAN, ADJUST = "inventory.plan_production", "inventory.adjust_stock"
# Who may make which: goods that leave another warehouse's books need the right to plan supply.
MAKES = {InboundKind.PURCHASE: (SEND,), InboundKind.TRANSFER: (SEND, PLAN), InboundKind.RETURN: (SEND,)}


@page(SEE)
def inbound_list(request: HttpRequest) -> HttpResponse:
    """Deliveries, newest first; kind, state ("open" at first) and q narrow them."""
    kind = request.GET.get("kind", "")
    state = request.GET.get("state", "open")
    before = request.GET.get("before", "")
    rows = selectors.deliveries(
        scope_of(request),
        kind=kind if kind in InboundKind.values else "",
        state=state if state == "open" or state in InboundState.values else "",
        text=request.GET.get("q", "").strip()[:64],
        before=whole_number(before) or 0,
    )
    more = len(rows) > selectors.LIST_ROWS
    rows = rows[: selectors.LIST_ROWS]
    connected = WmsAccount.objects.filter(is_active=True).select_related("warehouse").order_by("warehouse__code")
    may_send = request.user.has_perm(SEND)
    context = {
        "rows": rows,
        "before": rows[-1].pk if more else "",
        "kinds": InboundKind.choices,
        "states": InboundState.choices,
        "kind": kind,
        "state": state,
        "makes": [(name, InboundKind(name).label) for name in MAKES if request.user.has_perms(MAKES[name])],
        "connected": list(scope_of(request).narrow(connected, warehouse="warehouse_id")) if may_send else [],
        "place": "stock",
        "tab": "inbound",
    }
    return render(request, "console/inbound.html", context)


@page(SEE)
def inbound_detail(request: HttpRequest, inbound_id: int) -> HttpResponse:
    """One delivery, what was announced and what came, with the form of what comes now."""
    shown = selectors.delivery(_inbound(request, inbound_id))
    return render(request, "console/inbound_detail.html", _detail(request, shown))


def _detail(request: HttpRequest, shown: selectors.Delivery, form: Any = None) -> dict[str, object]:
    state = shown.inbound.state
    # Who sends goods over sees them on their way, and does not receive them for the other warehouse.
    is_here = scope_of(request).has_warehouse(shown.inbound.warehouse_id)
    own = shown.inbound.warehouse.is_own
    may_come = own or not shown.waits_for_sender
    may_receive = is_here and may_come and shown.is_open and request.user.has_perm(ADJUST)
    may_send = request.user.has_perm(SEND)
    if form is None and may_receive:
        form = forms.ReceiveForm(scope=scope_of(request), lines=shown.lines)
    return {
        "shown": shown,
        "inbound": shown.inbound,
        "form": form,
        "may_receive": may_receive,
        "may_send": may_send and _may_be_told(shown, is_own=own),
        "may_call_off": may_send
        and not shown.is_asked
        and not shown.has_left
        and shown.is_open
        and state != InboundState.ARRIVING,
        "rest": sum(shown.rest.values()) if may_send else 0,
        "place": "stock",
        "tab": "inbound",
    }


def _may_be_told(shown: selectors.Delivery, *, is_own: bool) -> bool:
    """Whether a warehouse can be told (again): the sending one that refused, else the receiving one."""
    if shown.waits_for_sender:
        return shown.is_refused_by_sender
    return not is_own and shown.inbound.state in (InboundState.PLANNED, InboundState.REJECTED)


@page(SEE, SEND)
def inbound_new(request: HttpRequest, kind: str) -> HttpResponse:
    """GET: the form of a purchase, a transfer or a return. POST: make it, and tell its warehouse."""
    if kind not in MAKES:
        raise Http404
    if not request.user.has_perms(MAKES[InboundKind(kind)]):
        raise PermissionDenied
    if kind == InboundKind.RETURN:
        return _new_return(request)
    kind_of_form = forms.PurchaseForm if kind == InboundKind.PURCHASE else forms.TransfersForm
    form = kind_of_form(request.POST or None, request.FILES or None, scope=scope_of(request))
    if request.method == "POST" and form.is_valid():
        try:
            return _made(request, _make(request, kind, form.cleaned_data))
        except OrderCenterError as error:
            form.add_error(None, error.sentence())
    context = {"form": form, "kind": InboundKind(kind), "place": "stock", "tab": "inbound"}
    return render(request, "console/inbound_new.html", context, status=400 if form.errors else 200)


def _make(request: HttpRequest, kind: str, data: dict[str, Any]) -> InboundOrder:
    common: dict[str, Any] = {
        "pieces": data["pieces"],
        "due_on": data["due_on"],
        "key": data["key"],
        "note": data["reason"],
        "at": timezone.now(),
        "actor": actor_of(request),
    }
    if kind == InboundKind.TRANSFER:
        return bringing.send_over(from_warehouse_id=data["source"].pk, to_warehouse_id=data["target"].pk, **common)
    return bringing.bring_purchase(
        warehouse_id=data["warehouse"].pk,
        supplier=data["supplier"],
        reference=data["reference"],
        is_last=data["is_last"],
        tracking_no=data["tracking_no"],
        **common,
    )


def _new_return(request: HttpRequest) -> HttpResponse:
    """First the order by its number, then its pieces."""
    number = (request.POST.get("order") or request.GET.get("order") or "").strip()[:64]
    orders = scope_of(request).narrow(Order.objects.select_related("shop"), shop="shop_id")
    order = orders.filter(channel_order_no=number).first() if number else None
    lines = bringing.returnable_lines(order.pk) if order is not None else []
    form = forms.ReturnForm(request.POST or None, scope=scope_of(request), lines=lines) if lines else None
    if request.method == "POST" and order is not None and form is not None and form.is_valid():
        try:
            made = bringing.bring_back(
                order_id=order.pk,
                warehouse_id=form.cleaned_data["warehouse"].pk,
                pieces=form.pieces(),
                key=form.cleaned_data["key"],
                tracking_no=form.cleaned_data["tracking_no"],
                note=form.cleaned_data["reason"],
                at=timezone.now(),
                actor=actor_of(request),
            )
            return _made(request, made)
        except OrderCenterError as error:
            form.add_error(None, error.sentence())
    context = {
        "form": form,
        "order": order,
        "number": number,
        "kind": InboundKind.RETURN,
        "place": "stock",
        "tab": "inbound",
    }
    status = 400 if form is not None and form.errors else 200
    return render(request, "console/inbound_new.html", context, status=status)


def _made(request: HttpRequest, inbound: InboundOrder) -> HttpResponse:
    messages.success(request, _("The delivery is %(code)s.") % {"code": inbound.code})
    response = HttpResponse(status=303)
    response["Location"] = reverse("console:inbound-order", args=[inbound.pk])
    return response


@require_POST
@page(SEE, ADJUST)
def receive(request: HttpRequest, inbound_id: int) -> HttpResponse:
    """What came, by hand."""
    shown = selectors.delivery(_inbound(request, inbound_id))
    if not scope_of(request).has_warehouse(shown.inbound.warehouse_id):
        raise Http404
    form = forms.ReceiveForm(request.POST, scope=scope_of(request), lines=shown.lines)
    if form.is_valid():
        try:
            bringing.receive_by_hand(
                inbound_id=shown.inbound.pk,
                pieces=form.pieces(),
                is_final=form.cleaned_data["is_final"],
                key=form.cleaned_data["key"],
                reason=form.cleaned_data["reason"],
                at=timezone.now(),
                actor=actor_of(request),
            )
            messages.success(request, _("What came is in the books."))
            return back_to(request, reverse("console:inbound-order", args=[shown.inbound.pk]))
        except OrderCenterError as error:
            form.add_error(None, error.sentence())
    return render(request, "console/inbound_detail.html", _detail(request, shown, form), status=400)


@require_POST
@page(SEE, SEND)
def inbound_verb(request: HttpRequest, inbound_id: int, verb: str) -> HttpResponse:
    """send: announce it (again). cancel: it will not come. rest: no more of its purchase order will."""
    inbound = _inbound(request, inbound_id)
    try:
        if verb == "send":
            bringing.send_again(inbound_id=inbound.pk, at=timezone.now(), actor=actor_of(request))
            messages.success(request, _("The warehouse is being told."))
        elif verb == "cancel":
            reason = request.POST.get("reason", "").strip()[:200]
            if not reason:
                raise ReasonMissing
            done = bringing.call_off(inbound_id=inbound.pk, reason=reason, at=timezone.now(), actor=actor_of(request))
            if done.state == InboundState.CANCELLED:
                messages.success(request, _("The delivery is called off."))
            else:
                messages.info(request, _("The warehouse has been asked to forget it; its answer decides."))
        elif verb == "rest":
            reason = request.POST.get("reason", "").strip()[:200]
            close_rest(inbound_id=inbound.pk, reason=reason, at=timezone.now(), actor=actor_of(request))
            messages.success(request, _("Nothing more of the purchase order is expected."))
        else:
            raise Http404
    except OrderCenterError as error:
        messages.error(request, error.sentence())
    return back_to(request, reverse("console:inbound-order", args=[inbound.pk]))


@require_POST
@page(SEE, SEND)
def tell_items(request: HttpRequest) -> HttpResponse:
    """All active SKUs to one warehouse with a system of its own, or to all of the reader's."""
    accounts = scope_of(request).narrow(WmsAccount.objects.filter(is_active=True), warehouse="warehouse_id")
    mine = list(accounts.values_list("warehouse_id", flat=True))
    asked = request.POST.get("warehouse", "")
    if asked and asked not in {str(pk) for pk in mine}:
        raise Http404
    calls = tell_all_items(warehouse_ids=[int(asked)] if asked else mine, at=timezone.now(), actor=actor_of(request))
    text = ngettext("%(n)d call with items is on its way.", "%(n)d calls with items are on their way.", calls)
    messages.success(request, text % {"n": calls})
    return back_to(request, "console:inbound")


def _inbound(request: HttpRequest, inbound_id: int) -> InboundOrder:
    inbound = selectors.deliveries_in_scope(scope_of(request)).filter(pk=inbound_id).first()
    if inbound is None:
        raise Http404
    return inbound
