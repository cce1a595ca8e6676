"""What waits of a shop's counters, booked in the order of business: sales, then what came back of them.

The outcome is a matter of which documents there are, not of when they came. Sales and returns move stock by their
pieces, whatever lies there; a return is measured against its sale, and waits until that is here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_CEILING, Decimal
from typing import Any

from channels_sync.booking import book_refunds
from channels_sync.counter_models import Counter, CounterDocument
from channels_sync.counters.documents import business_order
from channels_sync.states import DocumentKind, DocumentState, WaitReason
from finance.services import PaymentFact, record_payments
from finance.services.statements import READERS
from ordercenter.audit.work import Work, unit_of_work
from ordercenter.cases import services as cases
from ordercenter.cases.services import CaseDraft
from ordercenter.catalog.models import BundlePart, Shop, Sku
from ordercenter.common.actor import Actor
from ordercenter.common.money import CENT, ZERO
from ordercenter.inventory.services import Movement, book_counter_moves
from ordercenter.inventory.states import Bucket, MovementReason
from ordercenter.orders import services as orders
from ordercenter.orders.intake_types import IncomingRefund
from ordercenter.orders.models import Order, OrderLine, RefundRequest
from ordercenter.orders.services import CounterLine, CounterSale, TakenRefund
from ordercenter.orders.services.matching import bundle_shares
from ordercenter.orders.states import RefundStatus

DOCUMENT_CASE = "COUNTER_DOCUMENT"


def settle_shop(*, shop: Shop, at: datetime, actor: Actor) -> None:
    """Book what waits of this shop's counters and can be booked. Called with the shop locked, in a transaction.

    Two units of work: what came back is held against what the first one wrote.
    """
    with unit_of_work(at=at, actor=actor) as work:
        waiting = _waiting(shop, work)
        if not waiting:
            return
        counters = Counter.objects.in_bulk({document.counter_id for document in waiting})
        # Orders before stock, as everybody locks them: what comes back is booked after stock was locked for the sales.
        work.lock(Order, sorted(set(_sales_of(_returns(waiting), shop).values())))
        _book_sales([d for d in waiting if d.kind == DocumentKind.SALE], shop, counters, work)
        for document in waiting:
            if document.kind == DocumentKind.SHIFT:
                _booked(work, document, None)
    with unit_of_work(at=at, actor=actor) as work:
        returns = _returns(_waiting(shop, work))
        if returns:
            _book_returns(returns, shop, counters, work)


def _waiting(shop: Shop, work: Work) -> list[CounterDocument]:
    rows = CounterDocument.objects.filter(counter__shop=shop, state=DocumentState.WAITING).order_by("pk")
    found = list(rows.select_for_update(of=("self",)))
    work.adopt(CounterDocument, found)
    return sorted(found, key=lambda d: business_order(d.kind, d.business_at, d.client_no))


def _returns(documents: Sequence[CounterDocument]) -> list[CounterDocument]:
    return [document for document in documents if document.kind == DocumentKind.RETURN]


def _booked(work: Work, document: CounterDocument, order_id: int | None) -> None:
    document.book()
    document.order_id, document.booked_at, document.wait_reason, document.detail = order_id, work.at, "", ""
    work.save(document, "order_id", "booked_at", "wait_reason", "detail")


def _waits(work: Work, document: CounterDocument, reason: str, detail: str) -> bool:
    """Say why a document waits; False when that is known."""
    if (document.wait_reason, document.detail) == (reason, detail[:200]):
        return False
    document.wait_reason, document.detail = reason, detail[:200]
    work.save(document, "wait_reason", "detail")
    return True


def cases_of(documents: Sequence[CounterDocument], shop: Shop, counters: Mapping[int, Counter], work: Work) -> None:
    """A person has to look at these documents."""
    drafts = [
        CaseDraft(
            code=DOCUMENT_CASE,
            subject=f"counterdocument:{d.pk}",
            shop_id=shop.pk,
            reference=f"{counters[d.counter_id].code}/{d.client_no}",
            evidence={"kind": d.kind, "why": d.wait_reason, "detail": d.detail},
        )
        for d in documents
    ]
    cases.open_cases(drafts=drafts, work=work)


def _close_cases(documents: Sequence[CounterDocument], work: Work) -> None:
    """Those that were looked at before may have one."""
    subjects = [f"counterdocument:{d.pk}" for d in documents]
    cases.close_cases_of(subjects=subjects, codes=[DOCUMENT_CASE], resolution="it is booked", work=work)


@dataclass(frozen=True)
class _Goods:
    """SKUs by code, and the parts of those that are bundles."""

    skus: Mapping[str, Sku]
    parts: Mapping[int, Sequence[BundlePart]]

    @classmethod
    def of(cls, documents: Sequence[CounterDocument]) -> _Goods:
        codes = sorted({line["sku"] for d in documents for line in d.said["lines"]})
        skus = {sku.code: sku for sku in Sku.objects.filter(code__any_of=codes, is_active=True)} if codes else {}
        parts: dict[int, list[BundlePart]] = defaultdict(list)
        bundles = [sku.pk for sku in skus.values() if sku.is_bundle]
        if bundles:
            for part in BundlePart.objects.filter(bundle_id__in=bundles).select_related("part").order_by("pk"):
                parts[part.bundle_id].append(part)
        return cls(skus, parts)

    def unknown(self, document: CounterDocument) -> list[str]:
        """Codes of the document that mean nothing that lies anywhere."""
        found = []
        for line in document.said["lines"]:
            sku = self.skus.get(line["sku"])
            if sku is None or (sku.is_bundle and not self.parts.get(sku.pk)):
                found.append(line["sku"])
        return found

    def lines(self, said: Mapping[str, Any]) -> list[CounterLine]:
        """One line of a sale; a bundle as the lines of its parts."""
        sku, paid, pieces = self.skus[said["sku"]], Decimal(said["amount"]), int(said["quantity"])
        title = said.get("title") or sku.name
        if not sku.is_bundle:
            price = (paid / pieces).quantize(CENT, ROUND_CEILING)
            return [CounterLine(said["line"], sku.pk, sku.code, title, pieces, price, paid)]
        parts = self.parts[sku.pk]
        return [
            CounterLine(
                said["line"],
                part.part_id,
                sku.code,
                title,
                pieces * part.quantity,
                max(part.part.list_price, (share / (pieces * part.quantity)).quantize(CENT, ROUND_CEILING)),
                share,
                sku.pk,
            )
            for part, share in zip(parts, bundle_shares(paid, parts), strict=True)
        ]


def _book_sales(documents: Sequence[CounterDocument], shop: Shop, counters: Mapping[int, Counter], work: Work) -> None:
    goods = _Goods.of(documents)
    ready, doubtful = [], []
    for document in documents:
        unknown = goods.unknown(document)
        if not unknown:
            ready.append(document)
        elif _waits(work, document, WaitReason.NO_SKU, ", ".join(unknown)):
            doubtful.append(document)
    cases_of(doubtful, shop, counters, work)
    if not ready:
        return
    sales = [_sale(document, shop, counters[document.counter_id], goods) for document in ready]
    made = orders.sell_over_counter(sales=sales, work=work)
    movements, payments = [], []
    for document, sale, order in zip(ready, sales, made, strict=True):
        store_id = counters[document.counter_id].store_id
        movements.extend(_left(document, sale, store_id))
        payments.extend(_payments(document, order, shop))
        _booked(work, document, order.pk)
    book_counter_moves(movements=movements, work=work)
    result = record_payments(payments=payments, work=work, actor=work.actor)
    # A number of the provider that is in the books for another order is not this sale's: it is booked under its own.
    again = {refusal.key[:2] for refusal in result.refused}
    others = [_under_its_own_number(fact) for fact in payments if (fact.provider, fact.external_no) in again]
    record_payments(payments=others, work=work, actor=work.actor).raise_first()
    _close_cases(ready, work)


def _sale(document: CounterDocument, shop: Shop, counter: Counter, goods: _Goods) -> CounterSale:
    lines = [line for said in document.said["lines"] for line in goods.lines(said)]
    number = f"{counter.code}-{document.client_no}"
    buyer = document.said.get("buyer_id", "")
    return CounterSale(shop.pk, number, shop.currency, document.business_at, tuple(lines), buyer)


def _left(document: CounterDocument, sale: CounterSale, store_id: int) -> list[Movement]:
    return [
        Movement(
            line.sku_id,
            store_id,
            -line.quantity,
            MovementReason.COUNTER,
            sale.channel_order_no,
            f"counter:{document.pk}:{n}",
            note=f"{document.business_at:%Y-%m-%dT%H:%M:%SZ}",
        )
        for n, line in enumerate(sale.lines)
    ]


def _payments(document: CounterDocument, order: Order, shop: Shop) -> list[PaymentFact]:
    facts = []
    for n, payment in enumerate(document.said["payments"]):
        amount, reference = Decimal(payment["amount"]), payment.get("reference", "")
        if amount <= ZERO:
            continue
        method = payment["method"]
        has_bill = method in READERS and bool(reference)
        facts.append(
            PaymentFact(
                order_id=order.pk,
                shop_id=shop.pk,
                fee_bp=shop.payment_fee_bp if method in READERS else 0,
                provider=method,
                # Numbers of terminals come again every day: only a provider's own is one for ever.
                external_no=reference if has_bill else f"{_own_number(document)}:{n}",
                merchant_no="" if has_bill else reference,
                amount=amount,
                currency=order.currency,
                occurred_at=document.business_at,
            )
        )
    return facts


def _own_number(document: CounterDocument) -> str:
    return f"pos:{document.counter_id}:{document.client_no}"


def _under_its_own_number(fact: PaymentFact) -> PaymentFact:
    number = f"pos:{fact.order_id}:{fact.external_no}"[:64]
    return PaymentFact(
        order_id=fact.order_id,
        shop_id=fact.shop_id,
        fee_bp=fact.fee_bp,
        provider=fact.provider,
        external_no=number,
        merchant_no=fact.external_no,
        amount=fact.amount,
        currency=fact.currency,
        occurred_at=fact.occurred_at,
    )


def _book_returns(
    documents: Sequence[CounterDocument], shop: Shop, counters: Mapping[int, Counter], work: Work
) -> None:
    owners = _sales_of(documents, shop)
    order_ids = sorted(set(owners.values()))
    work.lock(Order, order_ids)
    lines = work.lock_children(OrderLine, "order_id", order_ids)
    refunds = work.lock_children(RefundRequest, "order_id", order_ids)
    left = _Left(lines, refunds)
    ready: list[tuple[CounterDocument, int]] = []
    returned: dict[int, int] = defaultdict(int)
    movements, doubtful = [], []
    taken: list[TakenRefund] = []
    for document in documents:
        order_id = owners.get(document.sale_no)
        if order_id is None:
            _waits(work, document, WaitReason.NO_SALE, document.sale_no)
            continue
        why, pieces = left.take(order_id, document)
        if why:
            if _waits(work, document, WaitReason.TOO_MUCH, why):
                doubtful.append(document)
            continue
        for line, n in pieces:
            returned[line.pk] += n
            movements.append(_came_back(document, line, n, counters[document.counter_id].store_id))
        taken.extend(TakenRefund(order_id, refund) for refund in _refunds(document))
        ready.append((document, order_id))
    cases_of(doubtful, shop, counters, work)
    orders.return_goods(returned=returned, work=work)
    book_counter_moves(movements=movements, work=work)
    result = orders.take_refunds(taken=taken, work=work)
    result.raise_first()
    book_refunds(succeeded=result.done, work=work, actor=work.actor)
    for document, order_id in ready:
        _booked(work, document, order_id)
    _close_cases([document for document, _order in ready], work)


def _sales_of(documents: Sequence[CounterDocument], shop: Shop) -> dict[str, int]:
    """Our orders by "counter/number of the sale", as far as they are here."""
    wanted = {document.sale_no for document in documents}
    if not wanted:
        return {}
    numbers = sorted({number.partition("/")[2] for number in wanted})
    rows = CounterDocument.objects.filter(
        counter__shop=shop, kind=DocumentKind.SALE, state=DocumentState.BOOKED, client_no__any_of=numbers
    ).values_list("counter__code", "client_no", "order_id")
    found = {f"{code}/{number}": order_id for code, number, order_id in rows if order_id is not None}
    return {number: found[number] for number in wanted if number in found}


class _Left:
    """What of sold lines is still with the buyer, in pieces and money, while returns are taken in turn."""

    def __init__(self, lines: Mapping[int, Sequence[OrderLine]], refunds: Mapping[int, Sequence[RefundRequest]]):
        self.lines: dict[tuple[int, str], list[OrderLine]] = defaultdict(list)
        for order_id, group in lines.items():
            for line in group:
                self.lines[order_id, line.channel_line_no].append(line)
        self.pieces = {line.pk: line.shipped - line.returned for group in lines.values() for line in group}
        self.money = {key: sum((line.paid_share for line in group), ZERO) for key, group in self.lines.items()}
        for order_id, requests in refunds.items():
            for request in requests:
                if request.status == RefundStatus.REFUNDED:
                    self.money[order_id, request.channel_line_no] -= request.amount
        bundles = {line.bundle_id for group in lines.values() for line in group if line.bundle_id is not None}
        parts = BundlePart.objects.filter(bundle_id__in=bundles) if bundles else BundlePart.objects.none()
        self.parts = {(part.bundle_id, part.part_id): part.quantity for part in parts}

    def take(self, order_id: int, document: CounterDocument) -> tuple[str, list[tuple[OrderLine, int]]]:
        """The lines that a return gives back with their pieces; or why it cannot, and then nothing is taken."""
        pieces: dict[int, int] = dict(self.pieces)
        money = dict(self.money)
        found: list[tuple[OrderLine, int]] = []
        for said in document.said["lines"]:
            key = (order_id, said["line"])
            group = self.lines.get(key)
            if not group:
                return f"line {said['line']} was not sold", []
            sold = self._units_of(group)
            for line in group:
                n = int(said["quantity"]) * line.ordered // sold
                pieces[line.pk] -= n
                found.append((line, n))
            money[key] -= Decimal(said["amount"])
            if money[key] < ZERO or any(pieces[line.pk] < 0 for line in group):
                return f"line {said['line']}: more than was sold", []
        self.pieces, self.money = pieces, money
        return "", found

    def _units_of(self, group: Sequence[OrderLine]) -> int:
        """How many units were sold: the pieces of a plain line; of a bundle, what its parts have in common."""
        first = group[0]
        return max(1, first.ordered // self.parts.get((first.bundle_id or 0, first.sku_id or 0), 1))


def _came_back(document: CounterDocument, line: OrderLine, pieces: int, store_id: int) -> Movement:
    damaged = {said["line"] for said in document.said["lines"] if said.get("condition") == "damaged"}
    return Movement(
        line.sku_id or 0,
        store_id,
        pieces,
        MovementReason.RETURN,
        document.client_no,
        f"counter:{document.pk}:{line.pk}",
        Bucket.DAMAGED if line.channel_line_no in damaged else Bucket.ON_HAND,
        note=f"{document.business_at:%Y-%m-%dT%H:%M:%SZ}",
    )


def _refunds(document: CounterDocument) -> list[IncomingRefund]:
    return [
        IncomingRefund(
            channel_refund_no=f"{_own_number(document)}:{said['line']}"[:64],
            channel_order_no=document.sale_no,
            channel_line_no=said["line"],
            status="succeeded",
            phase="aftersale",
            amount=Decimal(said["amount"]),
            has_goods_return=True,
            quantity=int(said["quantity"]),
            reason=document.said.get("reason", ""),
            version=1,
            created_at=document.business_at,
            modified_at=document.business_at,
        )
        for said in document.said["lines"]
        if Decimal(said["amount"]) > ZERO
    ]
