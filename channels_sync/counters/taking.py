"""A batch of a counter comes in: kept once, booked with all that has waited, in the order of business."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction

from channels_sync.counter_models import Counter, CounterDocument
from channels_sync.counters.documents import Sent
from channels_sync.counters.errors import CounterNumberReused, CounterUnknown
from channels_sync.counters.settling import settle_shop
from channels_sync.counters.shifts import settle_shifts
from ordercenter.audit.work import Work, unit_of_work
from ordercenter.cases import services as cases
from ordercenter.cases.services import CaseDraft
from ordercenter.common.actor import Actor
from ordercenter.common.errors import OrderCenterError
from ordercenter.common.rows import new_row
from ordercenter.common.scope import Scope

CLOCK_CASE = "COUNTER_CLOCK"
# A clock that is further from ours than this makes the order of business between counters doubtful.
MOST_SKEW = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one document. status: booked, waiting or refused; was_known: it had come before, unchanged."""

    index: int
    status: str
    was_known: bool = False
    wait_reason: str = ""
    order_id: int | None = None
    error: OrderCenterError | None = None


@dataclass(frozen=True)
class BatchTaken:
    """The answers in the order of the batch, and by how many seconds our clock is ahead of the counter's."""

    answers: Sequence[Answer]
    clock_skew_s: int


def counter_of(*, shop_code: str, code: str, reach: Scope, key_id: int) -> Counter:
    """The counter that this key may speak for. Raises CounterUnknown."""
    found = Counter.objects.filter(shop__code=shop_code, code=code, is_active=True, shop__is_active=True)
    counter = reach.narrow(found.select_related("shop", "store"), shop="shop_id").first()
    if counter is None or counter.api_key_id not in (None, key_id):
        raise CounterUnknown(shop=shop_code, counter=code)
    return counter


def take_batch(
    *, counter: Counter, sent_at: datetime, documents: Sequence[Sent], at: datetime, actor: Actor
) -> BatchTaken:
    """Keep these documents and book all that can be booked, in one transaction.

    A number that is known with the same content changes nothing, however often it comes; with another content it is
    refused (CounterNumberReused). What is sold is booked whatever the stock says. A return waits for its sale, goods
    that nobody knows wait for their SKU; the end of a shift is worked out anew with every document that comes late.
    sent_at: the counter's clock as it sent, for the difference to ours. Constant number of statements.
    """
    with transaction.atomic():
        lock_shop(counter.shop_id)
        known = _known(counter, documents)
        refused: dict[int, OrderCenterError] = {}
        fresh: dict[str, Sent] = {}
        for document in documents:
            before = known.get(document.client_no) or fresh.get(document.client_no)
            if before is None:
                fresh[document.client_no] = document
            elif (before.kind, before.said) != (document.kind, document.said):
                refused[document.index] = CounterNumberReused(number=document.client_no)
        with unit_of_work(at=at, actor=actor) as work:
            work.add([_row(counter, document, work) for document in fresh.values()])
        settle_shop(shop=counter.shop, at=at, actor=actor)
        with unit_of_work(at=at, actor=actor) as work:
            settle_shifts(keys={(counter.pk, document.shift) for document in fresh.values()}, work=work)
            skew_s = _note(counter, sent_at, fresh.values(), work)
        now = _known(counter, documents)
    answers = [_answer(d, now, refused.get(d.index), d.client_no in known) for d in documents]
    return BatchTaken(answers, skew_s)


def lock_shop(shop_id: int) -> None:
    """One batch of a shop at a time: a return of one counter may wait for the sale of another."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('counters'), %s)", [shop_id])


def _known(counter: Counter, documents: Sequence[Sent]) -> Mapping[str, CounterDocument]:
    numbers = sorted({document.client_no for document in documents})
    rows = CounterDocument.objects.filter(counter=counter, client_no__any_of=numbers)
    return {row.client_no: row for row in rows}


def _row(counter: Counter, document: Sent, work: Work) -> CounterDocument:
    return new_row(
        CounterDocument,
        counter_id=counter.pk,
        kind=document.kind,
        client_no=document.client_no,
        business_at=document.business_at,
        received_at=work.at,
        shift=document.shift,
        cash=document.cash,
        sale_no=document.sale_no(counter.code),
        said=dict(document.said),
    )


def _note(counter: Counter, sent_at: datetime, fresh: object, work: Work) -> int:
    """Remember the batch and the difference of the clocks; a large one has a case until it is gone."""
    skew_s = round((work.at - sent_at).total_seconds())
    newest = max((d.business_at for d in fresh), default=None)  # type: ignore[attr-defined]
    if newest is not None and (counter.last_business_at is None or newest > counter.last_business_at):
        counter.last_business_at = newest
    counter.last_batch_at, counter.clock_skew_s = work.at, skew_s
    # Not through the unit of work: a row of history with every batch would say nothing.
    Counter.objects.filter(pk=counter.pk).update(
        last_batch_at=work.at, last_business_at=counter.last_business_at, clock_skew_s=skew_s
    )
    subject = f"counter:{counter.pk}"
    if abs(skew_s) > MOST_SKEW.total_seconds():
        draft = CaseDraft(
            code=CLOCK_CASE,
            subject=subject,
            shop_id=counter.shop_id,
            reference=f"{counter.shop.code}/{counter.code}",
            evidence={"seconds_behind": skew_s},
        )
        cases.open_cases(drafts=[draft], work=work)
    else:
        cases.close_cases_of(subjects=[subject], codes=[CLOCK_CASE], resolution="the clock is right", work=work)
    return skew_s


def _answer(
    document: Sent, now: Mapping[str, CounterDocument], error: OrderCenterError | None, was_known: bool
) -> Answer:
    if error is not None:
        return Answer(document.index, "refused", error=error)
    row = now[document.client_no]
    return Answer(document.index, row.state, was_known, row.wait_reason, row.order_id)
