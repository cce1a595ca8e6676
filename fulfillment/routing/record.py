"""A decision as it is kept: plain values, money in fen, only what is not as usual. Read by `explain`.

    {"v": 2, "method", "rules": number, "hash", "rates", "prices", "why", "fired": [rule ids],
     "cost": fen, "split": fen, "parcels": [{"warehouse", "carrier", "lines": {line: pieces}, "days", "freight",
      "insurance", "handling", "late", "extra", "price", "boxes", "ready": days}],
     "candidates": [{"warehouse", "verdict", "fen", "terms": [freight, handling, late, extra], "insurance", "price",
      "carrier", "short": [lines], "rule", "ready": days}],
     "notes": [{"what", "then", "warehouse", "rule"}], "problem", "short": [SKU ids], "closed": warehouse,
     "missing": [{"sku", "pieces", "from": day}], "later": {"on": day, "cost", "split", "parcels", "candidates"}}

insurance is a part of the freight: for the declared value, by the contract. later: of an order that lacks something,
the way that it would go once that has come or is made, with `ready` days until it lies there, counted from `on`.
Zeros and empty values are left out. A record is never worked out anew: it says what was known when it was decided.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from fulfillment.routing.facts import Decision, Note
from fulfillment.routing.tariff import Tariff
from fulfillment.routing.terms import Candidate, LineNeed, Parcel

VERSION = 2


@dataclass(frozen=True, slots=True)
class Versions:
    """By what was decided. rules: number of the version, 0 for none; prices: id of the learned prices, 0 for none."""

    rules: int = 0
    content_hash: str = ""
    rates: str = ""
    prices: int = 0


def record_of(
    decision: Decision,
    versions: Versions,
    *,
    tariff: Tariff,
    why: str = "",
    carriers: Mapping[int, int] | None = None,
) -> dict[str, Any]:
    """The record of a decision. why: what it was made for, "" for an order on its way, else backlog, stock or hand.

    tariff: by which it was decided. carriers: the courier that each of the tariff's products belongs to; None: the
    tariff's couriers are no products.
    """
    carriers = carriers or {}
    choice = decision.choice
    record: dict[str, Any] = {"v": VERSION, "rules": versions.rules, "rates": versions.rates}
    if versions.content_hash:
        record["hash"] = versions.content_hash[:12]
    if versions.prices:
        record["prices"] = versions.prices
    if why:
        record["why"] = why
    if decision.ruling.fired:
        record["fired"] = list(decision.ruling.fired)
    if decision.notes:
        record["notes"] = [_note(note) for note in decision.notes]
    if decision.problem:
        record["problem"] = decision.problem
        if decision.ruling.unanswered:
            record["unanswered"] = decision.ruling.unanswered
        if decision.short:
            record["short"] = list(decision.short)
        if decision.closed is not None:
            record["closed"] = decision.closed
    if choice is not None:
        record["candidates"] = [
            _candidate(w, candidate, decision, tariff, carriers) for w, candidate in enumerate(choice.candidates)
        ]
        if not decision.problem:
            record["method"] = choice.method
            record["cost"] = choice.cost_fen
            if choice.split_fen:
                record["split"] = choice.split_fen
            record["parcels"] = [_parcel(parcel, decision, tariff, carriers) for parcel in choice.parcels]
    return record


def later_of(decision: Decision, *, on: date, tariff: Tariff, carriers: Mapping[int, int]) -> dict[str, Any]:
    """The part of a record that says how an order would go once what it lacks is there; empty where there is no way."""
    if decision.problem or decision.choice is None:
        return {}
    whole = record_of(decision, Versions(), tariff=tariff, carriers=carriers)
    kept: dict[str, Any] = {"on": on.isoformat()}
    kept.update((key, whole[key]) for key in ("cost", "split", "parcels", "candidates", "notes") if key in whole)
    return kept


def _parcel(parcel: Parcel, decision: Decision, tariff: Tariff, carriers: Mapping[int, int]) -> dict[str, Any]:
    kept: dict[str, Any] = {
        "warehouse": parcel.warehouse_id,
        "carrier": carriers.get(parcel.courier_id, parcel.courier_id),
        "freight": parcel.freight_fen,
        "handling": parcel.handling_fen,
    }
    if len(decision.choice.parcels if decision.choice is not None else ()) > 1 or decision.pieces:
        kept["lines"] = decision.pieces_of(parcel.line_ids)
    if list(carriers.values()).count(kept["carrier"]) > 1:
        kept["product"] = parcel.courier_id
    lines = {line.line_id: line for line in decision.need.lines}
    insurance = _insurance(tariff, parcel.warehouse, parcel.courier, sum(lines[pk].value_fen for pk in parcel.line_ids))
    if insurance:
        kept["insurance"] = insurance
    ready = max([_ready(lines[pk], parcel.warehouse) for pk in parcel.made_line_ids], default=0)
    if ready:
        kept["ready"] = ready
    if parcel.boxes > 1:
        kept["boxes"] = parcel.boxes
    if parcel.days:
        kept["days"] = parcel.days
    if parcel.late_fen:
        kept["late"] = parcel.late_fen
    if parcel.extra_fen:
        kept["extra"] = parcel.extra_fen
    if parcel.price_fen:
        kept["price"] = round(parcel.price_fen)
    return kept


def _ready(line: LineNeed, w: int) -> int:
    return line.make_days[w] if line.make_days is not None else 0


def _insurance(tariff: Tariff, w: int, c: int, value_fen: int) -> int:
    """What of the freight is for the declared value: the share of it that the contract asks, to the fen above."""
    return -(-value_fen * int(tariff.insurance_ppm[w, c]) // 1_000_000) if "insurance" in tariff.has else 0


def _candidate(
    w: int, candidate: Candidate, decision: Decision, tariff: Tariff, carriers: Mapping[int, int]
) -> dict[str, Any]:
    kept: dict[str, Any] = {"warehouse": candidate.warehouse_id, "verdict": candidate.verdict}
    if candidate.cost_fen is not None:
        kept["fen"] = candidate.cost_fen
        if candidate.courier_id is not None:
            kept["carrier"] = carriers.get(candidate.courier_id, candidate.courier_id)
        whole = decision.whole
        if whole is not None and whole.cost[w] == candidate.cost_fen:
            freight, late, extra = whole.freight[w], whole.late[w], whole.extra[w]
            kept["terms"] = [freight, candidate.cost_fen - freight - late - extra, late, extra]
        elif candidate.terms is not None:
            freight, late, extra = candidate.terms
            kept["terms"] = [freight, candidate.cost_fen - freight - late - extra, late, extra]
        if candidate.courier_id is not None and "terms" in kept:
            missing = () if whole is not None else candidate.short_line_ids
            value = sum(line.value_fen for line in decision.need.lines if line.line_id not in missing)
            insurance = _insurance(tariff, w, tariff.couriers.index(candidate.courier_id), value)
            if insurance:
                kept["insurance"] = insurance
        if candidate.ready_days:
            kept["ready"] = candidate.ready_days
    if candidate.price_fen:
        kept["price"] = round(candidate.price_fen)
    if candidate.short_line_ids:
        kept["short"] = sorted({decision.pieces.get(pk, (pk, 0))[0] for pk in candidate.short_line_ids})
    rule = candidate.rule
    if not rule and candidate.verdict == "no_courier" and decision.ruling.goods_masks:
        rule = _forbidding(decision)
    if rule:
        kept["rule"] = rule
    return kept


def _forbidding(decision: Decision) -> str:
    """The rule on goods that leaves a line of the order without a courier somewhere."""
    masks = decision.ruling.goods_masks
    forbidden = [line for line in decision.need.lines if line.allowed is not None]
    return masks[0][1] if forbidden else ""


def _note(note: Note) -> dict[str, Any]:
    kept: dict[str, Any] = {"what": note.what, "then": note.then}
    if note.warehouse_id is not None:
        kept["warehouse"] = note.warehouse_id
    if note.rule:
        kept["rule"] = note.rule
    return kept
