"""What a platform pays out: a finished trade is settled at once (the real ones take days), less its service fee; money
that goes back afterwards is taken back with its share of the fee. Some settlements lie, as the switches say.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from channels_sync.sandbox.switches import Switches
from channels_sync.sandbox.trades import TRADE_FINISHED, Line, Refund, Trade
from channels_sync.sandbox.world import World

# Of what the buyer paid.
SERVICE_PERMILLE = 50
PAID_BACK = "SUCCESS"
LIE_FEN = 100


@dataclass(frozen=True, slots=True)
class Movement:
    """One line of a settled trade, or money that went back after it. paid_fen and fee_fen: both positive.

    freight_fen: in paid_fen. back_before_fen: what went back before settling, no more in paid_fen.
    """

    trade: Trade
    line: Line
    at_ms: int
    paid_fen: int
    fee_fen: int
    freight_fen: int = 0
    back_before_fen: int = 0
    refund: Refund | None = None

    @property
    def key(self) -> str:
        """Its number: of the line, or of the refund."""
        return self.refund.refund_id if self.refund is not None else str(self.line.oid)


def movements(world: World, platform: str, start_ms: int, end_ms: int) -> list[Movement]:
    """What was settled or taken back from start to end, both included, oldest first."""
    switches = world.switches.of(platform)
    found = [
        movement
        for trade in list(world.trades.values())
        if trade.platform == platform and trade.status == TRADE_FINISHED
        for movement in _of_trade(world, trade, switches)
        if start_ms <= movement.at_ms <= end_ms
    ]
    return sorted(found, key=lambda movement: (movement.at_ms, movement.key))


def _of_trade(world: World, trade: Trade, switches: Switches) -> Iterator[Movement]:
    refunds: dict[int, list[Refund]] = {}
    for line in trade.lines:
        refund = world.refunds.get(line.refund_id)
        if refund is not None and refund.status == PAID_BACK:
            refunds.setdefault(line.oid, []).append(refund)
    for place, line in enumerate(trade.lines):
        freight = trade.post_fen if place == 0 else 0
        mine = refunds.get(line.oid, [])
        before = sum(refund.fee_fen for refund in mine if refund.modified_ms <= trade.ended_ms)
        paid = line.divided_fen + freight - before
        fee = _fee(paid)
        if place == 0 and _lies(trade, switches.settle_short, 0) and paid > LIE_FEN:
            paid -= LIE_FEN
        if place == 0 and _lies(trade, switches.settle_fee_off, 1):
            fee = min(paid, fee + LIE_FEN)
        yield Movement(trade, line, trade.ended_ms, paid, fee, freight, before)
        for refund in mine:
            if refund.modified_ms > trade.ended_ms:
                back = refund.fee_fen
                yield Movement(trade, line, refund.modified_ms, back, _fee(back), refund=refund)


def _lies(trade: Trade, share: float, which: int) -> bool:
    # By the number, so that the same trade is told alike each time, and no trade is told wrong twice over.
    place = trade.tid // 7 % 1000
    return place < share * 1000 if which == 0 else place >= 1000 - share * 1000


def _fee(paid_fen: int) -> int:
    return (paid_fen * SERVICE_PERMILLE + 500) // 1000
