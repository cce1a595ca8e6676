"""Fields of the API that take a value in one form only: what a lenient field guesses, somebody has to mend later."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from drf_standardized_errors.formatter import flatten_errors
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from ordercenter.common.keyset import MOST_ROWS, ROWS
from ordercenter.common.problems import FieldError, RequestInvalid

# XML and JSON readers of warehouses and platforms stumble over these.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufdd0-\ufdef\ufffe\uffff]")
_MONEY = re.compile(r"(?:0|[1-9][0-9]{0,11})\.[0-9]{2}")
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?(?:Z|[+-][0-9]{2}:[0-9]{2})"
)
_DIGITS = re.compile(r"[0-9]{1,18}")
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_LATEST = datetime(2100, 1, 1, tzinfo=UTC)


class Text(serializers.CharField):
    """A JSON text, taken as it is: not trimmed, no control characters but tab and line ends."""

    default_error_messages = {"control": _("Control characters are not allowed.")}

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("trim_whitespace", False)
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        if _CONTROL.search(data):
            self.fail("control")
        return data


class Code(Text):
    """A number or code of somebody's books: letters, digits and . _ - / : only."""

    default_error_messages = {"code": _("Only letters, digits and . _ - / : are allowed.")}
    _form = re.compile(r"[0-9A-Za-z._/:-]+")

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if not self._form.fullmatch(text):
            self.fail("code")
        return text


class WholeNumber(serializers.IntegerField):
    """A JSON integer: neither a text, nor 1.0, nor true."""

    def to_internal_value(self, data: Any) -> int:
        if type(data) is not int:
            self.fail("invalid")
        return data


class Flag(serializers.BooleanField):
    """JSON true or false."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class Choice(serializers.ChoiceField):
    """One of some texts."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str):
            self.fail("invalid_choice", input=data)
        return super().to_internal_value(data)


@extend_schema_field({"type": "string", "pattern": r"^(0|[1-9][0-9]{0,11})\.[0-9]{2}$", "example": "236.80"})
class Money(serializers.DecimalField):
    """An amount as text with two decimals, "236.80"; never negative."""

    default_error_messages = {"money": _('An amount is a text with two decimals, such as "236.80".')}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_digits=14, decimal_places=2, **kwargs)

    def to_internal_value(self, data: Any) -> Decimal:
        if not isinstance(data, str) or not _MONEY.fullmatch(data):
            self.fail("money")
        return Decimal(data)


class Instant(serializers.DateTimeField):
    """A time with its zone, 2026-11-11T00:01:05+08:00; given out in UTC."""

    default_error_messages = {
        "instant": _("A time has a date, a time of day and a zone, such as 2026-11-11T00:01:05+08:00."),
        "range": _("Times lie between the years 2000 and 2100."),
    }

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(default_timezone=UTC, **kwargs)

    def to_internal_value(self, data: Any) -> datetime:
        if not isinstance(data, str) or not _INSTANT.fullmatch(data):
            self.fail("instant")
        try:
            at = datetime.fromisoformat(data).astimezone(UTC)
        except (ValueError, OverflowError):
            self.fail("instant")
        if not _EARLIEST <= at < _LATEST:
            self.fail("range")
        return at


class QueryNumber(serializers.IntegerField):
    """A whole number in a query: plain digits."""

    def to_internal_value(self, data: Any) -> int:
        if not isinstance(data, str) or not _DIGITS.fullmatch(data):
            self.fail("invalid")
        return int(data)


@extend_schema_field(OpenApiTypes.BOOL)
class QueryFlag(serializers.Field[bool, str, bool, Any]):
    """true or false in a query."""

    default_error_messages = {"invalid": _("Say true or false.")}

    def to_internal_value(self, data: str) -> bool:
        if data not in ("true", "false"):
            self.fail("invalid")
        return data == "true"

    def to_representation(self, value: bool) -> bool:
        return value


class StrictSerializer(serializers.Serializer[Any]):
    """A JSON object with exactly these fields: a name that nobody knows is a mistake, not noise."""

    default_error_messages = {"unknown": _("There is no such field.")}

    def to_internal_value(self, data: Any) -> Any:
        unknown: dict[str, Any] = {}
        if isinstance(data, Mapping):
            writable = self._names()
            if not data.keys() <= writable:
                message = self.error_messages["unknown"]
                unknown = {
                    str(name)[:64]: [serializers.ErrorDetail(str(message), "unknown")]
                    for name in data
                    if name not in writable
                }
        try:
            value = super().to_internal_value(data)
        except ValidationError as error:
            if unknown and isinstance(error.detail, dict):
                raise ValidationError({**error.detail, **unknown}) from None
            raise
        if unknown:
            raise ValidationError(unknown)
        return value

    def _names(self) -> set[str]:
        names: set[str] | None = self.__dict__.get("_known_names")
        if names is None:
            names = self.__dict__["_known_names"] = {f.field_name for f in self._writable_fields}
        return names


class PageQuery(StrictSerializer):
    """Which page of a list."""

    cursor = Text(required=False, default="", help_text=_("Where the page begins: next_cursor of the page before."))
    limit = QueryNumber(required=False, default=ROWS, min_value=1, max_value=MOST_ROWS, help_text=_("Rows on a page."))


class PageOut(serializers.Serializer[Any]):
    """What every list answers beside its results."""

    next_cursor = serializers.CharField(help_text=_("Empty on the last page."))
    next = serializers.CharField(allow_null=True, help_text=_("Address of the following page."))


def mistakes_of(error: ValidationError) -> list[FieldError]:
    """What a serializer refused, flat: one entry for each field."""
    return [
        FieldError(field=_name(found.attr), code=found.code, detail=str(found.detail))
        for found in flatten_errors(error.detail)
    ]


def read_query(serializer: type[StrictSerializer], query: QueryDict) -> dict[str, Any]:
    """The parameters of a query, checked. Raises RequestInvalid; a parameter that nobody knows is refused as well:
    a misspelt filter would otherwise give everything.
    """
    reader = serializer()
    data: dict[str, Any] = {}
    twice: list[FieldError] = []
    for name, values in query.lists():
        if isinstance(reader.fields.get(name), serializers.ListField):
            data[name] = values
        elif len(values) == 1:
            data[name] = values[0]
        else:
            twice.append(FieldError(field=name[:64], code="repeated", detail=str(_("Name it once."))))
    if twice:
        raise RequestInvalid(twice)
    try:
        return dict(reader.run_validation(data))
    except ValidationError as error:
        raise RequestInvalid(mistakes_of(error)) from None


def _name(attr: str | None) -> str:
    name = attr or ""
    return name.removesuffix("non_field_errors").rstrip(".")
