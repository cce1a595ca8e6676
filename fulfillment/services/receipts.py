"""What a warehouse confirms, held against what a person booked for it before: each piece counts once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fulfillment.models import InboundLine, InboundOrder
from ordercenter.audit.work import Work
from ordercenter.inventory import services as inventory
from ordercenter.inventory.services import Movement
from ordercenter.inventory.states import Bucket, MovementReason

# Pieces that are good, defective, in quarantine; and where such goods lie in the books.
Graded = tuple[int, int, int]
GRADES = ("good", "defective", "quarantine")
BUCKETS = (Bucket.ON_HAND, Bucket.DAMAGED, Bucket.QUARANTINE)


@dataclass(frozen=True, slots=True)
class Matched:
    """A confirm after what was booked by hand is taken out of it.

    new: pieces that are not in the books yet. moved: (grade they were booked as, grade they have, pieces), grades by
    their place in GRADES. by_hand: pieces booked by hand that are still not confirmed.
    """

    new: Graded
    moved: tuple[tuple[int, int, int], ...]
    by_hand: Graded


def match_receipt(confirmed: Graded, by_hand: Graded) -> Matched:
    """Hold a confirm against the pieces booked by hand: first those of the same grade, then any.

    The warehouse knows the grade better than whoever booked ahead of it. new and what was matched add up to what was
    confirmed, by_hand and what was matched to what was booked by hand.
    """
    new, left = list(confirmed), list(by_hand)
    for grade in range(3):
        same = min(new[grade], left[grade])
        new[grade], left[grade] = new[grade] - same, left[grade] - same
    moved = []
    for grade in range(3):
        for booked_as in range(3):
            if n := min(new[grade], left[booked_as]):
                new[grade], left[booked_as] = new[grade] - n, left[booked_as] - n
                moved.append((booked_as, grade, n))
    return Matched((new[0], new[1], new[2]), tuple(moved), (left[0], left[1], left[2]))


def take_confirmed(
    inbound: InboundOrder, lines: Sequence[InboundLine], confirmed: Mapping[int, Graded], *, key: str, work: Work
) -> tuple[dict[int, Graded], dict[int, int]]:
    """Write what a warehouse confirmed into the lines. Returns (line id -> pieces to book, line id -> not regraded).

    confirmed: line id -> pieces. Pieces that were booked by hand are not booked again; those that have another grade
    now change their bucket, unless somebody is promised them already.
    """
    to_book: dict[int, Graded] = {}
    stuck: dict[int, int] = {}
    for line in lines:
        if not any(confirmed.get(line.pk, ())):
            continue
        matched = match_receipt(confirmed[line.pk], (line.hand_good, line.hand_defective, line.hand_quarantine))
        for booked_as, grade, n in matched.moved:
            if _regrade(inbound, line, booked_as, grade, n, key, work):
                _count(line, booked_as, -n)
                _count(line, grade, n)
            else:
                stuck[line.pk] = stuck.get(line.pk, 0) + n
        for grade, n in enumerate(matched.new):
            _count(line, grade, n)
        line.hand_good, line.hand_defective, line.hand_quarantine = matched.by_hand
        line.put_away += sum(matched.new)
        work.save(line, *GRADES, "put_away", *(f"hand_{name}" for name in GRADES))
        to_book[line.pk] = matched.new
    return to_book, stuck


def _count(line: InboundLine, grade: int, pieces: int) -> None:
    setattr(line, GRADES[grade], getattr(line, GRADES[grade]) + pieces)


def _regrade(
    inbound: InboundOrder, line: InboundLine, booked_as: int, grade: int, pieces: int, key: str, work: Work
) -> bool:
    """From one bucket into another; False where the pieces are promised to somebody."""
    name = f"inbound:{inbound.code}:{key}:{line.pk}:{GRADES[booked_as]}-{GRADES[grade]}"[:120]
    place = (line.sku_id, inbound.warehouse_id)
    out = Movement(*place, -pieces, MovementReason.ADJUSTMENT, inbound.code, f"{name}:out", BUCKETS[booked_as])
    into = Movement(*place, pieces, MovementReason.ADJUSTMENT, inbound.code, f"{name}:in", BUCKETS[grade])
    if inventory.move_stock(movements=[out], work=work).refused:
        return False
    inventory.move_stock(movements=[into], work=work)
    return True
