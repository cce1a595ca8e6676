"""Why this warehouse (为什么是这个仓): a kept decision in plain sentences, in the active language.

Reads the record as it was kept and works nothing out anew: stock and prices of now play no part.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from fulfillment.routing.facts import AVOIDED, CLOSED, NEVER_OPEN
from fulfillment.routing.rule_document import HOLD
from fulfillment.routing.rule_words import yuan


@dataclass(frozen=True, slots=True)
class Names:
    """What people call things. lines: order line id -> SKU and pieces; rules: rule id -> its sentence."""

    warehouses: Mapping[int, str] = field(default_factory=dict)
    carriers: Mapping[int, str] = field(default_factory=dict)
    lines: Mapping[int, str] = field(default_factory=dict)
    skus: Mapping[int, str] = field(default_factory=dict)
    rules: Mapping[str, str] = field(default_factory=dict)

    def warehouse(self, pk: int | None) -> str:
        return self.warehouses.get(pk or 0, f"#{pk}")

    def carrier(self, pk: int | None) -> str:
        return self.carriers.get(pk or 0, f"#{pk}")

    def rule(self, rule_id: str) -> str:
        sentence = self.rules.get(rule_id)
        return _("rule %(id)s (%(sentence)s)") % {"id": rule_id, "sentence": sentence} if sentence else rule_id


@dataclass(frozen=True, slots=True)
class Term:
    """One part of a cost. code: freight, insurance, handling, late, extra, split or price."""

    code: str
    label: str
    fen: int


@dataclass(frozen=True, slots=True)
class Row:
    """One warehouse that was looked at. why: why it was chosen or lost; change: what would have to change for it."""

    warehouse: str
    warehouse_id: int
    verdict: str
    label: str
    is_chosen: bool
    carrier: str
    fen: int | None
    terms: tuple[Term, ...]
    price_fen: int
    why: str
    change: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision in words. headline: one sentence; sentences: what else there is to say; parcels: what leaves where."""

    headline: str
    sentences: tuple[str, ...]
    rows: tuple[Row, ...]
    parcels: tuple[str, ...]
    cost_fen: int | None
    versions: str

    @property
    def most_fen(self) -> int:
        """The dearest candidate: the scale of the bars."""
        return max((sum(max(term.fen, 0) for term in row.terms) for row in self.rows), default=0) or 1


def explain(record: Mapping[str, Any], names: Names, at: datetime | None = None) -> Explanation:
    """The record of a decision in the active language; of a record of an older form, what can be said. at: when it was
    decided, where that is known."""
    rows = tuple(_row(candidate, record, names) for candidate in record.get("candidates", ()))
    parcels = record.get("parcels", ())
    return Explanation(
        headline=_headline(record, names),
        sentences=tuple(_sentences(record, names, rows)),
        rows=rows,
        parcels=tuple(_parcel(parcel, names) for parcel in parcels),
        cost_fen=_money(record),
        versions=_versions(record, at),
    )


def _money(record: Mapping[str, Any]) -> int | None:
    """What it costs in money: what rules add to prefer or avoid is nobody's bill."""
    cost = record.get("cost")
    return None if cost is None else cost - _of_rules(record)


def _of_rules(record: Mapping[str, Any]) -> int:
    return sum(parcel.get("extra", 0) for parcel in record.get("parcels", ()))


def _headline(record: Mapping[str, Any], names: Names) -> str:
    parcels = record.get("parcels")
    if parcels and len(parcels) == 1:
        parcel = parcels[0]
        return _("%(warehouse)s by %(carrier)s, %(cost)s in all") % {
            "warehouse": names.warehouse(parcel["warehouse"]),
            "carrier": names.carrier(parcel["carrier"]),
            "cost": yuan(_money(record) or 0),
        }
    if parcels:
        warehouses = _(", ").join(dict.fromkeys(names.warehouse(parcel["warehouse"]) for parcel in parcels))
        return _("%(count)d parcels from %(warehouses)s, %(cost)s in all") % {
            "count": len(parcels),
            "warehouses": warehouses,
            "cost": yuan(_money(record) or 0),
        }
    problem = record.get("problem")
    if problem is None:
        return _("Shipped from where its goods were reserved")
    return _problem(problem, record, names)


def _problem(problem: str, record: Mapping[str, Any], names: Names) -> str:
    if problem == "short":
        goods = _(", ").join(names.skus.get(pk, str(pk)) for pk in record.get("short", ()))
        return _("No warehouse that may ship it has enough of %(goods)s") % {"goods": goods}
    if problem == "closed":
        return _("%(warehouse)s would ship it, but is temporarily closed") % {
            "warehouse": names.warehouse(record.get("closed"))
        }
    if problem == "unanswered":
        return _("It cannot be said whether %(rule)s applies") % {"rule": names.rule(record.get("unanswered", ""))}
    if problem == "excluded":
        return _("The rules leave no warehouse or courier for it")
    if problem == "full":
        return _("The warehouses that could ship it were full that day")
    return _("No courier goes there from any warehouse")


def _sentences(record: Mapping[str, Any], names: Names, rows: Sequence[Row]) -> list[str]:
    found = [_note(note, names) for note in record.get("notes", ())]
    if record.get("why") == "backlog":
        found.append(_("Decided again together with all orders that waited for the wave"))
    if record.get("why") == "rejected":
        found.append(_("Decided again because a warehouse had rejected it; that one was no candidate"))
    if record.get("why") == "silent":
        found.append(_("Decided again because its warehouse had stopped it on our wish; that one was no candidate"))
    fired = record.get("fired", ())
    if fired:
        found.append(_("Rules that applied: %(rules)s") % {"rules": _("; ").join(names.rule(pk) for pk in fired)})
    for missing in record.get("missing", ()):
        goods = {"sku": names.skus.get(missing["sku"], str(missing["sku"])), "pieces": missing["pieces"]}
        if missing.get("from"):
            goods["day"] = date.fromisoformat(missing["from"]).isoformat()
            found.append(_("%(pieces)d more pieces of %(sku)s are missing; they are expected from %(day)s on") % goods)
        else:
            found.append(_("%(pieces)d more pieces of %(sku)s are missing; none are known to come") % goods)
    if record.get("later"):
        found.extend(_later(record["later"], names))
    if record.get("apart"):
        found.append(
            _("Not put together with %(orders)s: no courier takes all of it in one parcel")
            % {"orders": _(", ").join(record["apart"])}
        )
    if _of_rules(record):
        found.append(
            _("To compare, rules count %(amount)s more, which nobody pays") % {"amount": yuan(_of_rules(record))}
            if _of_rules(record) > 0
            else _("To compare, rules count %(amount)s less, which nobody saves") % {"amount": yuan(-_of_rules(record))}
        )
    if record.get("split"):
        found.append(_("The split costs %(amount)s") % {"amount": yuan(record["split"])})
    chosen = [row for row in rows if row.is_chosen]
    second = min(
        (r for r in rows if r.verdict == "dearer" and r.fen is not None), key=lambda r: r.fen or 0, default=None
    )
    if len(chosen) == 1 and second is not None and second.fen is not None and chosen[0].fen is not None:
        more = second.fen - chosen[0].fen
        words = (
            _("The next best is %(warehouse)s, %(more)s dearer")
            if more > 0
            # What it would use up is worth more to others: it costs less, and loses by that.
            else _("%(warehouse)s would cost %(less)s less, but what it has is kept for others")
            if more < 0
            else _("%(warehouse)s would cost just as much")
        )
        found.append(words % {"warehouse": second.warehouse, "more": yuan(more), "less": yuan(-more)})
    if record.get("prices"):
        found.append(
            _("Prices learned from earlier orders kept scarce stock for those who need it more (prices no. %(number)d)")
            % {"number": record["prices"]}
        )
    return found


def _later(later: Mapping[str, Any], names: Names) -> Iterator[str]:
    """How it would go once what it lacks is there: from where, from when on, at what cost, and what else there was."""
    parcels = later["parcels"]
    for parcel in parcels:
        values = {"parcel": _parcel(parcel, names), "day": _day(later, parcel)}
        yield _("It would then leave from %(day)s on: %(parcel)s") % values
    if len(parcels) > 1:
        yield _("That would be %(cost)s in all") % {"cost": yuan(later["cost"])}
    chosen = {parcel["warehouse"] for parcel in parcels}
    for other in later.get("candidates", ()):
        if other["warehouse"] in chosen or other["verdict"] != "dearer" or other.get("fen") is None:
            continue
        yield _("From %(warehouse)s it could leave from %(day)s on, for %(cost)s") % {
            "warehouse": names.warehouse(other["warehouse"]),
            "day": _day(later, other),
            "cost": yuan(other["fen"]),
        }


def _day(later: Mapping[str, Any], part: Mapping[str, Any]) -> str:
    return (date.fromisoformat(later["on"]) + timedelta(days=part.get("ready", 0))).isoformat()


def _note(note: Mapping[str, Any], names: Names) -> str:
    what, then = note["what"], note["then"]
    values = {"warehouse": names.warehouse(note.get("warehouse")), "then": then}
    by = names.rule(note["rule"]) if note.get("rule") else ""
    if what == "closed":
        text = (
            _("%(warehouse)s is temporarily closed: the order waits for it")
            if then == HOLD
            else _("%(warehouse)s is temporarily closed: another one ships instead")
        ) % values
        return f"{text} ({by})" if by else text
    if what == "pin":
        who = by or _("a person")
        if then == "taken":
            return _("Pinned to %(warehouse)s by %(who)s") % {**values, "who": who}
        if then == HOLD:
            return _("Pinned to %(warehouse)s by %(who)s, which cannot ship it now: the order waits") % {
                **values,
                "who": who,
            }
        return _("Pinned to %(warehouse)s by %(who)s, which cannot ship it now: chosen among all") % {
            **values,
            "who": who,
        }
    if what == "ranking":
        return _("%(warehouse)s is number %(then)s of the regional table and has everything") % values
    if what == "alone":
        return (
            _("A split into %(then)s parcels was given up: one of them would be worth too little to travel alone")
            % values
        )
    if what == "company":
        return _("Decided as one with the orders in its parcel, %(then)s in all") % values
    if what == "divided":
        return _("No warehouse has enough pieces of one line: it is divided over %(then)s parcels") % values
    return str(what)


def _row(candidate: Mapping[str, Any], record: Mapping[str, Any], names: Names) -> Row:
    verdict, fen = candidate["verdict"], candidate.get("fen")
    price = candidate.get("price", 0)
    is_equal = verdict == "dearer" and _beyond(candidate, record) == 0
    return Row(
        warehouse=names.warehouse(candidate["warehouse"]),
        warehouse_id=candidate["warehouse"],
        verdict=verdict,
        label=_("equal") if is_equal else _label(verdict),
        is_chosen=verdict == "chosen",
        carrier=names.carrier(candidate["carrier"]) if candidate.get("carrier") else "",
        fen=fen,
        terms=_terms(candidate),
        price_fen=price,
        why=_("has everything and costs the same; of equals the first of the list ships")
        if is_equal
        else _why(candidate, record, names),
        change=_change(candidate, record, names),
    )


def _beyond(candidate: Mapping[str, Any], record: Mapping[str, Any]) -> int | None:
    """How much more than what was chosen it would cost, with rules and shadow prices; None where nobody knows."""
    fen, total = candidate.get("fen"), record.get("cost")
    if fen is None or total is None:
        return None
    return int(
        fen + candidate.get("price", 0) - total - sum(parcel.get("price", 0) for parcel in record.get("parcels", ()))
    )


def _terms(candidate: Mapping[str, Any]) -> tuple[Term, ...]:
    terms = candidate.get("terms")
    if terms is None:
        return (Term("freight", _("in all"), candidate["fen"]),) if candidate.get("fen") is not None else ()
    insurance = candidate.get("insurance", 0)
    terms = (terms[0] - insurance, insurance, *terms[1:])
    labels = (
        ("freight", _("freight")),
        ("insurance", _("insurance")),
        ("handling", _("work in the warehouse")),
        ("late", _("lateness")),
        ("extra", _("rules")),
    )
    return tuple(Term(code, label, fen) for (code, label), fen in zip(labels, terms, strict=True) if fen)


def _label(verdict: str) -> str:
    return {
        "chosen": _("chosen"),
        "dearer": _("dearer"),
        "short": _("not enough stock"),
        "excluded": _("not allowed"),
        "not_pinned": _("pinned elsewhere"),
        "no_courier": _("no courier"),
        "full": _("full"),
    }.get(verdict, verdict)


def _excluded(rule: str, names: Names) -> str:
    return {
        CLOSED: _("temporarily closed"),
        AVOIDED: _("it rejected the order before"),
        NEVER_OPEN: _("no working day in sight"),
    }.get(rule) or _("taken out by %(rule)s") % {"rule": names.rule(rule)}


def _why(candidate: Mapping[str, Any], record: Mapping[str, Any], names: Names) -> str:
    verdict = candidate["verdict"]
    short = _(", ").join(names.lines.get(pk, f"#{pk}") for pk in candidate.get("short", ()))
    if verdict == "chosen":
        count = len(record.get("parcels", ()))
        if count > 1:
            return _("ships a part of the order")
        return _("the cheapest of all ways")
    if verdict == "dearer":
        return _("has everything, but costs more")
    if verdict == "short":
        return _("has too little of %(goods)s") % {"goods": short}
    if verdict == "excluded":
        return _excluded(candidate.get("rule", ""), names)
    if verdict == "no_courier":
        if candidate.get("rule"):
            return _("no courier may take it: %(rule)s") % {"rule": names.rule(candidate["rule"])}
        return _("no courier goes there with this")
    if verdict == "full":
        return _("no more parcels fit on that day")
    if verdict == "not_pinned":
        return _("the order is pinned to another warehouse")
    return str(verdict)


def _change(candidate: Mapping[str, Any], record: Mapping[str, Any], names: Names) -> str:
    """What would have to change for this one to be chosen."""
    verdict = candidate["verdict"]
    pieces = len(candidate.get("short", ()))
    if verdict == "chosen":
        return ""
    beyond = _beyond(candidate, record)
    if verdict == "dearer":
        if beyond is not None and beyond > 0:
            return _("it would have to be more than %(amount)s cheaper") % {"amount": yuan(beyond)}
        return _("it would have to be cheaper by the least bit") if beyond == 0 else _("it would have to be cheaper")
    if verdict == "short":
        text = ngettext(
            "its stock of one line would have to suffice", "its stock of %(n)d lines would have to suffice", pieces
        ) % {"n": pieces}
        if beyond is not None and beyond < 0:
            return text + _("; it would then save %(amount)s") % {"amount": yuan(-beyond)}
        if beyond:
            return text + _(", and it would still be %(amount)s dearer") % {"amount": yuan(beyond)}
        return text if beyond is None else text + _(", and it would cost just as much")
    if verdict == "excluded":
        rule = candidate.get("rule", "")
        if rule == CLOSED:
            return _("it would have to be open")
        if rule.startswith(":"):
            return ""
        return _("the rule would have to be changed, or the order pinned to it")
    if verdict == "no_courier":
        return _("a courier contract for that place and weight would be needed")
    if verdict == "full":
        return _("its parcels of the day would have to be raised")
    if verdict == "not_pinned":
        return _("the pin would have to be taken back")
    return ""


def _parcel(parcel: Mapping[str, Any], names: Names) -> str:
    goods = _(", ").join(names.lines.get(int(pk), f"#{pk}") for pk in parcel.get("lines", {}))
    insurance = parcel.get("insurance", 0)
    parts = [f"{_('freight')} {yuan(parcel.get('freight', 0) - insurance)}"]
    if insurance:
        parts.append(f"{_('insurance')} {yuan(insurance)}")
    parts.append(f"{_('work in the warehouse')} {yuan(parcel.get('handling', 0))}")
    parts += [
        f"{label} {yuan(parcel[key])}"
        for key, label in (("late", _("lateness")), ("extra", _("rules")))
        if parcel.get(key)
    ]
    text = f"{names.warehouse(parcel['warehouse'])} · {names.carrier(parcel['carrier'])}: {' + '.join(parts)}"
    if parcel.get("boxes"):
        text = _("%(parcel)s, in %(count)d boxes") % {"parcel": text, "count": parcel["boxes"]}
    return f"{text} ({goods})" if goods else text


def _versions(record: Mapping[str, Any], at: datetime | None) -> str:
    """By which rules and prices: their number, and the moment whose prices of couriers held."""
    if "rules" not in record:
        return ""
    rules = _("rules v%(number)d") % {"number": record["rules"]} if record["rules"] else _("standard rules")
    parts = [rules]
    if record.get("rates") and at is not None:
        when = timezone.localtime(at).strftime("%Y-%m-%d %H:%M")
        parts.append(_("prices of couriers as of %(when)s") % {"when": when})
    if record.get("prices"):
        parts.append(_("prices of stock no. %(number)d") % {"number": record["prices"]})
    return " · ".join(parts)
