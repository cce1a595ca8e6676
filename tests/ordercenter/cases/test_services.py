"""The queue of cases: opened once, claimed by one, closed with a reason."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.contrib.auth import get_user_model
from django.db import IntegrityError

from ordercenter.audit.models import Deed
from ordercenter.cases.errors import ReasonMissing
from ordercenter.cases.models import Case
from ordercenter.cases.services import (
    CaseDraft,
    claim_cases,
    claim_next,
    close_cases_of,
    give_back,
    open_cases,
    resolve_cases,
    snooze_cases,
)
from ordercenter.common.actor import Actor
from ordercenter.common.batch import BatchResult
from ordercenter.events.models import EventRow

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)


@pytest.fixture
def lin() -> Actor:
    return person("lin")


@pytest.fixture
def bo() -> Actor:
    return person("bo")


def person(name: str) -> Actor:
    return Actor("person", name, user_id=get_user_model().objects.create(username=name).pk)


def opened(*codes: str, subject: str = "order:1", money: str = "0") -> list[Case]:
    return open_cases(drafts=[CaseDraft(code, subject, money_at_risk=Decimal(money)) for code in codes])


def refused(result: BatchResult) -> list[tuple[int, str]]:
    return [(refusal.key, refusal.code) for refusal in result.refused]


def facts() -> list[tuple[str, str]]:
    rows = EventRow.objects.filter(name__startswith="cases.").order_by("id").values_list("name", "payload")
    return [(name.rpartition(".")[2], payload["code"]) for name, payload in rows]


def test_the_same_trouble_twice_is_one_case_with_the_newest_evidence() -> None:
    first = open_cases(drafts=[CaseDraft("BLACKLIST", "order:1", evidence={"n": 1})])
    second = open_cases(
        drafts=[CaseDraft("BLACKLIST", "order:1", evidence={"n": 2}), CaseDraft("BLACKLIST", "order:1")]
    )

    assert [case.pk for case in second] == [first[0].pk] * 2
    assert list(Case.objects.values_list("times_seen", "evidence")) == [(3, {"n": 2})]
    assert facts() == [("opened", "BLACKLIST")]


def test_a_closed_case_does_not_stand_in_for_the_same_trouble_later() -> None:
    opened("BLACKLIST")
    close_cases_of(subjects=["order:1"], codes=["BLACKLIST"], resolution="gone")

    opened("BLACKLIST")

    assert list(Case.objects.order_by("pk").values_list("state", flat=True)) == ["auto_resolved", "open"]
    assert facts() == [("opened", "BLACKLIST"), ("closed", "BLACKLIST"), ("opened", "BLACKLIST")]


def test_the_code_says_how_urgent_it_is_and_one_that_nobody_knows_blocks() -> None:
    opened("REFUND_BEFORE_SHIP", "SETTLEMENT_DIFF", "MADE_UP_BY_A_FLOW")

    due = {c.code: (c.level, c.due_at - c.opened_at) for c in Case.objects.all()}
    assert due == {
        "REFUND_BEFORE_SHIP": ("blocking", timedelta(hours=1)),
        "SETTLEMENT_DIFF": ("warning", timedelta(hours=24)),
        "MADE_UP_BY_A_FLOW": ("blocking", timedelta(hours=4)),
    }


def test_only_the_named_codes_of_the_named_subjects_close() -> None:
    opened("BLACKLIST", "SHORT_PICK")
    opened("BLACKLIST", subject="order:2")

    closed = close_cases_of(subjects=["order:1"], codes=["BLACKLIST", "WMS_SILENT"], resolution="gone")

    assert [(case.subject, case.code, case.state) for case in closed] == [("order:1", "BLACKLIST", "auto_resolved")]
    assert Case.objects.filter(state="open").count() == 2


def test_a_claimed_case_is_refused_to_others_until_its_lease_runs_out(lin: Actor, bo: Actor) -> None:
    (case,) = opened("BLACKLIST")
    assert refused(claim_cases(case_ids=[case.pk], at=NOON, actor=lin)) == []

    soon, late = NOON + timedelta(minutes=15), NOON + timedelta(minutes=15, seconds=1)
    assert refused(claim_cases(case_ids=[case.pk], at=soon - timedelta(seconds=1), actor=bo)) == [
        (case.pk, "cases.taken")
    ]
    assert Case.objects.get().owner_id == lin.user_id
    assert refused(claim_cases(case_ids=[case.pk], at=late, actor=bo)) == []
    assert Case.objects.get().owner_id == bo.user_id


def test_a_supervisor_may_take_a_claimed_case_over(lin: Actor, bo: Actor) -> None:
    (case,) = opened("BLACKLIST")
    claim_cases(case_ids=[case.pk], at=NOON, actor=lin)

    assert refused(claim_cases(case_ids=[case.pk], at=NOON, actor=bo, steal=True)) == []

    assert Case.objects.get().owner_id == bo.user_id


def test_the_next_case_is_the_most_urgent_free_one(lin: Actor, bo: Actor) -> None:
    opened("SETTLEMENT_DIFF")
    opened("REMARK_NEEDS_HUMAN")
    opened("REFUND_BEFORE_SHIP")
    now = Case.objects.latest("opened_at").opened_at

    order = []
    for actor in (lin, bo, lin, bo):
        case = claim_next(among=Case.objects.all(), at=now, actor=actor)
        order.append((case.code, case.owner_id) if case else None)

    assert order == [
        ("REFUND_BEFORE_SHIP", lin.user_id),
        ("REMARK_NEEDS_HUMAN", bo.user_id),
        ("SETTLEMENT_DIFF", lin.user_id),
        None,
    ]


def test_a_snoozed_case_comes_back_when_its_time_has_come(lin: Actor) -> None:
    (case,) = opened("BLACKLIST")
    until = NOON + timedelta(hours=1)
    snooze_cases(case_ids=[case.pk], until=until, reason="buyer calls back", at=NOON, actor=lin)

    assert claim_next(among=Case.objects.all(), at=until, actor=lin) is None
    taken = claim_next(among=Case.objects.all(), at=until + timedelta(seconds=1), actor=lin)

    assert taken == case
    assert Deed.objects.values_list("action", "reason", "subject").get() == (
        "case.snooze",
        "buyer calls back",
        "order:1",
    )


def test_a_case_given_back_is_free_for_everybody(lin: Actor, bo: Actor) -> None:
    (case,) = opened("BLACKLIST")
    claim_cases(case_ids=[case.pk], at=NOON, actor=lin)

    give_back(case_ids=[case.pk], at=NOON, actor=lin)

    row = Case.objects.get()
    assert (row.state, row.owner_id, row.lease_until) == ("open", None, None)


@pytest.mark.parametrize(("dismiss", "state"), [(False, "resolved"), (True, "dismissed")])
def test_a_person_closes_a_case_with_a_reason_and_a_deed(lin: Actor, dismiss: bool, state: str) -> None:
    (case,) = opened("BLACKLIST")

    resolve_cases(case_ids=[case.pk], resolution=" known customer ", at=NOON, actor=lin, dismiss=dismiss)

    row = Case.objects.get()
    assert (row.state, row.resolution.strip(), row.closed_at) == (state, "known customer", NOON)
    assert EventRow.objects.get(name="cases.case.closed").payload == {
        "case_id": case.pk,
        "code": "BLACKLIST",
        "how": state,
        "case_subject": "order:1",
    }
    assert Deed.objects.get().details == {"case": case.pk, "code": "BLACKLIST"}


def test_what_is_closed_or_unknown_is_refused_and_the_rest_is_closed(lin: Actor) -> None:
    cases = opened("BLACKLIST", "SHORT_PICK")
    resolve_cases(case_ids=[cases[0].pk], resolution="first", at=NOON, actor=lin)

    result = resolve_cases(case_ids=[*ids(cases), 999_999_999], resolution="second", at=NOON, actor=lin)

    assert sorted(refused(result)) == [(cases[0].pk, "cases.closed_already"), (999_999_999, "cases.unknown")]
    assert dict(Case.objects.values_list("code", "resolution")) == {"BLACKLIST": "first", "SHORT_PICK": "second"}


def test_without_a_reason_nothing_is_closed(lin: Actor) -> None:
    cases = opened("BLACKLIST")

    with pytest.raises(ReasonMissing):
        resolve_cases(case_ids=ids(cases), resolution=" ", at=NOON, actor=lin)

    assert Case.objects.get().state == "open"


def test_the_database_itself_knows_an_open_case_once(lin: Actor) -> None:
    opened("BLACKLIST")

    with pytest.raises(IntegrityError, match="open_case_once_per_subject"):
        Case.objects.create(code="BLACKLIST", subject="order:1", due_at=NOON)


def ids(cases: Collection[Case]) -> list[int]:
    return [case.pk for case in cases]
