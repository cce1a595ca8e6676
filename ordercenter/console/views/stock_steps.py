"""What a person can do about the stock of one SKU: one form for each verb, one service behind each form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

from fulfillment.services.bringing import send_over
from ordercenter.catalog.models import Shop, Sku
from ordercenter.common.actor import Actor, actor_of
from ordercenter.common.errors import OrderCenterError
from ordercenter.common.scope import scope_of
from ordercenter.console import policy_forms
from ordercenter.console import stock_forms as forms
from ordercenter.console.pages import back_to, page, whole_number
from ordercenter.inventory import services
from ordercenter.inventory.models import (
    ChannelPolicy,
    ChannelQuota,
    Reservation,
    ReservePolicy,
    StockLevel,
    StockPolicy,
)
from ordercenter.inventory.services import Counted, Keeping, Movement, Safety, Share, Source
from ordercenter.inventory.services.reserving import UNPAID
from ordercenter.inventory.states import (
    Bucket,
    MovementReason,
    QuotaKind,
    QuotaState,
    ReservationState,
    ReserveOn,
    StockSource,
)

SEE, ADJUST, SHARE = "inventory.view_stocklevel", "inventory.adjust_stock", "inventory.share_stock"
RESERVING = ("inventory.change_reservepolicy", "inventory.delete_reservepolicy")
PLAN, SEND = "inventory.plan_production", "fulfillment.send_inbound"


@dataclass(frozen=True)
class Step:
    """A verb: who may, its form, and what is said when it is done. run: does it, answers with the words."""

    label: str | Promise
    button: str | Promise
    permissions: tuple[str, ...]
    form: type[forms.ReasonForm]
    run: Callable[[Sku, dict[str, Any], datetime, Actor], str]
    note: str | Promise = ""


def _adjust(sku: Sku, data: dict[str, Any], at: datetime, actor: Actor) -> str:
    movement = Movement(
        sku.pk,
        data["warehouse"].pk,
        data["change"],
        MovementReason.ADJUSTMENT,
        "hand",
        f"hand:{data['key']}",
        Bucket(data["bucket"]),
    )
    services.adjust_stock(movements=[movement], note=data["reason"], at=at, actor=actor).raise_first()
    return _("The change is in the books.")


def _count(sku: Sku, data: dict[str, Any], at: datetime, actor: Actor) -> str:
    counted = Counted(sku.pk, data["warehouse"].pk, data["pieces"], Bucket(data["bucket"]))
    result = services.count_stock(counted=[counted], ref=f"hand:{data['key']}", note=data["reason"], at=at, actor=actor)
    result.raise_first()
    if not result.done:
        return _("The books said the same; nothing changed.")
    return _("The difference of %(n)s is in the books.") % {"n": f"{result.done[0].delta:+d}"}


def _regrade(sku: Sku, data: dict[str, Any], at: datetime, actor: Actor) -> str:
    services.regrade_stock(
        sku_id=sku.pk,
        warehouse_id=data["warehouse"].pk,
        pieces=data["pieces"],
        source=Bucket(data["source"]),
        target=Bucket(data["target"]),
        key=f"hand:{data['key']}",
        note=data["reason"],
        at=at,
        actor=actor,
    ).raise_first()
    return _("The pieces lie in the other bucket now.")


def _safety(sku: Sku, data: dict[str, Any], at: datetime, actor: Actor) -> str:
    wanted = [Safety(sku.pk, data["warehouse"].pk, data["pieces"])]
    changed = services.set_safety(wanted=wanted, note=data["reason"], at=at, actor=actor)
    return _("The safety stock is set.") if changed else _("The safety stock was that already.")


def _quota(sku: Sku, data: dict[str, Any], at: datetime, actor: Actor) -> str:
    quota = services.plan_quota(
        shop_id=data["shop"].pk,
        sku_id=sku.pk,
        warehouse_id=data["warehouse"].pk,
        kind=QuotaKind(data["kind"]),
        quantity=data["quantity"],
        starts_at=data["starts_at"] or at,
        ends_at=data["ends_at"],
        reason=data["reason"],
        at=at,
        actor=actor,
    )
    if quota.state == QuotaState.OPEN:
        return ngettext("%(n)d piece is set aside.", "%(n)d pieces are set aside.", quota.left) % {"n": quota.left}
    return _("The quota is planned and begins by itself.")


def _share(sku: Sku, data: dict[str, Any], at: datetime, actor: Actor) -> str:
    share = Share(data["share_percent"], data["cap"], data["buffer_pieces"], data["buffer_z"], data["is_active"])
    sku_id = None if data["for_all"] else sku.pk
    services.set_share(shop_id=data["shop"].pk, sku_id=sku_id, share=share, reason=data["reason"], at=at, actor=actor)
    return _("The policy holds; numbers that change are told in a moment.")


def _policy(sku: Sku, data: dict[str, Any], at: datetime, actor: Actor) -> str:
    source = Source(
        StockSource(data["source"]),
        ReserveOn(data["reserve_on"]),
        data["hold_minutes"],
        data["balance_days"],
        data["ships_on"],
        data["rush_cap_percent"],
        data["rush_cap_pieces"],
    )
    services.set_stock_policy(sku_id=sku.pk, source=source, reason=data["reason"], at=at, actor=actor)
    return _("The policy holds for what is ordered from now on.")


def _reserving(sku: Sku, data: dict[str, Any], at: datetime, actor: Actor) -> str:
    sku_id = None if data["for_all"] else sku.pk
    services.set_reserving(
        shop_id=data["shop"].pk, sku_id=sku_id, keeping=_keeping(data), reason=data["reason"], at=at, actor=actor
    )
    return _("The policy holds for what is ordered from now on.")


def _keeping(data: dict[str, Any]) -> Keeping | None:
    if not data["is_own"]:
        return None
    return Keeping(ReserveOn(data["reserve_on"]), data["hold_minutes"], data["balance_days"])


def _transfer(sku: Sku, data: dict[str, Any], at: datetime, actor: Actor) -> str:
    inbound = send_over(
        from_warehouse_id=data["source"].pk,
        to_warehouse_id=data["target"].pk,
        pieces={sku.pk: data["pieces"]},
        due_on=data["due_on"],
        note=data["reason"],
        key=data["key"],
        at=at,
        actor=actor,
    )
    return _("The pieces are on their way as %(code)s.") % {"code": inbound.code}


STEPS = {
    "adjust": Step(gettext_lazy("Adjust"), gettext_lazy("Change the books"), (ADJUST,), forms.AdjustForm, _adjust),
    "count": Step(gettext_lazy("Count"), gettext_lazy("Book the count"), (ADJUST,), forms.CountForm, _count),
    "regrade": Step(gettext_lazy("Regrade"), gettext_lazy("Move the pieces"), (ADJUST,), forms.RegradeForm, _regrade),
    "safety": Step(gettext_lazy("Safety stock"), gettext_lazy("Set"), (ADJUST,), forms.SafetyForm, _safety),
    "transfer": Step(
        gettext_lazy("Transfer"),
        gettext_lazy("Send over"),
        (PLAN, SEND),
        forms.TransferForm,
        _transfer,
        gettext_lazy("The pieces leave the first warehouse's books at once; the second one is told what was sent."),
    ),
    "quota": Step(
        gettext_lazy("Quota or live lock"), pgettext_lazy("quota", "Set aside"), (SHARE,), forms.QuotaForm, _quota
    ),
    "share": Step(
        gettext_lazy("Share, limit, buffer"),
        gettext_lazy("Set"),
        (SHARE, "inventory.change_channelpolicy"),
        policy_forms.ShareForm,
        _share,
    ),
    "policy": Step(
        gettext_lazy("Source and promise"),
        gettext_lazy("Set"),
        ("inventory.change_stockpolicy",),
        policy_forms.PolicyForm,
        _policy,
    ),
    "reserving": Step(
        gettext_lazy("Reserving of a shop"),
        gettext_lazy("Set"),
        RESERVING,
        policy_forms.ReservingForm,
        _reserving,
        gettext_lazy("It goes before what the SKU says. What is set aside by now stays so until its end."),
    ),
}


def steps_of(user: Any) -> list[tuple[str, str | Promise]]:
    """The verbs that this person may use, in the order of daily use."""
    return [(name, step.label) for name, step in STEPS.items() if user.has_perms(step.permissions)]


@page(SEE)
def stock_step(request: HttpRequest, sku_id: int, verb: str) -> HttpResponse:
    """GET: the form of a verb, with what is known filled in. POST: do it, or say why not with the form kept."""
    step = STEPS.get(verb)
    if step is None:
        raise Http404
    if not request.user.has_perms(step.permissions):
        raise PermissionDenied
    scope = scope_of(request)
    sku = Sku.objects.filter(pk=sku_id, is_bundle=False).first()
    if sku is None:
        raise Http404
    if request.method == "POST":
        form = step.form(request.POST, scope=scope)
        if form.is_valid():
            try:
                messages.success(request, step.run(sku, form.cleaned_data, timezone.now(), actor_of(request)))
                return back_to(request, reverse("console:stock-pool", args=[sku.pk]))
            except OrderCenterError as error:
                form.add_error(None, error.sentence())
    else:
        form = step.form(scope=scope, initial=_start(verb, sku, request))
    levels = scope.narrow(StockLevel.objects.filter(sku=sku).select_related("warehouse"), warehouse="warehouse_id")
    context = {
        "sku": sku,
        "step": step,
        "form": form,
        "levels": levels.order_by("warehouse__code"),
        "next": request.POST.get("next") or request.GET.get("next") or "",
        "place": "stock",
    }
    return render(request, "console/stock_step.html", context, status=400 if form.errors else 200)


def _start(verb: str, sku: Sku, request: HttpRequest) -> dict[str, Any]:
    """What the form begins with: what was clicked on, and what holds now."""
    chosen = {name: request.GET[name] for name in ("warehouse", "source", "shop", "bucket") if name in request.GET}
    warehouse_id = whole_number(chosen.get("warehouse", ""))
    if verb == "safety" and warehouse_id is not None:
        level = StockLevel.objects.filter(sku=sku, warehouse_id=warehouse_id).first()
        chosen |= {"pieces": level.safety if level else 0}
    if verb == "share":
        return chosen | _share_now(sku, chosen.get("shop", ""), for_all=request.GET.get("for_all") == "yes")
    if verb == "policy":
        policy = StockPolicy.objects.filter(sku=sku).first() or StockPolicy(sku=sku)
        return {field.name: getattr(policy, field.name) for field in fields(Source)}
    if verb == "reserving":
        for_all = request.GET.get("for_all") == "yes"
        shop = chosen.get("shop", "")
        now = _reserving_now(int(shop), None if for_all else sku) if shop.isdigit() else {}
        return chosen | now | {"for_all": for_all}
    return chosen


def _share_now(sku: Sku, shop: str, *, for_all: bool) -> dict[str, Any]:
    known = ChannelPolicy.objects.filter(shop_id=whole_number(shop), sku=None if for_all else sku).first()
    if known is None:
        return {"for_all": for_all}
    names = ("share_percent", "cap", "buffer_pieces", "buffer_z", "is_active")
    return {"for_all": for_all, **{name: getattr(known, name) for name in names}}


def _reserving_now(shop_id: int, sku: Sku | None) -> dict[str, Any]:
    known = ReservePolicy.objects.filter(shop_id=shop_id, sku=sku).first()
    if known is None:
        return {"is_own": True}
    return {"is_own": True, **{field.name: getattr(known, field.name) for field in fields(Keeping)}}


@page(SEE, *RESERVING)
def reserving_all(request: HttpRequest, shop_id: int) -> HttpResponse:
    """When a shop's orders get their pieces, for all SKUs that have no rule of their own."""
    scope = scope_of(request)
    shop = scope.narrow(Shop.objects.all(), shop="pk").filter(pk=shop_id).first()
    if shop is None:
        raise Http404
    form = policy_forms.ReservingAllForm(request.POST or None, scope=scope, initial=_reserving_now(shop.pk, None))
    if request.method == "POST" and form.is_valid():
        try:
            services.set_reserving(
                shop_id=shop.pk,
                sku_id=None,
                keeping=_keeping(form.cleaned_data),
                reason=form.cleaned_data["reason"],
                at=timezone.now(),
                actor=actor_of(request),
            )
            messages.success(request, _("The policy holds for what is ordered from now on."))
            return back_to(request, "console:stock-shares")
        except OrderCenterError as error:
            form.add_error(None, error.sentence())
    context = {"shop": shop, "form": form, "label": STEPS["reserving"].label, "place": "stock"}
    return render(request, "console/share_all.html", context, status=400 if form.errors else 200)


@page(SEE, SHARE, "inventory.change_channelpolicy")
def share_all(request: HttpRequest, shop_id: int) -> HttpResponse:
    """What a shop may offer of all SKUs that have no policy of their own."""
    scope = scope_of(request)
    shop = scope.narrow(Shop.objects.all(), shop="pk").filter(pk=shop_id).first()
    if shop is None:
        raise Http404
    if request.method == "POST":
        form = policy_forms.ShareAllForm(request.POST, scope=scope)
        if form.is_valid():
            data = form.cleaned_data
            share = Share(
                data["share_percent"], data["cap"], data["buffer_pieces"], data["buffer_z"], data["is_active"]
            )
            try:
                services.set_share(
                    shop_id=shop.pk,
                    sku_id=None,
                    share=share,
                    reason=data["reason"],
                    at=timezone.now(),
                    actor=actor_of(request),
                )
                messages.success(request, _("The policy holds; numbers that change are told in a moment."))
                return back_to(request, "console:stock-shares")
            except OrderCenterError as error:
                form.add_error(None, error.sentence())
    else:
        known = ChannelPolicy.objects.filter(shop=shop, sku=None).first() or ChannelPolicy(shop=shop)
        names = ("share_percent", "cap", "buffer_pieces", "buffer_z", "is_active")
        form = policy_forms.ShareAllForm(scope=scope, initial={name: getattr(known, name) for name in names})
    context = {"shop": shop, "form": form, "label": STEPS["share"].label, "place": "stock"}
    return render(request, "console/share_all.html", context, status=400 if form.errors else 200)


@page(SEE, SHARE)
def end_quota(request: HttpRequest, quota_id: int) -> HttpResponse:
    """GET: what would go back. POST: the quota is over, its pieces are in the pool."""
    scope = scope_of(request)
    quotas = ChannelQuota.objects.select_related("shop", "sku", "warehouse").exclude(state=QuotaState.ENDED)
    quota = scope.narrow(quotas, shop="shop_id", warehouse="warehouse_id").filter(pk=quota_id).first()
    if quota is None:
        raise Http404
    form = forms.EndForm(request.POST or None, scope=scope)
    if request.method == "POST" and form.is_valid():
        try:
            services.end_quotas(
                quota_ids=[quota.pk],
                reason=form.cleaned_data["reason"],
                at=timezone.now(),
                actor=actor_of(request),
            )
            messages.success(request, _("The quota is over; what was left of it is in the pool."))
            return back_to(request, reverse("console:stock-pool", args=[quota.sku_id]))
        except OrderCenterError as error:
            form.add_error(None, error.sentence())
    context = {"quota": quota, "form": form, "next": request.GET.get("next", ""), "place": "stock"}
    return render(request, "console/quota_end.html", context, status=400 if form.errors else 200)


@page(SEE, ADJUST)
def release_hold(request: HttpRequest, reservation_id: int) -> HttpResponse:
    """GET: what a cart or a live sale holds. POST: all that it holds is free again, with a reason."""
    scope = scope_of(request)
    held = Reservation.objects.filter(state=ReservationState.ACTIVE).exclude(holder="")
    held = held.exclude(holder__startswith=UNPAID).select_related("sku", "warehouse")
    mine = scope.narrow(held, warehouse="warehouse_id")
    asked = mine.filter(pk=reservation_id).first()
    if asked is None:
        raise Http404
    theirs = list(held.filter(holder=asked.holder).order_by("pk"))
    if not all(scope.has_warehouse(each.warehouse_id) for each in theirs):
        # Held together, released together: pieces in a warehouse of others are not this person's to release.
        raise PermissionDenied
    form = forms.EndForm(request.POST or None, scope=scope)
    if request.method == "POST" and form.is_valid():
        services.release_holds_of(holders=[asked.holder], reason=form.cleaned_data["reason"], actor=actor_of(request))
        messages.success(request, _("The pieces are free for others again."))
        return back_to(request, reverse("console:stock-pool", args=[asked.sku_id]))
    context = {"asked": asked, "theirs": theirs, "form": form, "place": "stock"}
    return render(request, "console/stock_release.html", context, status=400 if form.errors else 200)
