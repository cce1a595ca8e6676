"""Following parcels: subscribing to news when they leave, and taking what is told. Asking is in `asking.py`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import connection

from fulfillment.carriers.documents import Scan, TrackingNews
from fulfillment.carriers.kuaidi100 import COMPANIES, NEED_PHONE, Follow, Kuaidi100, Kuaidi100Credentials
from fulfillment.carriers.scans import digest_of, masked
from fulfillment.errors import ParcelUnknown
from fulfillment.models import Parcel, ParcelWatch, TrackingAccount
from fulfillment.services import parcels as fates
from fulfillment.services.courier_accounts import (
    target_of,
)
from fulfillment.services.parcels import ABOUT_PARCELS, SILENCE, Moved, lock_parcels, parcel_case
from fulfillment.states import ParcelState, ScanKind, Watch
from ordercenter.audit.work import Work
from ordercenter.cases import services as cases
from ordercenter.cases.services import CaseDraft
from ordercenter.catalog.contacts import clear_data
from ordercenter.common.batch import BatchResult
from ordercenter.common.errors import Misconfigured
from ordercenter.common.secretfield import unseal

logger = structlog.get_logger(__name__)

SUBSCRIBE_KIND = "kuaidi100.subscribe"
PUSH_KIND, ANSWER_KIND, ROUTES_KIND = "kuaidi100.push", "kuaidi100.answer", "sf.routes"
# What the provider gave up is subscribed again after this time, so often at most.
SUBSCRIBE_AGAIN = timedelta(minutes=30)
MOST_ROUNDS = 5
_ON_THE_WAY = (
    ScanKind.COLLECTED,
    ScanKind.IN_TRANSIT,
    ScanKind.OUT_FOR_DELIVERY,
    ScanKind.FORWARDED,
    ScanKind.CUSTOMS,
    ScanKind.PROBLEM,
)

_KEEP = """
INSERT INTO fulfillment_trackingscan (parcel_id, at, kind, text, place, source, digest, recorded_at)
SELECT v.parcel_id, v.at, v.kind, v.text, v.place, v.source, v.digest, %s
FROM unnest(%s::bigint[], %s::timestamptz[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[])
     AS v(parcel_id, at, kind, text, place, source, digest)
ON CONFLICT (parcel_id, at, digest) DO NOTHING
RETURNING parcel_id, at, digest
"""


@dataclass(frozen=True, slots=True)
class Told:
    """News as they came: key names them for the caller, source says from whom."""

    key: Any
    source: str
    news: TrackingNews


# --- subscribing ------------------------------------------------------------------------------------------------------


def follow_parcels(*, shipment_ids: Collection[int], work: Work) -> int:
    """Follow the parcels of these shipments from now on; returns how many are new. Three statements.

    With an account at the provider each is subscribed by a command; without one they wait to be asked about.
    """
    rows = list(
        Parcel.objects.filter(shipment_id__any_of=list(shipment_ids), watch__isnull=True)
        .exclude(state__in=(ParcelState.DELIVERED, ParcelState.RETURNED))
        .select_related("carrier")
        .order_by("pk")
    )
    if not rows:
        return 0
    account = tracking_account()
    ParcelWatch.objects.bulk_create(
        [ParcelWatch(parcel_id=row.pk, how=Watch.WAITING, rounds=_rounds(account, row)) for row in rows],
        ignore_conflicts=True,
    )
    for row in rows:
        if account is not None and _rounds(account, row):
            _subscribe(work, account, row, 1)
    return len(rows)


def subscribe_again(*, work: Work, limit: int = 500) -> int:
    """Subscribe anew what the provider gave up half an hour ago; returns how many. Each five times at most."""
    account = tracking_account()
    if account is None:
        return 0
    due = ParcelWatch.objects.filter(is_open=True, how=Watch.ABORTED, subscribe_at__lte=work.at)
    watches = list(due.select_for_update(skip_locked=True, of=("self",)).select_related("parcel")[:limit])
    work.adopt(ParcelWatch, watches)
    for watch in watches:
        watch.subscribe_at = None
        if watch.rounds < MOST_ROUNDS:
            watch.rounds += 1
            _subscribe(work, account, watch.parcel, watch.rounds)
        else:
            watch.how = Watch.FAILED
        work.save(watch, "subscribe_at", "rounds", "how")
    return len(watches)


def take_subscription_answers(*, answers: Mapping[int, bool], work: Work) -> None:
    """Whether the provider will tell us of parcels. answers: parcel id -> yes. A no: we ask from time to time."""
    for watch in work.lock(ParcelWatch, list(answers)).values():
        if watch.how in (Watch.WAITING, Watch.ABORTED, Watch.FAILED):
            watch.how = Watch.SUBSCRIBED if answers[watch.pk] else Watch.FAILED
            work.save(watch, "how")


def tracking_account() -> TrackingAccount | None:
    """The company's account at the provider, if it has one."""
    return TrackingAccount.objects.filter(is_active=True).first()


def tracker_of(account: TrackingAccount) -> Kuaidi100:
    """A client for this account. Raises Misconfigured for incomplete secrets."""
    secrets = unseal(account.secrets)
    try:
        keys = Kuaidi100Credentials(account.customer, secrets["key"], secrets["salt"], account.base_url)
    except KeyError as missing:
        raise Misconfigured(f"tracking account {account.pk}: its secrets lack {missing}") from missing
    return Kuaidi100(keys)


def follows_of(parcel_ids: Collection[int]) -> dict[int, Follow]:
    """What the provider has to know of these parcels; those of couriers that it does not know are absent.

    Two statements. Reads the last four digits of receivers' phones where the courier answers only to who knows them.
    """
    rows = Parcel.objects.filter(pk__any_of=list(parcel_ids)).select_related(
        "carrier", "shipment__warehouse", "shipment__contact"
    )
    found = {}
    for row in rows:
        company = COMPANIES.get(row.carrier.code)
        if company is None:
            continue
        contact, warehouse = row.shipment.contact, row.shipment.warehouse
        phone = "".join(filter(str.isdigit, clear_data(contact)["phone"]))[-4:] if company in NEED_PHONE else ""
        found[row.pk] = Follow(
            company=company,
            number=row.tracking_no,
            phone=phone,
            origin=f"{warehouse.province}{warehouse.city}",
            destination=f"{contact.province}{contact.city}",
        )
    return found


# --- being told -------------------------------------------------------------------------------------------------------


def take_news(*, told: Sequence[Told], work: Work) -> BatchResult:
    """What is told of parcels: scans are kept once, states follow and never go back. done: keys.

    Refused by key: ParcelUnknown. What was told before changes nothing; what comes late is kept at its place in time
    and moves nothing back. Parcels signed for deliver their shipments and orders; a refusal, a problem or a return is
    a case; any newer scan closes the cases about silence. A constant number of statements.
    """
    result = BatchResult()
    found = _parcels_of(told)
    for one in told:
        if one.key in found:
            result.done.append(one.key)
        else:
            result.refuse(one.key, ParcelUnknown(number=one.news.number))
    if not found:
        return result
    moved = lock_parcels(parcel_ids=set(found.values()), work=work)
    watches = _watches(list(moved.parcels), work)
    fresh = _keep([(found[one.key], one) for one in told if one.key in found], work.at)
    drafts: list[CaseDraft] = []
    closed: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for pk, parcel in moved.parcels.items():
        scans = sorted(fresh.get(pk, ()), key=lambda scan: scan.at)
        newest = scans[-1] if scans else None
        before = watches[pk].last_scan_at
        is_news = newest is not None and (before is None or newest.at > before)
        for scan in scans:
            _apply(parcel, scan, moved, drafts, work)
        if newest is not None and is_news:
            watches[pk].last_scan_at, watches[pk].last_scan = newest.at, newest.kind
            closed[_answered_by(parcel, newest)].append(f"parcel:{pk}")
            if newest.kind == ScanKind.PROBLEM:
                drafts.append(parcel_case("PARCEL_PROBLEM", parcel, moved, {"said": masked(newest.text)}))
    for one in told:
        if one.key in found:
            _note(watches[found[one.key]], moved.parcels[found[one.key]], one.news, moved, drafts, work)
    fates.settle(moved=moved, parcels=moved.parcels.values(), work=work)
    # Closed first: what is opened anew of the same kind is a case of its own.
    for codes, subjects in sorted(closed.items()):
        cases.close_cases_of(subjects=subjects, codes=codes, resolution="a new scan", work=work)
    cases.open_cases(drafts=drafts, work=work)
    return result


def _apply(parcel: Parcel, scan: Scan, moved: Moved, drafts: list[CaseDraft], work: Work) -> None:
    if scan.kind in _ON_THE_WAY:
        fates.collect(parcel, moved, at=scan.at, work=work)
    elif scan.kind == ScanKind.DELIVERED:
        was_recalled = parcel.state == ParcelState.RECALLING
        if not fates.deliver(parcel, moved, at=scan.at, work=work):
            drafts.append(parcel_case("PARCEL_PROBLEM", parcel, moved, {"said": masked(scan.text)}))
        elif was_recalled:
            drafts.append(parcel_case("RECALL_FAILED", parcel, moved, {"error": "signed for"}))
    elif scan.kind in (ScanKind.REFUSED, ScanKind.RETURNING):
        was_recalled = parcel.state == ParcelState.RECALLING
        if fates.send_back(parcel, moved, at=scan.at, reason=scan.kind, work=work) and not was_recalled:
            drafts.append(parcel_case("PARCEL_RETURNING", parcel, moved, {"said": masked(scan.text)}))
    elif scan.kind == ScanKind.RETURNED:
        fates.take_back(parcel, moved, at=scan.at, work=work)


def _note(
    watch: ParcelWatch, parcel: Parcel, news: TrackingNews, moved: Moved, drafts: list[CaseDraft], work: Work
) -> None:
    """How the provider goes on, and whether we do."""
    watch.heard_at = work.at
    if news.status == "abort" and watch.is_open and parcel.state not in (ParcelState.DELIVERED, ParcelState.RETURNED):
        watch.how, watch.subscribe_at = Watch.ABORTED, work.at + SUBSCRIBE_AGAIN
        evidence = {"said": masked(news.message), "times": watch.rounds}
        drafts.append(parcel_case("TRACKING_ABORTED", parcel, moved, evidence))
    if parcel.state in (ParcelState.DELIVERED, ParcelState.RETURNED):
        watch.is_open, watch.how, watch.subscribe_at = False, Watch.ENDED, None
    elif news.status == "shutdown" and watch.how == Watch.SUBSCRIBED:
        # It says that it is over, we do not think so: we ask.
        watch.how = Watch.FAILED
    work.save(watch, "heard_at", "how", "subscribe_at", "last_scan_at", "last_scan", "is_open")


def _answered_by(parcel: Parcel, newest: Scan) -> tuple[str, ...]:
    """The cases whose cause this scan takes away."""
    if parcel.state in (ParcelState.DELIVERED, ParcelState.RETURNED):
        return ABOUT_PARCELS
    if newest.kind == ScanKind.ANNOUNCED:
        return ("TRACKING_ABORTED",)
    return SILENCE if newest.kind == ScanKind.PROBLEM else (*SILENCE, "PARCEL_PROBLEM")


def _parcels_of(told: Sequence[Told]) -> dict[Any, int]:
    """Parcel id by key: of the courier named, else the only one with that number. One statement."""
    numbers = sorted({one.news.number for one in told})
    candidates: dict[str, list[tuple[int, str]]] = defaultdict(list)
    rows = Parcel.objects.filter(tracking_no__in=numbers).values_list("tracking_no", "pk", "carrier__code")
    for number, pk, code in rows:
        candidates[number].append((pk, code))
    found = {}
    for one in told:
        known = candidates.get(one.news.number, [])
        named = [pk for pk, code in known if code in one.news.carriers]
        if named or len(known) == 1:
            found[one.key] = named[0] if named else known[0][0]
    return found


def _watches(parcel_ids: Sequence[int], work: Work) -> dict[int, ParcelWatch]:
    watches: dict[int, ParcelWatch] = work.lock(ParcelWatch, parcel_ids)
    missing = [pk for pk in parcel_ids if pk not in watches]
    if missing:
        ParcelWatch.objects.bulk_create([ParcelWatch(parcel_id=pk) for pk in missing], ignore_conflicts=True)
        watches |= work.lock(ParcelWatch, missing)
    return watches


def _keep(told: Iterable[tuple[int, Told]], at: datetime) -> dict[int, list[Scan]]:
    """Write these scans; those that were not there yet, by parcel. One statement."""
    rows: dict[tuple[int, datetime, str], tuple[Scan, str]] = {}
    for parcel_id, one in told:
        for scan in one.news.scans:
            rows.setdefault((parcel_id, scan.at, digest_of(scan)), (scan, one.source))
    if not rows:
        return {}
    columns: list[list[Any]] = [
        [parcel_id for parcel_id, _at, _digest in rows],
        [when for _parcel_id, when, _digest in rows],
        [str(scan.kind) for scan, _source in rows.values()],
        [masked(scan.text) for scan, _source in rows.values()],
        [scan.place for scan, _source in rows.values()],
        [source[:16] for _scan, source in rows.values()],
        [digest for _parcel_id, _at, digest in rows],
    ]
    fresh: dict[int, list[Scan]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(_KEEP, [at, *columns])
        for parcel_id, when, digest in cursor.fetchall():
            fresh[parcel_id].append(rows[parcel_id, when, digest][0])
    return fresh


def _rounds(account: TrackingAccount | None, parcel: Parcel) -> int:
    return 1 if account is not None and parcel.carrier.code in COMPANIES else 0


def _subscribe(work: Work, account: TrackingAccount, parcel: Parcel, round_no: int) -> None:
    work.command(
        kind=SUBSCRIBE_KIND,
        target=target_of(account),
        subject=f"shipment:{parcel.shipment_id}",
        key=f"{SUBSCRIBE_KIND}:{parcel.pk}:{round_no}",
        payload={"parcel_id": parcel.pk},
    )
