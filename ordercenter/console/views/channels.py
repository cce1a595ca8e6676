"""Health of the channels: what each does, its raw messages read once more, and what it lost fetched again."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from channels_sync import replaying
from channels_sync.adapters.base import Window
from channels_sync.granting import account_of_state, granting_address, take_grant
from channels_sync.held_spans import give_up
from channels_sync.models import ChannelAccount, SyncCursor
from channels_sync.services import ask_backfill
from ordercenter.cases.errors import ReasonMissing
from ordercenter.catalog.platform_facts import GROUPS
from ordercenter.common.actor import actor_of
from ordercenter.common.errors import OrderCenterError
from ordercenter.common.scope import scope_of
from ordercenter.console.pages import page, whole_number
from ordercenter.console.selectors import capability_matrix as matrix
from ordercenter.console.selectors import channel_health as selectors
from ordercenter.events.models import InboxMessage, WorkStatus

VIEW = "channels_sync.view_channelaccount"
REPLAY = "events.change_inboxmessage"
BACKFILL = "channels_sync.change_channelaccount"
MOST_REPLAYED = 20_000
MESSAGE_ROWS = 50
READ_OR_PARKED = (WorkStatus.DONE, WorkStatus.PARKED, WorkStatus.IGNORED)


@page(VIEW)
def health(request: HttpRequest) -> HttpResponse:
    """All channels that the reader may see, those in trouble first."""
    rows = selectors.channel_health(scope=scope_of(request), at=timezone.now())
    return render(request, "console/channels.html", {"rows": rows, "place": "channels"})


@page(VIEW)
def capabilities(request: HttpRequest) -> HttpResponse:
    """What the channels of the reader's shops allow, beside each other; narrowed to one subject or one channel."""
    channels = matrix.channels_in_scope(scope_of(request))
    chosen, group = request.GET.get("channel", ""), request.GET.get("group", "")
    shown = [channel for channel in channels if not chosen or channel.code == chosen]
    context = {
        "rows": matrix.capability_matrix(shown, group=group if group in GROUPS else "") if shown else [],
        "channels": channels,
        "shown": shown,
        "groups": list(GROUPS.items()),
        "chosen": chosen,
        "group": group,
        "place": "channels",
    }
    return render(request, "console/capabilities.html", context)


@page(VIEW)
def channel(request: HttpRequest, account_id: int) -> HttpResponse:
    """One channel: its pulls, its messages that were set aside, and the forms to read or fetch again."""
    account = _account(request, account_id)
    rows = selectors.channel_health(scope=scope_of(request), at=timezone.now())
    row = next((row for row in rows if row.account.pk == account.pk), None)
    if row is None:
        raise Http404
    parked = InboxMessage.objects.filter(source=row.source, status=WorkStatus.PARKED).defer("body")
    may_read = request.user.has_perm("events.view_inboxmessage")
    context = {
        "row": row,
        "runs": selectors.recent_runs(account),
        "may_authorise": request.user.has_perm(BACKFILL)
        and granting_address(account=account, user_id=request.user.pk, back="") is not None,
        "replays": replaying.replays_of(account) if may_read else [],
        "allowed": matrix.capability_matrix([account.shop.channel]),
        "allowed_channels": [account.shop.channel],
        "parked": list(parked.order_by("-id")[:MESSAGE_ROWS]) if may_read else [],
        "place": "channels",
    }
    return render(request, "console/channel.html", context)


@require_POST
@page(VIEW, REPLAY)
def replay(request: HttpRequest, account_id: int) -> HttpResponse:
    """Read raw messages once more: the chosen ones, all that were set aside, or those of a span."""
    account = _account(request, account_id)
    try:
        chosen = _chosen(request, account)
        reason = _reason(request)
        ids = list(chosen.order_by("pk").values_list("pk", flat=True)[: MOST_REPLAYED + 1])
        if len(ids) > MOST_REPLAYED:
            text = _("That are more than %(most)d messages: choose a shorter span.")
            messages.error(request, text % {"most": MOST_REPLAYED})
            return redirect("console:channel", account.pk)
        made = replaying.replay(account=account, ids=ids, reason=reason, actor=actor_of(request))
    except OrderCenterError as error:
        messages.error(request, error.sentence())
    except ValueError:
        messages.error(request, _("Give both times, the first before the second."))
    else:
        text = _("%(n)d messages are read once more; what they say that is known already changes nothing.")
        messages.success(request, text % {"n": len(made.message_ids)})
    return redirect("console:channel", account.pk)


@require_POST
@page(VIEW, BACKFILL)
def give_up_span(request: HttpRequest, account_id: int) -> HttpResponse:
    """Stop reading a span again of which something can never be read."""
    account = _account(request, account_id)
    cursor = SyncCursor.objects.filter(account=account, kind=request.POST.get("kind", "")).first()
    try:
        if cursor is not None and cursor.held_from is not None:
            give_up(cursor=cursor, reason=_reason(request), actor=actor_of(request))
    except OrderCenterError as error:
        messages.error(request, error.sentence())
    return redirect("console:channel", account.pk)


@require_POST
@page(VIEW, BACKFILL)
def backfill(request: HttpRequest, account_id: int) -> HttpResponse:
    """Fetch all that changed in a span from the platform again."""
    account = _account(request, account_id)
    try:
        start, end = _span(request, account)
        ask_backfill(account=account, window=Window(start, end), reason=_reason(request), actor=actor_of(request))
    except OrderCenterError as error:
        messages.error(request, error.sentence())
    except ValueError:
        messages.error(request, _("Give both times, the first before the second."))
    else:
        messages.success(request, _("It is fetched in the background; the list below says how far it is."))
    return redirect("console:channel", account.pk)


def _account(request: HttpRequest, account_id: int) -> ChannelAccount:
    account = selectors.accounts_in_scope(scope_of(request)).filter(pk=account_id).first()
    if account is None:
        raise Http404
    return account


def _chosen(request: HttpRequest, account: ChannelAccount) -> QuerySet[InboxMessage]:
    rows = InboxMessage.objects.filter(source=f"account:{account.pk}", status__in=READ_OR_PARKED)
    which = request.POST.get("which", "")
    if which == "parked":
        return rows.filter(status=WorkStatus.PARKED)
    if which == "span":
        start, end = _span(request, account)
        return rows.filter(received_at__gte=start, received_at__lt=end)
    numbers = [pk for text in request.POST.getlist("message") if (pk := whole_number(text)) is not None]
    return rows.filter(pk__in=numbers[:MOST_REPLAYED])


def _span(request: HttpRequest, account: ChannelAccount) -> tuple[datetime, datetime]:
    """From and until, in the shop's time. Raises ValueError."""
    zone = ZoneInfo(account.shop.time_zone)
    start, end = parse_datetime(request.POST.get("from", "")), parse_datetime(request.POST.get("until", ""))
    if start is None or end is None:
        raise ValueError("a time is missing")
    start, end = (at if at.tzinfo else at.replace(tzinfo=zone) for at in (start, end))
    if start >= end:
        raise ValueError("the span is empty")
    return start, end


def _reason(request: HttpRequest) -> str:
    reason = request.POST.get("reason", "").strip()[:200]
    if not reason:
        raise ReasonMissing
    return reason


@require_POST
@page(VIEW, BACKFILL)
def authorise(request: HttpRequest, account_id: int) -> HttpResponse:
    """Send the browser to the platform's login, to come back with access to the shop."""
    account = _account(request, account_id)
    address = granting_address(account=account, user_id=request.user.pk, back=_back(request))
    if address is None:
        messages.error(request, _("This platform asks no seller; put the keys in on the account's page."))
        return redirect("console:channel", account.pk)
    return HttpResponseRedirect(address)


@page(VIEW, BACKFILL)
def authorised(request: HttpRequest) -> HttpResponse:
    """Where a platform's login sends the browser back to."""
    query = {name: request.GET[name] for name in request.GET}
    try:
        account = _account(request, account_of_state(query.get("state", ""), user_id=request.user.pk))
    except OrderCenterError as error:
        messages.error(request, error.sentence())
        return redirect("console:channels")
    try:
        take_grant(account=account, query=query, back=_back(request), actor=actor_of(request))
        messages.success(request, _("The shop has given access. What had to wait goes on by itself."))
    except OrderCenterError as error:
        messages.error(request, error.sentence())
    return redirect("console:channel", account.pk)


def _back(request: HttpRequest) -> str:
    return request.build_absolute_uri(reverse("console:channel-authorised"))
