"""Goods that a person books ahead of the warehouse count once; goods of a delivery that was over are a case."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from fulfillment.floor_errors import NothingExpected, ReceiptTooMuch
from fulfillment.models import InboundOrder
from fulfillment.services.bringing import bring_purchase, call_off, receive_by_hand, send_over, take_cancel_answers
from fulfillment.services.inbound import confirm_inbound, take_inbound_answers
from fulfillment.services.purchase_rests import close_rest
from fulfillment.services.receipts import match_receipt
from fulfillment.wms.goods_documents import InboundConfirm, ReceivedLine
from ordercenter.audit.models import Deed
from ordercenter.audit.work import unit_of_work
from ordercenter.cases.errors import ReasonMissing
from ordercenter.cases.models import Case
from ordercenter.common.actor import Actor
from ordercenter.events.models import InboxMessage
from ordercenter.inventory.models import StockLevel, Supply
from tests.flows.outside import settle_down
from tests.flows.world import World
from tests.fulfillment.floor.house import broken_invariants
from tests.fulfillment.played_warehouse import Play

pytestmark = pytest.mark.django_db
NOW = timezone.now()
graded = st.tuples(*[st.integers(0, 20)] * 3)


@pytest.fixture
def world() -> World:
    return World(stock=10)


@pytest.fixture
def keeper(db: None) -> Actor:
    return Actor("person", "keeper", User.objects.create_user("keeper").pk)


def purchase(world: World, keeper: Actor, **more: Any) -> InboundOrder:
    given: dict[str, Any] = {"pieces": {world.skus[1].pk: 20}, "due_on": date(2026, 12, 1), "key": "k1"}
    return bring_purchase(warehouse_id=world.east.pk, at=NOW, actor=keeper, **(given | more))


def by_hand(inbound: InboundOrder, keeper: Actor, *graded: int, final: bool = False, key: str = "r1") -> None:
    pieces = {inbound.lines.get().pk: (graded[0], graded[1], graded[2])}
    receive_by_hand(inbound_id=inbound.pk, pieces=pieces, is_final=final, key=key, reason="到货", at=NOW, actor=keeper)


def confirm(
    world: World, inbound: InboundOrder, *graded: int, final: bool = True, key: str = "c1", status: str = "FULFILLED"
) -> None:
    code = world.skus[1].code
    lines = [ReceivedLine("", code, kind, None, n) for kind, n in zip(("ZP", "CC", "ZT"), graded, strict=False) if n]
    document = InboundConfirm(inbound.code, "", key, 0 if final else 1, status, None, "", tuple(lines))
    confirm_inbound(confirms=[document], at=NOW)


def stock(world: World) -> tuple[int, int, int]:
    level = StockLevel.objects.get(sku=world.skus[1], warehouse=world.east)
    return level.on_hand, level.damaged, level.quarantine


def cases() -> list[str]:
    return sorted(Case.objects.filter(closed_at=None).values_list("code", flat=True))


@given(graded, graded)
def test_a_confirm_and_what_was_booked_by_hand_share_all_that_they_can(
    confirmed: tuple[int, int, int], by_hand: tuple[int, int, int]
) -> None:
    matched = match_receipt(confirmed, by_hand)

    assert sum(matched.new) == max(0, sum(confirmed) - sum(by_hand))
    assert sum(matched.by_hand) == max(0, sum(by_hand) - sum(confirmed))
    moved_in = [sum(n for _was, grade, n in matched.moved if grade == g) for g in range(3)]
    moved_out = [sum(n for was, _grade, n in matched.moved if was == g) for g in range(3)]
    for g in range(3):
        same = confirmed[g] - matched.new[g] - moved_in[g]
        assert same == by_hand[g] - matched.by_hand[g] - moved_out[g] >= 0


def test_what_was_booked_by_hand_is_not_booked_again_when_the_warehouse_confirms_it(
    world: World, keeper: Actor
) -> None:
    inbound = purchase(world, keeper)
    by_hand(inbound, keeper, 12, 0, 0)
    assert stock(world) == (22, 0, 0)
    assert inbound.lines.get().by_hand == 12

    confirm(world, inbound, 20)
    confirm(world, inbound, 20)

    assert (stock(world), InboundOrder.objects.get().state) == ((30, 0, 0), "received")
    assert inbound.lines.values_list("good", "put_away", "hand_good").get() == (20, 20, 0)
    assert (cases(), broken_invariants()) == ([], {})
    assert Supply.objects.values_list("quantity", "arrived", "state").get() == (20, 20, "arrived")


def test_a_final_receipt_by_hand_is_matched_with_the_confirm_that_comes_after_it(world: World, keeper: Actor) -> None:
    inbound = purchase(world, keeper)
    by_hand(inbound, keeper, 20, 0, 0, final=True)

    confirm(world, inbound, 20)

    assert (stock(world), cases()) == ((30, 0, 0), [])
    assert inbound.lines.get().by_hand == 0
    assert broken_invariants() == {}


def test_the_warehouse_knows_the_grade_better(world: World, keeper: Actor) -> None:
    inbound = purchase(world, keeper)
    by_hand(inbound, keeper, 20, 0, 0)

    confirm(world, inbound, 18, 2)

    assert stock(world) == (28, 2, 0)
    assert inbound.lines.values_list("good", "defective", "put_away").get() == (18, 2, 20)
    assert cases() == ["INBOUND_DIFFERENCE"]
    assert broken_invariants() == {}


def test_a_grade_that_cannot_change_because_the_pieces_are_promised_is_named(world: World, keeper: Actor) -> None:
    inbound = purchase(world, keeper)
    by_hand(inbound, keeper, 20, 0, 0)
    StockLevel.objects.filter(sku=world.skus[1], warehouse=world.east).update(set_aside=30)

    confirm(world, inbound, 18, 2, final=False)

    assert stock(world) == (30, 0, 0)
    assert Case.objects.get(closed_at=None).evidence["lines"] == [{"sku": "SKU-1", "came": 0, "not_regraded": 2}]


def test_pieces_booked_by_hand_that_the_warehouse_never_confirms_are_a_case(world: World, keeper: Actor) -> None:
    inbound = purchase(world, keeper)
    by_hand(inbound, keeper, 20, 0, 0)

    confirm(world, inbound, 17)

    assert stock(world) == (30, 0, 0)
    assert Case.objects.get(closed_at=None).evidence["lines"][0]["by_hand"] == 3


def test_no_more_can_be_booked_ahead_of_the_warehouse_than_is_missing(world: World, keeper: Actor) -> None:
    inbound = purchase(world, keeper)
    confirm(world, inbound, 15, final=False)

    with pytest.raises(ReceiptTooMuch):
        by_hand(inbound, keeper, 6, 0, 0)
    assert stock(world) == (25, 0, 0)
    by_hand(inbound, keeper, 5, 0, 0)

    confirm(world, inbound, 5, key="c2")
    assert (stock(world), cases()) == ((30, 0, 0), [])


def test_goods_of_a_delivery_that_was_called_off_are_in_the_stock_and_a_case(world: World, keeper: Actor) -> None:
    inbound = purchase(world, keeper)
    with unit_of_work() as work:
        take_cancel_answers(answers={inbound.pk: ""}, work=work)
    assert InboundOrder.objects.get().state == "cancelled"

    confirm(world, inbound, 0)
    assert (cases(), InboundOrder.objects.get().state) == ([], "cancelled")
    confirm(world, inbound, 9, 1, key="c2")

    assert (stock(world), InboundOrder.objects.get().state) == ((19, 1, 0), "received")
    case = Case.objects.get(code="GOODS_AFTER_END")
    assert (case.evidence["state"], case.evidence["lines"][0]["came"]) == ("cancelled", 10)
    assert broken_invariants() == {}


def test_goods_beyond_a_delivery_that_had_ended_are_in_the_stock_and_a_case(world: World, keeper: Actor) -> None:
    inbound = purchase(world, keeper)
    by_hand(inbound, keeper, 18, 0, 0, final=True)
    assert cases() == ["INBOUND_DIFFERENCE"]

    confirm(world, inbound, 20)

    assert (stock(world), cases()) == ((30, 0, 0), ["GOODS_AFTER_END", "INBOUND_DIFFERENCE"])
    assert Case.objects.get(code="GOODS_AFTER_END").evidence["lines"][0]["came"] == 2
    assert broken_invariants() == {}


@pytest.mark.parametrize(("promised", "left_there"), [(0, 6), (8, 10)])
def test_a_transfer_that_arrives_after_it_was_called_off_leaves_its_sender_again(
    world: World, keeper: Actor, promised: int, left_there: int
) -> None:
    world.south.kind = "own"
    world.south.save()
    inbound = send_over(
        from_warehouse_id=world.south.pk,
        to_warehouse_id=world.east.pk,
        pieces={world.skus[1].pk: 4},
        due_on=date(2026, 12, 1),
        key="t1",
        note="调拨",
        at=NOW,
        actor=keeper,
    )
    with unit_of_work() as work:
        take_cancel_answers(answers={inbound.pk: ""}, work=work)
    south = StockLevel.objects.filter(sku=world.skus[1], warehouse=world.south)
    assert south.get().on_hand == 10
    south.update(set_aside=promised)

    confirm(world, inbound, 4)

    assert (stock(world)[0], south.get().on_hand) == (14, left_there)
    case = Case.objects.get(code="GOODS_AFTER_END")
    assert case.evidence.get("not_booked") == ({"SKU-1": 4} if promised else None)
    south.update(set_aside=0)
    assert broken_invariants() == {}


def test_a_warehouse_that_accepted_may_still_reject(world: World, keeper: Actor) -> None:
    inbound = purchase(world, keeper)
    with unit_of_work() as work:
        take_inbound_answers(refs={inbound.pk: "I1"}, reasons={}, work=work)

    confirm(world, inbound, status="REJECT")

    assert (InboundOrder.objects.get().state, cases()) == ("rejected", ["WMS_REJECTED"])


def expected() -> list[tuple[int, int, str]]:
    return list(Supply.objects.values_list("quantity", "arrived", "state"))


def test_the_rest_of_a_purchase_order_is_closed_by_a_person_for_a_reason(world: World, keeper: Actor) -> None:
    inbound = purchase(world, keeper, reference="PO-7")
    given: dict[str, Any] = {"inbound_id": inbound.pk, "at": NOW, "actor": keeper}
    with pytest.raises(NothingExpected):
        close_rest(reason="供应商停产", **given)
    confirm(world, inbound, 17)
    assert expected() == [(20, 17, "coming")]
    with pytest.raises(ReasonMissing):
        close_rest(reason=" ", **given)

    close_rest(reason="供应商停产", **given)

    assert expected() == [(20, 17, "arrived")]
    deed = Deed.objects.get(action="inbound.close_rest")
    assert (deed.reason, deed.details) == ("供应商停产", {"reference": "PO-7", "pieces": 3})
    with pytest.raises(NothingExpected):
        close_rest(reason="again", **given)


def test_the_last_delivery_closes_the_rest_when_no_other_is_open(world: World, keeper: Actor) -> None:
    last = purchase(world, keeper, reference="PO-7", is_last=True)
    other = purchase(world, keeper, reference="PO-7", key="k2")

    confirm(world, last, 5)
    assert expected() == [(20, 5, "coming")]
    confirm(world, other, 6, key="c2")

    assert expected() == [(20, 11, "arrived")]


def test_the_warehouses_word_that_it_is_closed_closes_the_rest(world: World, keeper: Actor) -> None:
    inbound = purchase(world, keeper, reference="PO-7")

    confirm(world, inbound, 5, status="CLOSED")

    assert expected() == [(20, 5, "arrived")]


def test_over_the_wire_a_hand_receipt_and_the_confirm_are_one(play: Play, keeper: Actor) -> None:
    inbound = bring_purchase(
        warehouse_id=play.world.east.pk,
        pieces={play.sku.pk: 20},
        due_on=date(2026, 12, 1),
        key="k1",
        at=timezone.now(),
        actor=keeper,
    )
    settle_down()
    by_hand(inbound, keeper, 20, 0, 0, final=True)

    play.turn()

    assert InboxMessage.objects.filter(kind="qimen.entryorder.confirm").count() == 1
    assert (play.level().on_hand, cases()) == (120, [])
    assert broken_invariants() == {}


def test_a_warehouse_is_not_told_of_what_was_received_before_it_could_be_told(play: Play, keeper: Actor) -> None:
    inbound = bring_purchase(
        warehouse_id=play.world.east.pk,
        pieces={play.sku.pk: 20},
        due_on=date(2026, 12, 1),
        key="k1",
        at=timezone.now(),
        actor=keeper,
    )
    by_hand(inbound, keeper, 20, 0, 0, final=True)

    play.turn()

    assert play.stage.app.world.inbounds == {}
    assert (InboundOrder.objects.get().state, cases(), broken_invariants()) == ("received", [], {})


def test_a_warehouse_that_receives_what_it_was_told_to_forget_is_heard(play: Play, keeper: Actor) -> None:
    inbound = bring_purchase(
        warehouse_id=play.world.east.pk,
        pieces={play.sku.pk: 20},
        due_on=date(2026, 12, 1),
        key="k1",
        at=timezone.now(),
        actor=keeper,
    )
    play.stage.control.switches(wms_receive_after_s=1)
    play.turn(0)
    call_off(inbound_id=inbound.pk, reason="不要了", at=timezone.now(), actor=keeper)
    with unit_of_work() as work:
        take_cancel_answers(answers={inbound.pk: ""}, work=work)

    play.stage.app.world.inbounds[inbound.code].status = "ACCEPT"
    play.stage.pass_time(5)
    play.turn()

    assert (play.level().on_hand, cases()) == (120, ["GOODS_AFTER_END"])
