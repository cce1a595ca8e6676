"""Scenarios being played: orders of a script appear one after another, are paid, and get their planted problems.

A play is a row with its spec and how far it got; the script is a pure function of the spec, so a play goes on after a
restart where it was killed. The background shop is an endless chain of small plays at a gentle rate.
"""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import Any

from channels_sync.sandbox.doors import DOORS, background_mix
from channels_sync.sandbox.pacing import Peak, orders_by, time_of
from channels_sync.sandbox.rooms import DEMO_ROOMS
from channels_sync.sandbox.scenario import (
    TIDS_PER_ORDER,
    PlannedOrder,
    Script,
    Spec,
    plan_bill_differences,
    spec_from_json,
)
from channels_sync.sandbox.shop import Shop, fee_fen
from channels_sync.sandbox.trades import FRONT_NOPAID_FINAL_NOPAID, BillDifference, Trade
from channels_sync.sandbox.world import World, day_of, day_start_ms

BURST = 100
# A campaign in each block of background orders, so that a newcomer sees one, too.
BACKGROUND_PEAK = Peak(at_s=300, for_s=45, times=5)
BACKGROUND_BLOCK = 200
BACKGROUND_LIVE_SHARE = 0.8
# A newcomer should see cases within minutes, not within a day.
BACKGROUND_PROBLEMS = {
    "SKU_UNMAPPED": 0.015,
    "ADDRESS_INCOMPLETE": 0.015,
    "REMARK_NEEDS_HUMAN": 0.04,
    "PRICE_BELOW_FLOOR": 0.01,
    "BLACKLIST": 0.01,
    "REFUND_BEFORE_SHIP": 0.015,
    "DUPLICATE_SUSPECT": 0.01,
    "OUT_OF_STOCK": 0.01,
}


class Plays:
    """Starts plays and answers for what they planted."""

    def __init__(self, world: World, shop: Shop):
        self.world, self.shop = world, shop
        # Ids of plays are never used twice, not even after a reset.
        self._scripts: dict[str, tuple[Script, dict[int, tuple[str, int]]]] = {}

    def start(self, spec: Spec, *, background: bool = False) -> str:
        """Start a play; returns its id. Raises ValueError for a spec that cannot be played."""
        world = self.world
        if closed := set(spec.platforms) - set(DOORS):
            raise ValueError(f"not played yet: {', '.join(sorted(closed))}; there are: {', '.join(DOORS)}")
        with world.change():
            now = world.clock()
            play_id = f"{'background' if background else spec.seed}-{world.next_number('play')}"
            play = {
                "id": play_id,
                "spec": asdict(spec),
                "first_tid": world.next_number("tid", spec.orders * TIDS_PER_ORDER),
                "next": 0,
                "paid": 0,
                "started_ms": now,
                "done_ms": 0,
                "background": background,
                # Where the rate counts from; a restart sets it anew.
                "base_index": 0,
                "base_ms": now,
            }
            self._plant_extra_rows(play)
            world.plays[play_id] = play
            world.save("play", play_id, play)
            world.agenda.at(now, partial(self._step, play_id))
        return play_id

    def resume(self) -> None:
        """After a restart: go on with what was not finished."""
        now, agenda = self.world.clock(), self.world.agenda
        for play_id, play in self.world.plays.items():
            if not play["done_ms"]:
                play["base_index"], play["base_ms"] = play["next"], now
                agenda.at(now, partial(self._step, play_id))
            refund_after_s = play["spec"]["refund_after_s"]
            if play["done_ms"] and not refund_after_s:
                continue
            script = self.script(play)
            for index in [at for at, code in script.problems.items() if code == "REFUND_BEFORE_SHIP"]:
                trade = self.world.trades.get(script.tid(index))
                if trade is not None and trade.paid_ms:
                    agenda.at(trade.paid_ms + int(refund_after_s * 1000), partial(self._ask_refund, play_id, index))
        for trade in self.world.trades.values():
            play = self.world.plays.get(trade.scenario_id, {})
            if trade.pay_due_ms and play:
                index = (trade.tid - play["first_tid"]) // TIDS_PER_ORDER
                agenda.at(trade.pay_due_ms, partial(self._pay_later, play["id"], index))

    def set_background(self, per_min: float) -> None:
        """Let orders come in at this rate from now on; 0 stops them."""
        world = self.world
        with world.change():
            for play_id, play in world.plays.items():
                if play["background"] and not play["done_ms"]:
                    play["done_ms"] = world.clock()
                    world.save("play", play_id, play)
            if per_min:
                self._start_background(per_min)

    def _start_background(self, per_min: float) -> None:
        spec = Spec(
            seed=self.world.counters["tid"] // TIDS_PER_ORDER % 1_000_003,
            orders=BACKGROUND_BLOCK,
            rate_per_s=per_min / 60,
            peaks=(BACKGROUND_PEAK,),
            problem_shares=BACKGROUND_PROBLEMS,
            pay_after_s=20,
            balance_after_s=60,
            refund_agree_after_s=600,
            platforms=background_mix(),
            rooms=DEMO_ROOMS,
            live_share=BACKGROUND_LIVE_SHARE,
        )
        self.start(spec, background=True)

    def script(self, play: dict[str, Any]) -> Script:
        return self._script_and_differences(play)[0]

    def _script_and_differences(self, play: dict[str, Any]) -> tuple[Script, dict[int, tuple[str, int]]]:
        found = self._scripts.get(play["id"])
        if found is None:
            script = Script(spec_from_json(play["spec"]), first_tid=play["first_tid"])
            planned = {at: (kind, offset) for kind, at, offset in plan_bill_differences(script) if at is not None}
            found = self._scripts[play["id"]] = script, planned
        return found

    def planted(self, play: dict[str, Any]) -> dict[str, dict[str, Any]]:
        """Every planted problem of a play, also of orders still to come: order number -> what and where."""
        script = self.script(play)
        found: dict[str, dict[str, Any]] = {}
        for index, code in sorted(script.problems.items()):
            entry: dict[str, Any] = {"code": code}
            if code == "DUPLICATE_SUSPECT":
                entry["partner"] = script.number(script.twin_of(index))
            trade = self.world.trades.get(script.tid(index))
            if code == "REFUND_BEFORE_SHIP" and trade is not None:
                entry["refund_id"] = next((line.refund_id for line in trade.lines if line.refund_id), "")
            found[script.number(index)] = entry
        return found

    def _step(self, play_id: str) -> None:
        world = self.world
        with world.change():
            play = world.plays.get(play_id)
            if play is None or play["done_ms"]:
                return
            script = self.script(play)
            now, rate, due = world.clock(), script.spec.rate_per_s, script.spec.orders
            if rate is not None:
                came = orders_by((now - play["base_ms"]) / 1000, rate, script.spec.peaks)
                due = min(due, play["base_index"] + int(came) + 1)
            for index in range(play["next"], min(due, play["next"] + BURST)):
                self._play_order(play, script.order(index))
                play["next"] = index + 1
            world.save("play", play_id, play)
            if play["next"] >= script.spec.orders:
                play["done_ms"] = now
                if play["background"] and rate:
                    self._start_background(rate * 60)
            elif play["next"] < due or rate is None:
                # A moment later, so that requests get the lock between two bursts.
                world.agenda.at(now + 1, partial(self._step, play_id))
            else:
                ahead_s = time_of(play["next"] - play["base_index"], rate, script.spec.peaks)
                world.agenda.at(play["base_ms"] + int(ahead_s * 1000) + 1, partial(self._step, play_id))

    def _play_order(self, play: dict[str, Any], planned: PlannedOrder) -> None:
        world, trade, now = self.world, planned.trade, self.world.clock()
        spec = self.script(play).spec
        # Nothing is dated before today: the whole play belongs to one bill.
        # By the platform's clock, which may go wrong.
        theirs = world.clock_of(trade.platform)
        trade.created_ms = max(theirs - planned.lead_ms, day_start_ms(theirs))
        trade.modified_ms, trade.scenario_id = theirs, play["id"]
        if planned.presale:
            trade.step_status = FRONT_NOPAID_FINAL_NOPAID
        if planned.unpaid_first:
            trade.pay_due_ms = now + planned.pay_after_ms
            world.agenda.at(trade.pay_due_ms, partial(self._pay_later, play["id"], planned.index))
        if planned.presale:
            trade.balance_due_ms = (trade.pay_due_ms or now) + int(spec.balance_after_s * 1000)
            world.agenda.at(trade.balance_due_ms, partial(self.shop.pay_balance_if_due, trade.tid))
        self.shop.place(trade)
        if not planned.unpaid_first:
            self._pay(play, planned)

    def _pay_later(self, play_id: str, index: int) -> None:
        with self.world.change():
            play = self.world.plays.get(play_id)
            trade = self.world.trades.get(self.script(play).tid(index)) if play else None
            if play and trade is not None and trade.pay_due_ms:
                self._pay(play, self.script(play).order(index))

    def _pay(self, play: dict[str, Any], planned: PlannedOrder) -> None:
        trade = self.shop.pay(planned.trade.tid)
        script, differences = self._script_and_differences(play)
        if planned.refund:
            # Without a delay the refund is there before anybody can read the paid trade.
            ask_refund = partial(self._ask_refund, play["id"], planned.index)
            if script.spec.refund_after_s:
                self.world.agenda.at(self.world.clock() + int(script.spec.refund_after_s * 1000), ask_refund)
            else:
                ask_refund()
        if planned.index in differences:
            self._plant_difference(*differences[planned.index], trade)

    def _ask_refund(self, play_id: str, index: int) -> None:
        with self.world.change():
            script = self.script(self.world.plays[play_id])
            planned, trade = script.order(index), self.world.trades.get(script.tid(index))
            if trade is None or planned.refund is None:
                return
            line = trade.lines[planned.refund.line_no]
            if not line.refund_id:
                agree_s = script.spec.refund_agree_after_s
                agree_ms = None if agree_s is None else int(agree_s * 1000)
                self.shop.open_refund(trade.tid, oid=line.oid, reason=planned.refund.reason, agree_after_ms=agree_ms)

    def _plant_difference(self, kind: str, offset: int, trade: Trade) -> None:
        amount = trade.payment_fen
        true = fee_fen(amount) if kind == "FEE_OFF" else amount
        # An offset that would make the amount or fee negative turns round; none may be nothing.
        shown = 0 if kind == "MISSING_ROW" else true + (offset if true + offset > 0 else -offset)
        day = day_of(trade.paid_ms)
        self.world.add_difference(BillDifference(kind, day, trade.alipay_no, trade.order_no, true, shown))

    def _plant_extra_rows(self, play: dict[str, Any]) -> None:
        day = day_of(play["started_ms"])
        script = self.script(play)
        for number, (kind, _index, amount) in enumerate(plan_bill_differences(script)):
            if kind == "EXTRA_ROW":
                tid = script.extra_tid(number)
                alipay_no = f"{day.replace('-', '')}2200149{tid % 10**13:013d}"
                self.world.add_difference(BillDifference(kind, day, alipay_no, f"T200P{tid}", 0, amount))
