"""Rate tables in and out: a file is checked whole, every mistake is named by its row, and then all of it is written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import groupby
from operator import attrgetter

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from simple_history.utils import bulk_create_with_history

from fulfillment.contracts.areas import zones_to_close
from fulfillment.contracts.tables import COLUMNS, NEEDED, ContractDraft, RowError, drafts_of, peaks_text, time_problem
from fulfillment.models import Carrier, CourierArea, CourierContract, CourierProduct, CourierRate, PeakFee
from ordercenter.audit.deeds import record_deed
from ordercenter.audit.work import unit_of_work
from ordercenter.common.actor import Actor
from ordercenter.common.csvsafe import Cell, csv_bytes
from ordercenter.common.scope import Scope
from ordercenter.common.sheets import read_sheet
from ordercenter.inventory.models import Warehouse


@dataclass(frozen=True, slots=True)
class ImportResult:
    """errors: what is wrong, by row; then nothing was written. Else the contracts that were, new and replaced."""

    errors: tuple[RowError, ...] = ()
    created: tuple[int, ...] = ()
    replaced: tuple[int, ...] = ()
    rates: int = 0


def import_contracts(
    *, content: bytes, at: datetime, actor: Actor, reach: Scope, closes_earlier: bool = False
) -> ImportResult:
    """Write the contracts of a CSV or XLSX table (`contracts.tables.COLUMNS`), all or nothing.

    A contract of the same warehouse, product and first day is replaced with its rates. closes_earlier: an open contract
    of the lane ends on the new one's first day; without it that is an overlap. Named by row: cells that cannot be read,
    unknown warehouses and couriers, those out of reach, gaps and overlaps of tiers, zones and times, also with
    contracts that are there already. Raises SheetUnreadable for a file that is no table.
    """
    drafts, errors = drafts_of(read_sheet(content, COLUMNS, NEEDED))
    with transaction.atomic():
        lanes = _Lanes(drafts, errors, reach)
        for draft in drafts:
            lanes.check(draft, closes_earlier=closes_earlier)
        if errors or not drafts:
            if not drafts and not errors:
                errors.append(RowError(1, _("the table has no rows")))
            return ImportResult(errors=tuple(sorted(errors, key=lambda error: error.row)))
        return _write(drafts, lanes, at=at, actor=actor)


class _Lanes:
    """The masters and the other contracts of the lanes that a table names, locked."""

    def __init__(self, drafts: Sequence[ContractDraft], errors: list[RowError], reach: Scope):
        self.errors = errors
        self.warehouses = {w.code: w for w in reach.narrow(Warehouse.objects.all(), warehouse="pk")}
        self.carriers = {c.code: c for c in Carrier.objects.all()}
        self.products = {(p.carrier_id, p.code): p for p in CourierProduct.objects.all()}
        named = {draft.key[0] for draft in drafts}
        rows = CourierContract.objects.select_for_update(of=("self",)).select_related("product").order_by("pk")
        self.contracts = list(rows.filter(warehouse__code__in=named, is_active=True))
        self.closed: list[tuple[CourierContract, date]] = []

    def others(self, draft: ContractDraft) -> list[CourierContract]:
        """Contracts of the draft's lane that stay."""
        return [c for c in self.lane(draft) if c.valid_from != draft.key[3]]

    def same(self, draft: ContractDraft) -> CourierContract | None:
        """The contract that the draft replaces."""
        return next((c for c in self.lane(draft) if c.valid_from == draft.key[3]), None)

    def lane(self, draft: ContractDraft) -> list[CourierContract]:
        warehouse, courier, product, _day = draft.key
        if warehouse not in self.warehouses or courier not in self.carriers:
            return []
        made = self.products.get((self.carriers[courier].pk, product))
        w = self.warehouses[warehouse].pk
        return [c for c in self.contracts if made is not None and c.warehouse_id == w and c.product_id == made.pk]

    def check(self, draft: ContractDraft, *, closes_earlier: bool) -> None:
        warehouse, courier, _product, starts = draft.key
        if warehouse not in self.warehouses:
            self.fail(draft, _("there is no warehouse “%(code)s” for you") % {"code": warehouse})
        if courier not in self.carriers:
            self.fail(draft, _("there is no courier “%(code)s”") % {"code": courier})
        for other in self.others(draft):
            if other.valid_from < starts:
                if closes_earlier and (other.ends_on is None or other.ends_on > starts):
                    self.closed.append((other, starts))
                elif other.ends_on is None or other.ends_on > starts:
                    self.fail(draft, f"{time_problem(other.ends_on, starts)} ({other.valid_from})")
            elif draft.ends_on is None or draft.ends_on > other.valid_from:
                problem = _("overlaps in time with the contract after it")
                self.fail(draft, f"{problem} ({other.valid_from})")

    def fail(self, draft: ContractDraft, problem: str) -> None:
        self.errors.append(RowError(draft.row, problem))


def _write(drafts: Sequence[ContractDraft], lanes: _Lanes, *, at: datetime, actor: Actor) -> ImportResult:
    created: list[int] = []
    replaced: list[int] = []
    rates = 0
    for earlier, day in lanes.closed:
        earlier.ends_on = day
        earlier.save()
    for draft in drafts:
        contract, is_new = _contract(draft, lanes)
        (created if is_new else replaced).append(contract.pk)
        CourierRate.objects.filter(contract=contract).delete()
        rows = [CourierRate(contract=contract, zone=rate.zone, **rate.values) for rate in draft.rates if rate.served]
        bulk_create_with_history(rows, CourierRate, default_change_reason=str(actor))
        rates += len(rows)
        _write_peaks(draft, contract, actor)
        _close_areas(draft, contract, actor)
    with unit_of_work(at=at, actor=actor) as work:
        details = {"created": created, "replaced": replaced, "rates": rates}
        record_deed(work, action="couriers.import_contracts", subject="couriers:contracts", details=details)
    return ImportResult(created=tuple(created), replaced=tuple(replaced), rates=rates)


def _contract(draft: ContractDraft, lanes: _Lanes) -> tuple[CourierContract, bool]:
    warehouse, courier, product, starts = draft.key
    carrier = lanes.carriers[courier]
    made, _created = CourierProduct.objects.get_or_create(carrier=carrier, code=product)
    contract = lanes.same(draft)
    is_new = contract is None
    if contract is None:
        contract = CourierContract(warehouse=lanes.warehouses[warehouse], product=made, valid_from=starts)
    terms = draft.terms
    contract.ends_on, contract.is_sample = draft.ends_on, False
    contract.divisor, contract.rounding_g = int(terms["divisor"]), int(terms["rounding_g"])
    contract.minimum_fee, contract.oversize_fee = terms["minimum_fee"], terms["oversize_fee"]
    contract.oversize_g, contract.max_g = int(terms["oversize_kg"] * 1000), int(terms["max_kg"] * 1000)
    contract.insurance_permille = terms["insurance_permille"]
    for name in ("return_percent", "weight_slack_g", "weight_slack_percent", "amount_slack"):
        if name in terms:
            setattr(contract, name, terms[name])
    contract.save()
    return contract, is_new


def _write_peaks(draft: ContractDraft, contract: CourierContract, actor: Actor) -> None:
    """The peak fees of a table that names any, or says that there are none; else those of the contract stay."""
    if "peak_fees" not in draft.terms:
        return
    contract.peaks.all().delete()
    peaks = [PeakFee(contract=contract, starts_on=a, ends_on=b, fee=fee) for a, b, fee in draft.terms["peak_fees"]]
    bulk_create_with_history(peaks, PeakFee, default_change_reason=str(actor))


def _close_areas(draft: ContractDraft, contract: CourierContract, actor: Actor) -> None:
    """Zones that the table says are not served: closed for this warehouse and product while the contract holds."""
    _closed_areas(contract).delete()
    served = {rate.zone for rate in draft.rates if rate.served}
    refused = {rate.zone for rate in draft.rates if not rate.served}
    bulk_create_with_history(
        [
            CourierArea(
                carrier_id=contract.product.carrier_id,
                product_id=contract.product_id,
                warehouse_id=contract.warehouse_id,
                zone=zone,
                serves=False,
                starts_on=contract.valid_from,
                ends_on=contract.ends_on,
            )
            for zone in zones_to_close(refused, served)
        ],
        CourierArea,
        default_change_reason=str(actor),
    )


def _closed_areas(contract: CourierContract) -> QuerySet[CourierArea]:
    """What its table closed."""
    return CourierArea.objects.filter(
        warehouse=contract.warehouse_id, product=contract.product_id, starts_on=contract.valid_from, serves=False
    )


def export_contracts(contracts: QuerySet[CourierContract], *, encoding: str = "utf-8-sig") -> Iterator[bytes]:
    """These contracts as a table that `import_contracts` reads again; no cell runs as a formula."""
    return csv_bytes(_table(contracts), encoding=encoding)


def _table(contracts: QuerySet[CourierContract]) -> Iterator[Sequence[Cell]]:
    yield tuple(COLUMNS)
    rows = CourierRate.objects.filter(contract__in=contracts).select_related(
        "contract__warehouse", "contract__product__carrier"
    )
    for contract, rates in groupby(rows.order_by("contract_id", "zone"), key=attrgetter("contract")):
        priced = {rate.zone: rate for rate in rates}
        peaks = peaks_text(contract.peaks.values_list("starts_on", "ends_on", "fee"))
        for rate in priced.values():
            yield _cells(contract, rate.zone, "yes", _prices(rate), peaks)
        refused = [*_closed_areas(contract).order_by("zone").values_list("zone", flat=True)]
        # Where there is no price for all other places, nobody goes there: said, so that it comes in again.
        for zone in refused if "" in priced else ["", *refused]:
            yield _cells(contract, zone, "no", _NO_PRICES, peaks)


_NO_PRICES: Sequence[Cell] = ("",) * 7


def _prices(rate: CourierRate) -> Sequence[Cell]:
    return (
        tiers_text(rate.tiers),
        _kg(rate.first_weight_g),
        rate.first_fee,
        _kg(rate.step_weight_g),
        rate.step_fee,
        rate.remote_fee,
        rate.days_p90,
    )


def _cells(contract: CourierContract, zone: str, served: str, prices: Sequence[Cell], peaks: str) -> Sequence[Cell]:
    return (
        contract.warehouse.code,
        contract.product.carrier.code,
        contract.product.code,
        str(contract.valid_from),
        str(contract.ends_on or ""),
        zone or "*",
        served,
        *prices,
        contract.divisor,
        contract.rounding_g,
        contract.minimum_fee,
        _kg(contract.oversize_g),
        contract.oversize_fee,
        _kg(contract.max_g),
        contract.insurance_permille,
        peaks,
        "" if contract.return_percent is None else contract.return_percent,
        contract.weight_slack_g,
        contract.weight_slack_percent,
        contract.amount_slack,
    )


def tiers_text(tiers: Sequence[Sequence[object]]) -> str:
    """[[500, "2.10"], [1000, "2.60"]] as "0-0.5:2.10; 0.5-1:2.60"."""
    parts, reached = [], Decimal(0)
    for up_to_g, fee in tiers:
        high = _kg(int(str(up_to_g)))
        parts.append(f"{reached:f}-{high:f}:{Decimal(str(fee)):.2f}")
        reached = high
    return "; ".join(parts)


def _kg(grams: int) -> Decimal:
    return (Decimal(grams) / 1000).normalize() + 0


# From the divisor on: what holds for the whole contract.
_OF_SAMPLE = (8000, 100, 0, 30, Decimal("10.00"), 50, 3, "2026-10-21~2026-11-21:0.50", 60, 50, 2, 0)
SAMPLE_ROWS: Sequence[Sequence[Cell]] = (
    ("# 示例价格，并非任何快递公司的真实报价 / SAMPLE FIGURES, no courier's real prices. Delete this row.",),
    ("WH-1", "ZTO", "standard", "2026-01-01", "2027-01-01", "浙江省", "yes", "0-0.5:2.00; 0.5-1:2.50; 1-3:4.00")
    + (1, Decimal("2.50"), 1, Decimal("0.80"), 0, 2, *_OF_SAMPLE),
    ("WH-1", "ZTO", "standard", "2026-01-01", "2027-01-01", "3301", "yes", "")
    + (1, Decimal("2.20"), 1, Decimal("0.60"), 0, 1, *_OF_SAMPLE),
    ("WH-1", "ZTO", "standard", "2026-01-01", "2027-01-01", "西藏自治区", "no", "")
    + ("", "", "", "", "", "", *_OF_SAMPLE),
    ("WH-1", "ZTO", "standard", "2026-01-01", "2027-01-01", "*", "yes", "")
    + (1, Decimal("6.00"), 1, Decimal("3.00"), Decimal("0.00"), 4, *_OF_SAMPLE),
)


def sample_table() -> Iterator[bytes]:
    """A table to fill in, with sample rows that say they are samples."""
    return csv_bytes((tuple(COLUMNS), *SAMPLE_ROWS), encoding="utf-8-sig")
