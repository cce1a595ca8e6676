"""What a refusal looks like: one class per refusal, with a stable code that is part of the API."""

from __future__ import annotations

from typing import Any, ClassVar

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class OrderCenterError(Exception):
    """Base of every refusal.

    code: dotted, stable, part of the API contract. title: what happened, in plain words. hint: what to do next.
    retryable: whether the same call may succeed later without anybody changing anything (tasks go by it).
    is_pause: nothing was tried because the other side has to be left alone for a while; counts as no try.
    status: the HTTP status that the API answers with.
    """

    code: ClassVar[str] = "common.refused"
    title: ClassVar[str | Promise] = _("The request was refused.")
    hint: ClassVar[str | Promise] = ""
    retryable: ClassVar[bool] = False
    is_pause: ClassVar[bool] = False
    status: ClassVar[int] = 409

    def evidence(self) -> dict[str, Any]:
        """The refusal's data as plain values, for cases, API answers and logs; no personal data."""
        return {key: _plain(value) for key, value in vars(self).items() if not key.startswith("_")}

    def sentence(self) -> str:
        """Title and hint as one text in the active language."""
        return " ".join(str(part) for part in (self.title, self.hint) if part)


def words_of_error(error: BaseException) -> str:
    """What an unexpected error says, to be kept in a row or a log: its kind and its first line.

    The lines after the first are the database's quotations of the values it met, which may be personal data.
    """
    first_line = str(error).partition("\n")[0]
    return f"{type(error).__name__}: {first_line}".replace("\0", "")[:2000]


class Misconfigured(OrderCenterError):
    """A setting is missing or wrong; the message says which one and what to do."""

    code = "common.misconfigured"
    title = _("A setting is missing or wrong.")
    status = 500


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, bool | int | str | list | dict) else str(value)
