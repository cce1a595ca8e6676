"""Counters that are played: a seeded day of a store, and the bad line over which it comes.

The day is the truth: what stock should have lost, which cash the drawers should hold. The line delivers it in batches
out of order, hours late, some twice, some whose answer is lost; a counter sends until each document was answered.
"""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx

MOST_IN_BATCH = 30


@dataclass(frozen=True)
class DaySpec:
    """What is played. prices: SKU code -> price. shares: of sales that come back in part, and of shifts whose cash is
    wrong.
    """

    seed: int
    day: datetime
    counters: Sequence[str]
    prices: Mapping[str, Decimal]
    sales: int = 300
    returned_share: float = 0.08
    wrong_shift_share: float = 0.25


@dataclass
class PlayedDay:
    """The documents of each counter in the order of business, and what must come of them."""

    documents: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    pieces: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    differences: dict[str, Decimal] = field(default_factory=dict)
    taken: Decimal = Decimal(0)

    @property
    def count(self) -> int:
        return sum(map(len, self.documents.values()))


def make_day(spec: DaySpec) -> PlayedDay:
    """Sales from ten to ten, returns at any counter, a shift for each counter; the same seed gives the same day."""
    dice = random.Random(spec.seed)  # noqa: S311 - a played day, no secret
    day = PlayedDay()
    cash: dict[str, Decimal] = defaultdict(Decimal)
    for n in range(spec.sales):
        counter = dice.choice(list(spec.counters))
        at = spec.day + timedelta(seconds=dice.randrange(12 * 3600))
        lines, total = [], Decimal(0)
        for line in range(1, dice.choice((1, 1, 1, 2, 3)) + 1):
            sku, pieces = dice.choice(list(spec.prices)), dice.choice((1, 1, 1, 2, 3))
            amount = spec.prices[sku] * pieces
            total += amount
            day.pieces[sku] -= pieces
            lines.append({"line": str(line), "sku": sku, "quantity": pieces, "amount": f"{amount:.2f}"})
        number, shift = f"{spec.day:%m%d}-{spec.seed}-{n:05d}", _shift(spec, counter)
        paid_in_cash = dice.random() < 0.6
        day.documents[counter].append(
            {
                "kind": "sale",
                "id": number,
                "business_at": at.isoformat(),
                "shift": shift,
                "lines": lines,
                "payments": [{"method": "cash" if paid_in_cash else "card", "amount": f"{total:.2f}"}],
            }
        )
        day.taken += total
        cash[counter] += total if paid_in_cash else 0
        if dice.random() < spec.returned_share:
            where = dice.choice(list(spec.counters))
            cash[where] -= _give_back(spec, day, dice, (counter, where), number, lines[0], at)
    for counter in spec.counters:
        wrong = Decimal(dice.choice((-20, -5, 10))) if dice.random() < spec.wrong_shift_share else Decimal(0)
        day.differences[counter] = wrong
        day.documents[counter].sort(key=lambda d: (d["business_at"], d["kind"] != "sale"))
        day.documents[counter].append(
            {
                "kind": "shift",
                "id": _shift(spec, counter),
                "business_at": (spec.day + timedelta(hours=13)).isoformat(),
                "opened_at": spec.day.isoformat(),
                "opening_cash": "50000.00",
                "counted_cash": f"{50000 + cash[counter] + wrong:.2f}",
                "documents": len(day.documents[counter]),
            }
        )
    return day


def _shift(spec: DaySpec, counter: str) -> str:
    return f"{spec.day:%m%d}-{spec.seed}-{counter}"


def _give_back(
    spec: DaySpec,
    day: PlayedDay,
    dice: random.Random,
    counters: tuple[str, str],
    sale: str,
    line: Mapping[str, Any],
    at: datetime,
) -> Decimal:
    """A return of one piece, in cash; returns what it took out of the drawer."""
    counter, where = counters
    price = spec.prices[line["sku"]]
    day.pieces[line["sku"]] += 1
    day.taken -= price
    day.documents[where].append(
        {
            "kind": "return",
            "id": f"{sale}-r",
            "business_at": (at + timedelta(seconds=dice.randrange(60, 3000))).isoformat(),
            "shift": _shift(spec, where),
            "sale": sale,
            "sale_counter": counter,
            "lines": [{"line": line["line"], "quantity": 1, "amount": f"{price:.2f}"}],
            "payments": [{"method": "cash", "amount": f"{price:.2f}"}],
        }
    )
    return price


@dataclass
class Sending:
    """What a bad line made of a day: batches and documents that went over it, and what was refused."""

    batches: int = 0
    sent: int = 0
    repeated: int = 0
    lost_answers: int = 0
    refused: list[Any] = field(default_factory=list)
    waiting: set[str] = field(default_factory=set)


@dataclass
class BadLine:
    """A line to `url`: batches out of order, documents twice, answers lost. send: posts one body, gives the answer."""

    url: str
    token: str
    shop: str
    seed: int
    send: Callable[[str, Mapping[str, str], bytes], tuple[int, bytes]] | None = None
    lost_answers: float = 0.15
    repeats: float = 0.1

    def bring(self, day: PlayedDay, *, now: Callable[[], datetime]) -> Sending:
        """Send a day until each document was answered. Raises RuntimeError for an answer that is none."""
        dice = random.Random(self.seed)  # noqa: S311 - a played line, no secret
        done = Sending()
        left = {counter: list(documents) for counter, documents in day.documents.items()}
        while any(left.values()):
            counter = dice.choice([name for name, documents in left.items() if documents])
            documents = left[counter]
            size = dice.randint(1, MOST_IN_BATCH)
            # The newest first, as a counter does that wants to catch up, or any part of what it has.
            batch = documents[-size:] if dice.random() < 0.5 else dice.sample(documents, min(size, len(documents)))
            if dice.random() < self.repeats:
                batch = batch + dice.sample(day.documents[counter], min(5, len(day.documents[counter])))
            dice.shuffle(batch)
            answer = self._post(counter, batch, now())
            done.batches += 1
            done.sent += len(batch)
            if dice.random() < self.lost_answers:
                # The counter never hears it, and sends all of it once more.
                done.lost_answers += 1
                continue
            self._note(done, answer)
            answered = {row["id"] for row in answer["results"]}
            left[counter] = [document for document in documents if document["id"] not in answered]
        return done

    def _note(self, done: Sending, answer: Mapping[str, Any]) -> None:
        for row in answer["results"]:
            done.repeated += row["was_known"]
            if row["status"] == "refused":
                done.refused.append(row)
            elif row["status"] == "waiting":
                done.waiting.add(row["id"])

    def _post(self, counter: str, batch: Sequence[Mapping[str, Any]], at: datetime) -> Mapping[str, Any]:
        body = {"shop": self.shop, "counter": counter, "sent_at": at.isoformat(), "documents": batch}
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        status, content = (self.send or _over_http)(self.url, headers, json.dumps(body).encode())
        if status != 200:
            raise RuntimeError(f"counter {counter} was answered {status}: {content[:500]!r}")
        answer: Mapping[str, Any] = json.loads(content)
        return answer


def _over_http(url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
    response = httpx.post(url, headers=dict(headers), content=body, timeout=60, trust_env=False)
    return response.status_code, response.content
