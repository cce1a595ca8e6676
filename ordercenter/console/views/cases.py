"""The case queue: look, claim, solve. Every verb is a plain form; htmx only spares the reload."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from ordercenter.audit.steps import Step, possible_steps
from ordercenter.cases import services
from ordercenter.cases.errors import ReasonMissing
from ordercenter.cases.models import Case
from ordercenter.cases.states import CaseLevel
from ordercenter.catalog.listings import Listing, listing_of
from ordercenter.catalog.models import Shop
from ordercenter.common.actor import Actor, actor_of
from ordercenter.common.admin_messages import report_batch
from ordercenter.common.batch import BatchResult
from ordercenter.common.scope import Scope, scope_of
from ordercenter.console.case_words import FIXES, words_of
from ordercenter.console.pages import back_to, page, whole_number
from ordercenter.console.rerunning import run_again, unmatched_among
from ordercenter.console.selectors import case_queue
from ordercenter.console.selectors.case_queue import Filters
from ordercenter.console.wording import payload_words
from ordercenter.orders.models import Order
from ordercenter.orders.services.matching import UNMAPPED

SNOOZES = {"1h": timedelta(hours=1), "4h": timedelta(hours=4), "1d": timedelta(days=1), "3d": timedelta(days=3)}
MOST_AT_ONCE = 500


@page("cases.view_case")
def queue(request: HttpRequest) -> HttpResponse:
    """The list beside the panel of the chosen case."""
    now, scope = timezone.now(), scope_of(request)
    filters = _filters(request)
    cases = case_queue.queue(filters, scope=scope, user_id=request.user.pk, at=now)
    chosen = _case(request.GET.get("case", ""), scope)
    context: dict[str, Any] = {
        "filters": filters,
        "query": _query(request.GET, without=("case", "after")),
        "counts": case_queue.counts(scope=scope, user_id=request.user.pk, at=now),
        "codes": case_queue.codes_in_queue(scope=scope),
        "shops": list(scope.narrow(Shop.objects.order_by("code"), shop="pk")),
        "levels": CaseLevel.choices,
        "now": now,
        "place": "cases",
        **(_panel(chosen, request, now) if chosen else {}),
    }
    if filters.grouped:
        context["roots"] = case_queue.roots(cases)
    else:
        rows, more = case_queue.page_of(cases, _place(request.GET.get("after", "")))
        context |= {"rows": rows, "after": _place_text(rows[-1]) if more else ""}
    template = "console/_case_panel.html" if _wants_panel(request) and chosen else "console/cases.html"
    return render(request, template, context)


@require_POST
@page("cases.view_case", "cases.work_case")
def claim_next(request: HttpRequest) -> HttpResponse:
    """Take the most urgent free case of the reader's filters and open it."""
    now = timezone.now()
    filters = _filters(request, view="free")
    among = case_queue.queue(filters, scope=scope_of(request), user_id=request.user.pk, at=now)
    case = services.claim_next(among=among, at=now, actor=actor_of(request))
    if case is None:
        messages.info(request, _("Nothing is waiting here."))
        return back_to(request, "console:cases")
    return back_to(request, f"{reverse('console:cases')}?{urlencode({'view': 'mine', 'case': case.pk})}")


@require_POST
@page("cases.view_case", "cases.work_case")
def act(request: HttpRequest, verb: str) -> HttpResponse:
    """One verb on the cases named in the form: claim, give_back, resolve, dismiss, snooze or rerun."""
    known = VERBS.get(verb)
    if known is None:
        raise Http404
    ids = [pk for text in request.POST.getlist("case") if (pk := whole_number(text)) is not None][:MOST_AT_ONCE]
    ids = case_queue.visible_ids(ids, scope_of(request))
    if not ids:
        messages.error(request, _("No case was chosen."))
        return back_to(request, "console:cases")
    try:
        known(request, ids, timezone.now(), actor_of(request))
    except ReasonMissing as error:
        messages.error(request, error.sentence())
    return back_to(request, "console:cases")


def _claim(request: HttpRequest, ids: list[int], at: datetime, actor: Actor) -> None:
    steal = request.POST.get("steal") == "yes" and request.user.has_perm("cases.steal_case")
    _report(request, services.claim_cases(case_ids=ids, at=at, actor=actor, steal=steal), _("Claimed."))


def _give_back(request: HttpRequest, ids: list[int], at: datetime, actor: Actor) -> None:
    _report(request, services.give_back(case_ids=ids, at=at, actor=actor), _("Back in the queue."))


def _resolve(request: HttpRequest, ids: list[int], at: datetime, actor: Actor) -> None:
    ids = _decidable(request, ids)
    if not ids:
        return
    result = services.resolve_cases(case_ids=ids, resolution=_reason(request), at=at, actor=actor)
    _report(request, result, _("Resolved; what it held goes on."))


def _dismiss(request: HttpRequest, ids: list[int], at: datetime, actor: Actor) -> None:
    ids = _decidable(request, ids)
    if not ids:
        return
    result = services.resolve_cases(case_ids=ids, resolution=_reason(request), at=at, actor=actor, dismiss=True)
    _report(request, result, _("Dismissed; what it held goes on."))


def _decidable(request: HttpRequest, ids: list[int]) -> list[int]:
    """Without the cases of unmatched goods: resolved, they would be there again at once."""
    unmatched = set(unmatched_among(ids))
    if unmatched:
        text = ngettext(
            "%(n)s case ends when its listing is matched, or its order cancelled; it was left open.",
            "%(n)s cases end when their listings are matched, or their orders cancelled; they were left open.",
            len(unmatched),
        )
        messages.warning(request, text % {"n": len(unmatched)})
    return [pk for pk in ids if pk not in unmatched]


def _snooze(request: HttpRequest, ids: list[int], at: datetime, actor: Actor) -> None:
    until = at + SNOOZES.get(request.POST.get("until", ""), SNOOZES["4h"])
    result = services.snooze_cases(case_ids=ids, until=until, reason=_reason(request), at=at, actor=actor)
    _report(request, result, _("Put aside."))


def _rerun(request: HttpRequest, ids: list[int], at: datetime, actor: Actor) -> None:
    rerun = run_again(case_ids=ids, reason=_reason(request), at=at, actor=actor)
    count, left = rerun.ran, rerun.unmatched
    if left:
        text = ngettext(
            "%(n)s order waits on: its goods are not matched yet.",
            "%(n)s orders wait on: their goods are not matched yet.",
            left,
        )
        messages.warning(request, text % {"n": left})
    if count:
        messages.success(request, ngettext("%(n)s step runs again.", "%(n)s steps run again.", count) % {"n": count})
    elif not left:
        messages.info(request, _("No stopped step was found."))


VERBS: dict[str, Callable[[HttpRequest, list[int], datetime, Actor], None]] = {
    "claim": _claim,
    "give_back": _give_back,
    "resolve": _resolve,
    "dismiss": _dismiss,
    "snooze": _snooze,
    "rerun": _rerun,
}


def _reason(request: HttpRequest) -> str:
    return request.POST.get("reason", "").strip()[:200]


def _report(request: HttpRequest, result: BatchResult, word: str) -> None:
    if len(result.done) == 1 and not result.refused:
        messages.success(request, word)
    else:
        report_batch(request, result)


def _panel(case: Case, request: HttpRequest, at: datetime) -> dict[str, Any]:
    chosen = case_queue.case_view(case, scope_of(request))
    return {
        "chosen": chosen,
        "fixes": _fixes(case, chosen.order, request.user),
        "words": words_of(case.code),
        "evidence": payload_words(case.evidence),
        "raw_evidence": case.evidence,
        "listing": _unmatched_listing(case),
        "snoozes": SNOOZES,
        "is_claimed": case.lease_until is not None and case.lease_until > at,
    }


def _unmatched_listing(case: Case) -> Listing | None:
    """The first listing that the case's order waits for."""
    if case.code != UNMAPPED or case.shop_id is None:
        return None
    names = [str(case.evidence.get(key, "")) for key in ("listing", "listing_sku", "code")]
    return listing_of(case.shop_id, *names)


def _fixes(case: Case, order: Order | None, user: Any) -> list[Step]:
    """The steps of the case's order that would mend it, as far as this person may take them now."""
    names = FIXES.get(case.code, ()) if case.is_open and user.is_staff else ()
    possible = {step.name: step for step in possible_steps(user, order)} if order is not None and names else {}
    return [possible[name] for name in names if name in possible]


def _case(text: str, scope: Scope) -> Case | None:
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        return None
    cases = case_queue.cases_in_scope(scope).select_related("owner", "group")
    return cases.filter(pk=int(text)).first()


def _filters(request: HttpRequest, *, view: str = "") -> Filters:
    given = request.POST if request.method == "POST" else request.GET
    shop = given.get("shop", "")
    chosen = given.get("view", "todo")
    return Filters(
        view=view or (chosen if chosen in case_queue.VIEWS else "todo"),
        code=given.get("code", "")[:40],
        shop_id=int(shop) if shop.isascii() and shop.isdigit() and len(shop) < 19 else None,
        level=given.get("level", "")[:8],
        text=given.get("q", "").strip()[:96],
        grouped=given.get("grouped") == "1",
    )


def _query(given: QueryDict, *, without: tuple[str, ...]) -> str:
    kept = given.copy()
    for name in without:
        kept.pop(name, None)
    return kept.urlencode()


def _place(text: str) -> tuple[str, int, datetime, int] | None:
    """The place in the queue that a link to the next page names; None for anything that is none."""
    parts = text.split("|")
    if len(parts) != 4 or any(len(part) > 40 for part in parts):
        return None
    try:
        return parts[0], int(parts[1]), datetime.fromisoformat(parts[2]), int(parts[3])
    except ValueError:
        return None


def _place_text(case: Case) -> str:
    return f"{case.level}|{case.priority}|{case.due_at.isoformat()}|{case.pk}"


def _wants_panel(request: HttpRequest) -> bool:
    htmx = request.htmx  # type: ignore[attr-defined]
    return bool(htmx) and htmx.target == "panel"
