"""The door for counters of stores: batches of documents, as often as the line needs, each document once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from channels_sync.counters.documents import Sent
from channels_sync.counters.taking import Answer, counter_of, take_batch
from channels_sync.states import DocumentKind, DocumentState, WaitReason
from ordercenter.catalog.models import ApiScope
from ordercenter.common.money import ZERO
from ordercenter.common.problems import FieldError, RequestInvalid, problem_of
from ordercenter.common.rest import ApiView
from ordercenter.common.rest_fields import (
    Choice,
    Code,
    Instant,
    Money,
    StrictSerializer,
    Text,
    WholeNumber,
    mistakes_of,
)
from ordercenter.common.rest_schema import ProblemOut

MOST_DOCUMENTS = 500
METHODS = ("cash", "card", "alipay", "wechat", "voucher", "other")


class CounterPaymentIn(StrictSerializer):
    """Money that came in, or went back."""

    method = Choice(choices=METHODS)
    amount = Money()
    reference = Code(
        max_length=64,
        required=False,
        default="",
        allow_blank=True,
        help_text=_("The provider's transaction number, or the terminal's."),
    )


class SoldLineIn(StrictSerializer):
    """Pieces that went over the counter."""

    line = Code(max_length=20, help_text=_("Number of the line in the sale."))
    sku = Text(max_length=64, help_text=_("Our SKU code."))
    quantity = WholeNumber(min_value=1, max_value=100_000)
    amount = Money(help_text=_("What was paid for the line, all discounts taken off."))
    title = Text(max_length=255, required=False, default="", allow_blank=True)


class ReturnedLineIn(StrictSerializer):
    """Pieces that came back."""

    line = Code(max_length=20, help_text=_("Number of the line in the sale."))
    quantity = WholeNumber(min_value=1, max_value=100_000)
    amount = Money(help_text=_("What the buyer got back for the line."))
    condition = Choice(choices=["good", "damaged"], default="good")


class _DocumentIn(StrictSerializer):
    id = Code(max_length=40, help_text=_("Made by the counter, once for each document and the same at each try."))
    business_at = Instant(help_text=_("When it happened, by the counter's clock."))


class CounterSaleIn(_DocumentIn):
    """Goods against money."""

    kind = Choice(choices=["sale"])
    shift = Code(max_length=40, help_text=_("The id of the document that will end the shift."))
    lines = serializers.ListField(child=SoldLineIn(), min_length=1, max_length=200)
    payments = serializers.ListField(child=CounterPaymentIn(), max_length=20)
    buyer_id = Text(max_length=64, required=False, default="", allow_blank=True, help_text=_("Of a member; no name."))

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return _adds_up(attrs)


class CounterReturnIn(_DocumentIn):
    """Goods that come back for money. It may come before its sale, and waits for it then."""

    kind = Choice(choices=["return"])
    shift = Code(max_length=40)
    sale = Code(max_length=40, help_text=_("The id of the sale."))
    sale_counter = Code(
        max_length=20,
        required=False,
        default="",
        allow_blank=True,
        help_text=_("Code of the counter that made the sale, if it was another one of the shop."),
    )
    lines = serializers.ListField(child=ReturnedLineIn(), min_length=1, max_length=200)
    payments = serializers.ListField(child=CounterPaymentIn(), max_length=20)
    reason = Text(max_length=200, required=False, default="", allow_blank=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return _adds_up(attrs)


class CounterShiftIn(_DocumentIn):
    """The end of a shift: business_at is its last instant, id the name that its documents carry as shift."""

    kind = Choice(choices=["shift"])
    opened_at = Instant()
    opening_cash = Money()
    cash_in = Money(default=ZERO, help_text=_("Put into the drawer beside sales."))
    cash_out = Money(default=ZERO, help_text=_("Taken out beside returns, such as brought to the bank."))
    counted_cash = Money()
    documents = WholeNumber(min_value=0, max_value=100_000, help_text=_("How many sales and returns the shift had."))


READERS: Mapping[str, type[_DocumentIn]] = {
    DocumentKind.SALE: CounterSaleIn,
    DocumentKind.RETURN: CounterReturnIn,
    DocumentKind.SHIFT: CounterShiftIn,
}


class CounterBatchIn(StrictSerializer):
    """Documents of one counter, in any order, together with others or again."""

    shop = Code(max_length=32, help_text=_("Code of the shop."))
    counter = Code(max_length=20, help_text=_("Code of the counter."))
    sent_at = Instant(help_text=_("The counter's clock at this very try: we tell it how far it is off."))
    documents = serializers.ListField(child=serializers.DictField(), min_length=1, max_length=MOST_DOCUMENTS)


class CounterBatchDocument(StrictSerializer):
    """As CounterBatchIn, with the kinds of documents spelt out for the documentation."""

    shop = Code(max_length=32)
    counter = Code(max_length=20)
    sent_at = Instant()
    documents = PolymorphicProxySerializer(
        component_name="CounterDocument",
        serializers={"sale": CounterSaleIn, "return": CounterReturnIn, "shift": CounterShiftIn},
        resource_type_field_name="kind",
        many=True,
    )


class CounterAnswerOut(serializers.Serializer[Any]):
    """What became of one document."""

    index = serializers.IntegerField(help_text=_("Its place in the batch, from 0."))
    id = serializers.CharField(allow_blank=True)
    status = serializers.ChoiceField(
        choices=[*DocumentState.values, "refused"],
        help_text=_("booked; waiting: kept, and booked by itself when it can be; refused: not kept, mend it."),
    )
    was_known = serializers.BooleanField(help_text=_("It had come before; nothing was done again."))
    waits_for = serializers.ChoiceField(choices=[*WaitReason.values, ""])
    order_id = serializers.IntegerField(allow_null=True, help_text=_("Our order of the sale."))
    error = ProblemOut(allow_null=True)


class CounterBatchOut(serializers.Serializer[Any]):
    """The answers in the order of the batch. What is booked or waiting need not be sent again."""

    received_at = serializers.DateTimeField()
    clock_skew_s = serializers.IntegerField(help_text=_("By how many seconds our clock is ahead of the counter's."))
    results = CounterAnswerOut(many=True)


class CounterBatches(ApiView):
    needs = ApiScope.POS_WRITE

    @extend_schema(
        operation_id="counters_send",
        tags=["counters"],
        summary=_("Send documents of a counter"),
        request=CounterBatchDocument,
        description=_(
            "Up to 500 sales, returns and ends of shifts. Send them when there is a line, in any order, as often as "
            "you like: the id that the counter made tells them apart. Each is answered for itself. They are booked in "
            "the order in which they happened; stock follows even where it is not there. Scope: pos:write."
        ),
        responses={200: CounterBatchOut},
    )
    def post(self, request: Request) -> Response:
        data = self.read_body(CounterBatchIn())
        at = timezone.now()
        counter = counter_of(
            shop_code=data["shop"], code=data["counter"], reach=self.reach(), key_id=request.auth.key_id
        )
        fit, problems = _checked(data["documents"])
        taken = take_batch(counter=counter, sent_at=data["sent_at"], documents=fit, at=at, actor=self.actor())
        answers = {answer.index: answer for answer in taken.answers}
        ids = [str(row.get("id", ""))[:40] for row in data["documents"]]
        results = [_row(index, ids[index], answers.get(index), problems) for index in range(len(ids))]
        return Response({"received_at": at, "clock_skew_s": taken.clock_skew_s, "results": results})


def _checked(rows: Sequence[Mapping[str, Any]]) -> tuple[list[Sent], dict[int, Any]]:
    """The documents that are well formed, and the problems of the others, by place."""
    fit: list[Sent] = []
    problems: dict[int, Any] = {}
    readers = {kind: reader() for kind, reader in READERS.items()}
    for index, row in enumerate(rows):
        kind = row.get("kind")
        reader = readers.get(kind) if isinstance(kind, str) else None
        if reader is None:
            detail = gettext("A document is a sale, a return or a shift.")
            problems[index] = problem_of(RequestInvalid([FieldError(field="kind", code="invalid", detail=detail)]))
            continue
        try:
            data = reader.run_validation(row)
        except ValidationError as error:
            problems[index] = problem_of(RequestInvalid(mistakes_of(error)))
            continue
        said = {name: _plain(value) for name, value in data.items() if name not in ("id", "kind", "business_at")}
        shift = data["id"] if kind == DocumentKind.SHIFT else data["shift"]
        fit.append(Sent(index, str(kind), data["id"], data["business_at"], shift, said))
    return fit, problems


def _plain(value: Any) -> Any:
    """A checked value as JSON keeps it: amounts as texts of two decimals, times in UTC."""
    if isinstance(value, Decimal):
        return f"{value:.2f}"
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    return value.isoformat() if hasattr(value, "isoformat") else value


def _adds_up(attrs: dict[str, Any]) -> dict[str, Any]:
    wrong: dict[str, Any] = {}
    numbers = [line["line"] for line in attrs["lines"]]
    if len(set(numbers)) < len(numbers):
        wrong["lines"] = [ErrorDetail(str(_("Two lines have the same number.")), "repeated")]
    paid = sum((payment["amount"] for payment in attrs["payments"]), ZERO)
    if paid != sum((line["amount"] for line in attrs["lines"]), ZERO):
        wrong["payments"] = [ErrorDetail(str(_("The payments are not the sum of the lines.")), "sum")]
    if wrong:
        raise ValidationError(wrong)
    return attrs


def _row(index: int, number: str, answer: Answer | None, problems: Mapping[int, Any]) -> dict[str, Any]:
    error = problems.get(index)
    if answer is not None and answer.error is not None:
        error = problem_of(answer.error)
    return {
        "index": index,
        "id": number,
        "status": "refused" if answer is None else answer.status,
        "was_known": answer is not None and answer.was_known,
        "waits_for": "" if answer is None else answer.wait_reason,
        "order_id": None if answer is None else answer.order_id,
        "error": error,
    }
