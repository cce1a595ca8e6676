"""Rate tables of contracts as people write them: one row a zone. Every mistake is named by its row; none is mended."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from django.utils.translation import gettext as _

from ordercenter.common.divisions import PROVINCE, code_of, divisions
from ordercenter.common.sheets import SheetRow

COLUMNS: Mapping[str, Sequence[str]] = {
    "warehouse": ("仓库", "仓库编码"),
    "courier": ("快递", "快递公司"),
    "product": ("产品", "快递产品"),
    "valid_from": ("生效日期",),
    "ends_on": ("结束日期",),
    "zone": ("地区", "目的地", "destination"),
    "served": ("是否派送",),
    "tiers": ("阶梯价",),
    "first_kg": ("首重(kg)", "首重"),
    "first_fee": ("首费", "首重价格"),
    "step_kg": ("续重(kg)", "续重"),
    "step_fee": ("续费", "续重价格"),
    "remote_fee": ("偏远附加费",),
    "days": ("承诺时效", "时效(天)"),
    "divisor": ("体积重除数", "抛比"),
    "rounding_g": ("重量进位(克)",),
    "minimum_fee": ("最低收费",),
    "oversize_kg": ("超重(kg)",),
    "oversize_fee": ("超重附加费",),
    "max_kg": ("最大重量(kg)",),
    "insurance_permille": ("保价费率(‰)",),
    "peak_fees": ("旺季附加费", "资源调节费"),
    "return_percent": ("退回计费(%)",),
    "weight_slack_g": ("账单重量允差(克)",),
    "weight_slack_percent": ("账单重量允差(%)",),
    "amount_slack": ("账单金额允差",),
}
NEEDED = ("warehouse", "courier", "valid_from", "zone")
_OF_CONTRACT = ("divisor", "rounding_g", "minimum_fee", "oversize_kg", "oversize_fee", "max_kg", "insurance_permille")
# Of the whole contract as well, but a table without the column leaves what the contract has.
_IF_PRESENT = ("return_percent", "weight_slack_g", "weight_slack_percent", "amount_slack")
_MOST = {"return_percent": 1000, "weight_slack_percent": 100}
_PEAK = re.compile(r"(\d{4}-\d{2}-\d{2})~(\d{4}-\d{2}-\d{2}):(\d{1,7}(?:\.\d{1,2})?)")
_TIER = re.compile(r"(\d+(?:\.\d+)?)-(\d+(?:\.\d+)?):(\d+(?:\.\d{1,2})?)")
_NO = frozenset({"no", "否", "0", "不派送"})


@dataclass(frozen=True, slots=True)
class RowError:
    """What is wrong with one row of a table."""

    row: int
    problem: str


@dataclass(frozen=True, slots=True)
class RateRow:
    """One zone of a draft. fees are empty for a zone that is not served."""

    row: int
    zone: str
    served: bool
    values: Mapping[str, Any]


@dataclass(slots=True)
class ContractDraft:
    """A contract that a table describes. key: codes of warehouse, courier and product, and the first day.

    terms: what the table says of the whole contract; of columns that it lacks only the older ones, as 0.
    """

    key: tuple[str, str, str, date]
    row: int
    ends_on: date | None
    terms: dict[str, Any]
    rates: list[RateRow] = field(default_factory=list)


def drafts_of(rows: Iterable[SheetRow]) -> tuple[list[ContractDraft], list[RowError]]:
    """The contracts of a table, and every mistake in it. With any mistake the drafts are not to be used."""
    drafts: dict[tuple[str, str, str, date], ContractDraft] = {}
    errors: list[RowError] = []
    for row in rows:
        reader = _Reader(row, errors)
        start, end = reader.day("valid_from"), reader.day("ends_on", may_be_empty=True)
        zone = reader.zone()
        terms: dict[str, Any] = {name: reader.number(name) for name in _OF_CONTRACT}
        terms.update(_terms_if_present(reader))
        rate = _rate(reader, zone)
        if start is None:
            continue
        cells = row.cells
        key = (cells["warehouse"], cells["courier"], cells.get("product", "") or "standard", start)
        draft = drafts.setdefault(key, ContractDraft(key, row.number, end, terms))
        if (draft.ends_on, draft.terms) != (end, terms):
            reader.fail(_("differs from row %(other)s in what holds for the whole contract") % {"other": draft.row})
        if rate is not None:
            draft.rates.append(rate)
    for draft in drafts.values():
        _check_zones(draft, errors)
        _check_weights(draft, errors)
    _check_times(list(drafts.values()), errors)
    return list(drafts.values()), sorted(errors, key=lambda error: error.row)


class _Reader:
    """Reads the cells of one row and notes what is wrong with them."""

    def __init__(self, row: SheetRow, errors: list[RowError]):
        self.row, self.errors = row, errors

    def fail(self, problem: str) -> None:
        self.errors.append(RowError(self.row.number, problem))

    def text(self, name: str) -> str:
        return self.row.cells.get(name, "")

    def day(self, name: str, *, may_be_empty: bool = False) -> date | None:
        text = self.text(name).replace("/", "-")[:10]
        if not text and may_be_empty:
            return None
        try:
            return date.fromisoformat(text)
        except ValueError:
            self.fail(_("%(column)s: “%(text)s” is no day such as 2026-11-01") % {"column": name, "text": text})
            return None

    def number(self, name: str) -> Decimal:
        text = self.text(name)
        try:
            value = Decimal(text) if text else Decimal(0)
            if not value.is_finite() or value < 0 or value >= 10**7:
                raise InvalidOperation
        except InvalidOperation:
            self.fail(_("%(column)s: “%(text)s” is no number from 0 up") % {"column": name, "text": text})
            return Decimal(0)
        return value

    def zone(self) -> str | None:
        text = self.text("zone")
        if text in ("*", "全国", "其他"):
            return ""
        if re.fullmatch(r"[0-9]{2}|[0-9]{4}|[0-9]{6}", text):
            if any(code.startswith(text) for code in divisions()):
                return text.removesuffix("0000") if text.endswith("0000") else text
        elif code := code_of(text, "", ""):
            return code[:2]
        self.fail(_("zone: “%(text)s” is neither a province, nor digits of a division code, nor *") % {"text": text})
        return None


def _rate(reader: _Reader, zone: str | None) -> RateRow | None:
    served = reader.text("served").lower() not in _NO
    tiers = _tiers(reader) if served else []
    values: dict[str, Any] = {
        "tiers": tiers,
        "first_weight_g": int(reader.number("first_kg") * 1000) or 1000,
        "first_fee": reader.number("first_fee"),
        "step_weight_g": int(reader.number("step_kg") * 1000) or 1000,
        "step_fee": reader.number("step_fee"),
        "remote_fee": reader.number("remote_fee"),
        "days_p90": int(reader.number("days")),
    }
    for name in ("first_fee", "step_fee"):
        if served and not reader.text(name):
            reader.fail(_("%(column)s is empty") % {"column": name})
        if values[name] != round(values[name], 2):
            reader.fail(_("%(column)s has fractions of a fen") % {"column": name})
    return None if zone is None else RateRow(reader.row.number, zone, served, values)


def _terms_if_present(reader: _Reader) -> dict[str, Any]:
    """What is agreed beside the prices, of the columns that there are. An empty return_percent: nothing was agreed."""
    terms: dict[str, Any] = {}
    for name in _IF_PRESENT:
        if name not in reader.row.cells:
            continue
        if name == "return_percent" and not reader.text(name):
            terms[name] = None
            continue
        number = reader.number(name)
        if name == "amount_slack":
            terms[name] = number
            if number != round(number, 2):
                reader.fail(_("%(column)s has fractions of a fen") % {"column": name})
        else:
            terms[name] = int(number)
            if number != int(number) or number > _MOST.get(name, 10**6):
                problem = _("%(column)s: “%(text)s” is no whole number from 0 to %(most)s")
                most = _MOST.get(name, 10**6)
                reader.fail(problem % {"column": name, "text": reader.text(name), "most": most})
    if "peak_fees" in reader.row.cells:
        terms["peak_fees"] = _peaks(reader)
    return terms


def _peaks(reader: _Reader) -> list[tuple[date, date, Decimal]]:
    """ "2026-10-21~2026-11-21:0.50; …": a fee for each parcel from the first day to the one before the second."""
    peaks: list[tuple[date, date, Decimal]] = []
    for text in filter(None, (part.strip() for part in reader.text("peak_fees").replace("；", ";").split(";"))):
        match = _PEAK.fullmatch(text.replace("：", ":").replace("～", "~").replace(" ", ""))
        try:
            if match is None:
                raise ValueError
            peaks.append((date.fromisoformat(match[1]), date.fromisoformat(match[2]), Decimal(match[3])))
        except ValueError:
            reader.fail(_("peak_fees: “%(text)s” is not written like 2026-10-21~2026-11-21:0.50") % {"text": text})
            return []
        if peaks[-1][0] >= peaks[-1][1]:
            reader.fail(_("peak_fees: “%(text)s” ends before it begins") % {"text": text})
    peaks.sort()
    for earlier, later in zip(peaks, peaks[1:], strict=False):
        if earlier[1] > later[0]:
            reader.fail(_("peak_fees: two fees hold on %(day)s") % {"day": later[0]})
    return peaks


def peaks_text(peaks: Iterable[tuple[date, date, Decimal]]) -> str:
    """Peak fees as `drafts_of` reads them."""
    return "; ".join(f"{starts}~{ends}:{fee:.2f}" for starts, ends, fee in peaks)


def _tiers(reader: _Reader) -> list[list[Any]]:
    """ "0-0.5:2.10; 0.5-1:2.60": each begins where the one before has ended."""
    tiers: list[list[Any]] = []
    reached = Decimal(0)
    for text in filter(None, (part.strip() for part in reader.text("tiers").replace("；", ";").split(";"))):
        match = _TIER.fullmatch(text.replace("：", ":").replace(" ", ""))
        if match is None:
            reader.fail(_("tiers: “%(text)s” is not written like 0.5-1:2.60") % {"text": text})
            return []
        low, high, fee = (Decimal(group) for group in match.groups())
        if low != reached or high <= low:
            word = _("a gap") if low > reached else _("an overlap")
            reader.fail(
                _("tiers: %(what)s between %(reached)s kg and “%(text)s”")
                % {"what": word, "reached": reached, "text": text}
            )
        tiers.append([int(high * 1000), str(fee)])
        reached = max(high, reached)
    return tiers


def _check_zones(draft: ContractDraft, errors: list[RowError]) -> None:
    first: dict[str, int] = {}
    for rate in draft.rates:
        if rate.zone in first:
            errors.append(RowError(rate.row, _("the zone is in row %(other)s already") % {"other": first[rate.zone]}))
        first.setdefault(rate.zone, rate.row)
    if "" not in first:
        missing = [d.name for d in divisions().values() if d.level == PROVINCE and d.code[:2] not in first]
        if missing:
            problem = _("no price for %(names)s: add a row “*”, or rows that are not served")
            errors.append(RowError(draft.row, problem % {"names": "、".join(missing)}))


def _check_weights(draft: ContractDraft, errors: list[RowError]) -> None:
    rounding = int(draft.terms["rounding_g"])
    for rate in draft.rates if rounding else ():
        if rate.values["first_weight_g"] % rounding or rate.values["step_weight_g"] % rounding:
            errors.append(RowError(rate.row, _("first and step weight are no multiples of the rounding")))


def _check_times(drafts: Sequence[ContractDraft], errors: list[RowError]) -> None:
    lanes: dict[tuple[str, str, str], list[ContractDraft]] = defaultdict(list)
    for draft in drafts:
        if draft.ends_on is not None and draft.ends_on <= draft.key[3]:
            errors.append(RowError(draft.row, _("the contract ends before it begins")))
        lanes[draft.key[:3]].append(draft)
    for group in lanes.values():
        group.sort(key=lambda draft: draft.key[3])
        for earlier, later in zip(group, group[1:], strict=False):
            problem = time_problem(earlier.ends_on, later.key[3])
            if problem:
                errors.append(RowError(later.row, f"{problem} ({_('row')} {earlier.row})"))


def time_problem(earlier_ends_on: date | None, later_begins_on: date) -> str:
    """What is wrong between two contracts of one lane that follow each other; empty if nothing."""
    if earlier_ends_on is None or earlier_ends_on > later_begins_on:
        return _("overlaps in time with the contract before it")
    if earlier_ends_on < later_begins_on:
        return _("leaves days without a price after the contract before it")
    return ""
