"""A parcel that has left gets another number: ours at once, the channel's by one command, or a refusal in words."""

from __future__ import annotations

import pytest

from channels_sync.errors import NumberNotChangeable, NumberTaken, ReportUnderWay
from channels_sync.kinds import RENUMBER_KIND, TRACKING_KIND
from channels_sync.renumbering import change_number
from fulfillment.models import Parcel, Shipment
from ordercenter.audit.models import Deed
from ordercenter.cases.errors import ReasonMissing
from ordercenter.catalog.capabilities import write_usual_capabilities
from ordercenter.catalog.models import ChannelCapability
from ordercenter.common.actor import Actor
from ordercenter.events.models import OutgoingCommand, OutgoingStatus
from tests.flows.outside import answer_everything, settle_down, ship
from tests.flows.world import World

pytestmark = pytest.mark.django_db
LIN = Actor("integration", "lin")


@pytest.fixture
def parcel(monkeypatch: pytest.MonkeyPatch) -> Parcel:
    """One that has left and of which the channel was told."""
    answer_everything(monkeypatch)
    world = World(stock=20)
    world.deliver(world.trade(("SKU-1", 1, "100.00")))
    settle_down()
    ship(Shipment.objects.get(), tracking_no="OLD1")
    settle_down()
    return Parcel.objects.get()


def changes() -> list[tuple[str, str]]:
    rows = OutgoingCommand.objects.filter(kind=RENUMBER_KIND).order_by("pk")
    return [(command.payload["instead_of"], command.payload["tracking_no"]) for command in rows]


def change(parcel: Parcel, number: str, reason: str = "label was wrong") -> bool:
    return change_number(parcel_id=parcel.pk, tracking_no=number, reason=reason, actor=LIN)


def test_the_channel_is_told_of_the_change_once_and_history_keeps_both(parcel: Parcel) -> None:
    assert change(parcel, "NEW1") is True
    assert change(parcel, "NEW1") is False

    parcel.refresh_from_db()
    assert parcel.tracking_no == "NEW1"
    assert changes() == [("OLD1", "NEW1")]
    assert [row.tracking_no for row in parcel.history.order_by("history_id")][-2:] == ["OLD1", "NEW1"]
    deed = Deed.objects.get(action="parcel.change_number")
    assert (deed.reason, deed.details) == ("label was wrong", {"old": "OLD1", "new": "NEW1", "told": True})


def test_back_to_the_first_number_is_a_change_of_its_own(parcel: Parcel) -> None:
    change(parcel, "NEW1")
    settle_down()

    change(parcel, "OLD1")

    assert changes() == [("OLD1", "NEW1"), ("NEW1", "OLD1")]


def test_a_second_change_waits_for_the_answer_to_the_first(parcel: Parcel) -> None:
    change(parcel, "NEW1")

    with pytest.raises(ReportUnderWay):
        change(parcel, "NEW2")

    assert (Parcel.objects.get().tracking_no, changes()) == ("NEW1", [("OLD1", "NEW1")])


def test_after_a_refusal_the_channel_is_asked_to_replace_the_number_that_it_has(parcel: Parcel) -> None:
    change(parcel, "NEW1")
    OutgoingCommand.objects.filter(kind=RENUMBER_KIND).update(status=OutgoingStatus.REFUSED)

    assert change(parcel, "NEW2") is True

    assert changes() == [("OLD1", "NEW1"), ("OLD1", "NEW2")]


def test_a_channel_that_takes_no_other_number_keeps_ours_too(parcel: Parcel) -> None:
    write_usual_capabilities()
    ChannelCapability.objects.update(changes_number=False)

    with pytest.raises(NumberNotChangeable) as refused:
        change(parcel, "NEW1")

    assert refused.value.why == "channel"
    assert (Parcel.objects.get().tracking_no, changes()) == ("OLD1", [])


def test_a_channel_that_was_not_told_yet_hears_only_the_new_number(parcel: Parcel) -> None:
    OutgoingCommand.objects.filter(kind=TRACKING_KIND).delete()

    assert change(parcel, "NEW1") is False

    assert (Parcel.objects.get().tracking_no, changes()) == ("NEW1", [])


def test_a_number_of_another_parcel_and_a_change_without_reason_are_refused(parcel: Parcel) -> None:
    other = Parcel.objects.create(
        shipment=parcel.shipment, carrier=parcel.carrier, tracking_no="HAS1", shipped_at=parcel.shipped_at
    )

    with pytest.raises(NumberTaken):
        change(parcel, other.tracking_no)
    with pytest.raises(ReasonMissing):
        change(parcel, "NEW1", reason=" ")

    parcel.refresh_from_db()
    assert (parcel.tracking_no, changes()) == ("OLD1", [])
