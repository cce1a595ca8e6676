"""One order out of a shared basket: only its pieces go back into their bins, the others stay where they are."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from django.db.models import Max

from fulfillment.models import Basket, PickLine, Shipment, ShipmentLine
from fulfillment.services.set_weights import set_pieces_g
from fulfillment.states import IN_HAND, ShipmentState
from ordercenter.audit.work import Work
from ordercenter.cases import services as cases
from ordercenter.catalog.models import Sku
from ordercenter.common.ids import new_ids
from ordercenter.common.rows import new_row

IN_BASKET = (ShipmentState.WAVED, *IN_HAND)
# Where the record of a shipment of such pieces says whose basket they were in.
TAKEN_FROM = "taken_from"


def take_out_of_basket(*, shipment: Shipment, leaving: Collection[int], work: Work) -> Shipment:
    """Let the pieces of these orders leave a basket of our own house; returns the shipment that they are in from now.

    shipment: locked, in a wave or in hand, its orders locked; somebody else's pieces are in it, too. What was picked of
    the leaving orders is to be put back (scanned by the label of the old basket or of the new one); where nothing was,
    the new shipment can be cancelled at once. The old one goes on with its own lines: a box that was closed is opened,
    its waybill stays its own, and every piece is checked anew, so that nothing of the others can be left in it.
    """
    lines = work.lock_children(ShipmentLine, "shipment_id", [shipment.pk])[shipment.pk]
    basket = work.lock_children(Basket, "shipment_id", [shipment.pk])[shipment.pk][0]
    picks = work.lock_children(PickLine, "basket_id", [basket.pk])[basket.pk]
    of_line = {line.pk: line for line in lines}
    gone = [pick for pick in picks if of_line[pick.shipment_line_id].order_id in leaving]
    stay = [pick for pick in picks if of_line[pick.shipment_line_id].order_id not in leaving]
    is_in_hand = any(pick.picked for pick in gone)
    apart = _new_shipment(work, shipment, is_in_hand=is_in_hand)
    new_basket = _new_basket(work, basket, apart)
    _move(work, shipment, apart, [of_line[pick.shipment_line_id] for pick in gone])
    for pick in gone:
        pick.basket_id, pick.checked = new_basket.pk, 0
        picks.remove(pick)
        work.save(pick, "basket_id", "checked")
    _go_on(work, shipment, basket, stay)
    _weigh_anew(work, shipment, basket, stay)
    return apart


def taken_from(code: str) -> int | None:
    """The shipment of pieces that have to be put back out of this one's basket, if there are any. One statement."""
    rows = Shipment.objects.filter(state=ShipmentState.TO_PUT_BACK, **{f"decision__{TAKEN_FROM}": code})
    return rows.order_by("pk").values_list("pk", flat=True).first()


def _new_shipment(work: Work, shipment: Shipment, *, is_in_hand: bool) -> Shipment:
    (pk,) = new_ids(Shipment, 1)
    apart = new_row(
        Shipment,
        id=pk,
        code=f"DO{work.at:%y%m%d}{pk:09d}",
        shop_id=shipment.shop_id,
        warehouse_id=shipment.warehouse_id,
        carrier_id=shipment.carrier_id,
        contact_id=shipment.contact_id,
        grade=shipment.grade,
        priority=shipment.priority,
        decision={TAKEN_FROM: shipment.code},
        created_at=work.at,
    )
    if is_in_hand:
        apart.dispatch()
        apart.accept()
        apart.join_wave()
        apart.start_picking()
        apart.order_back()
    work.add([apart])
    return apart


def _new_basket(work: Work, basket: Basket, apart: Shipment) -> Basket:
    last = Basket.objects.filter(wave_id=basket.wave_id).aggregate(last=Max("number"))["last"] or 0
    made = work.shared.setdefault(("baskets_of_wave", basket.wave_id), [0])
    made[0] = max(made[0], last) + 1
    new = new_row(Basket, wave_id=basket.wave_id, shipment_id=apart.pk, number=made[0])
    work.add([new])
    return new


def _move(work: Work, shipment: Shipment, apart: Shipment, lines: Sequence[ShipmentLine]) -> None:
    """Shipment lines change their shipment, also where this unit of work remembers them."""
    left = work.lock_children(ShipmentLine, "shipment_id", [shipment.pk])[shipment.pk]
    here = work.lock_children(ShipmentLine, "shipment_id", [apart.pk])[apart.pk]
    for line in lines:
        line.shipment_id = apart.pk
        left.remove(line)
        here.append(line)
        work.save(line, "shipment_id")


def _go_on(work: Work, shipment: Shipment, basket: Basket, stay: Sequence[PickLine]) -> None:
    """The state that fits what is left: picked and to be checked anew, or still being picked."""
    if shipment.state == ShipmentState.WAVED:
        return
    if shipment.state == ShipmentState.WEIGHED:
        shipment.weigh_again()
    if shipment.state == ShipmentState.PACKED:
        shipment.unpack()
        basket.tracking_no, basket.carrier_id, basket.weight_g = "", None, None
        work.save(basket, "tracking_no", "carrier_id", "weight_g")
    if shipment.state == ShipmentState.CHECKED:
        shipment.check_again()
    for pick in stay:
        if pick.checked:
            pick.checked = 0
            work.save(pick, "checked")
    if shipment.state == ShipmentState.SHORT_PICKED and not any(pick.short for pick in stay):
        shipment.pick_on()
        cases.close_cases_of(
            subjects=[f"shipment:{shipment.pk}"],
            codes=["SHORT_PICK"],
            resolution="the order that lacked it is out",
            work=work,
        )
    if shipment.state == ShipmentState.PICKING and not any(pick.open for pick in stay):
        shipment.finish_picking()
    work.save(shipment)


def _weigh_anew(work: Work, shipment: Shipment, basket: Basket, stay: Sequence[PickLine]) -> None:
    grams = dict(Sku.objects.filter(pk__in={pick.sku_id for pick in stay}).values_list("pk", "weight_g"))
    before = shipment.weight_g
    in_sets = set_pieces_g([pick.shipment_line_id for pick in stay])
    shipment.weight_g = sum(in_sets.get(n.shipment_line_id, grams[n.sku_id]) * n.wanted for n in stay)
    basket.expected_g = max(0, basket.expected_g - (before - shipment.weight_g))
    work.save(shipment, "weight_g")
    work.save(basket, "expected_g")
