"""The answer of a verb that takes many: what was done, and who was refused why."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ordercenter.common.errors import OrderCenterError


@dataclass(frozen=True)
class Refusal:
    """One refused member of a batch: its key and the typed error."""

    key: Any
    error: OrderCenterError

    @property
    def code(self) -> str:
        return self.error.code


@dataclass
class BatchResult:
    """done: what went through, in order. refused: the rest, each with its error. Nothing is ever in neither."""

    done: list[Any] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)

    @contextmanager
    def refusals(self, key: Any, *errors: type[OrderCenterError]) -> Iterator[None]:
        """Turn one of these errors (any of ours if none is named) into a refusal of `key`; the batch goes on."""
        expected = errors or (OrderCenterError,)
        try:
            yield
        except expected as error:
            self.refused.append(Refusal(key, error))

    def refuse(self, key: Any, error: OrderCenterError) -> None:
        self.refused.append(Refusal(key, error))

    def raise_first(self) -> None:
        """For callers with a set of one: the refusal, if any, as an exception."""
        if self.refused:
            raise self.refused[0].error
