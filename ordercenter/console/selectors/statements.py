"""Bills for the reconciliation pages: how they stand, and their lines by verdict."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Count, QuerySet, Sum

from finance.models import Statement, StatementLine
from finance.states import DIFFERENCES, LineState
from ordercenter.common.scope import Scope

PAGE_ROWS = 100


@dataclass(frozen=True)
class VerdictCount:
    """Lines of one verdict: how many, and their amount."""

    verdict: str
    label: str
    total: int
    amount: Decimal

    @property
    def is_open(self) -> bool:
        """Whether such lines keep the day from being closed."""
        return self.verdict in DIFFERENCES or not self.verdict


def statements_in_scope(scope: Scope) -> QuerySet[Statement]:
    """Bills tell about all shops of the company: only those who see all of it see them."""
    statements = Statement.objects.order_by("-business_day", "provider", "pk")
    return statements if scope.is_everything else statements.none()


def verdicts_of(statement: Statement) -> list[VerdictCount]:
    """Every verdict that occurs, differences first. One statement."""
    rows = statement.lines.order_by().values_list("verdict").annotate(n=Count("pk"), amount=Sum("amount"))
    labels: dict[str, str] = {str(state.value): str(state.label) for state in LineState}
    found = [VerdictCount(v, labels.get(v, v), n, amount) for v, n, amount in rows]
    order = ["", *[str(v) for v in DIFFERENCES], str(LineState.SIGNED_OFF), str(LineState.MATCHED)]
    return sorted(found, key=lambda row: order.index(row.verdict))


def open_counts(statement_ids: list[int]) -> dict[int, int]:
    """statement id -> lines that are still differences. One statement."""
    rows = StatementLine.objects.filter(statement_id__in=statement_ids, verdict__in=DIFFERENCES).order_by()
    return dict(rows.values_list("statement_id").annotate(n=Count("pk")))


def lines_of(statement: Statement, verdict: str, after: int) -> tuple[list[StatementLine], bool]:
    """One page of lines with a verdict ("open": all differences), after a line's id, and whether there are more."""
    lines = statement.lines.filter(pk__gt=after).order_by("pk")
    if verdict == "open":
        lines = lines.filter(verdict__in=DIFFERENCES)
    elif verdict:
        lines = lines.filter(verdict=verdict)
    rows = list(lines[: PAGE_ROWS + 1])
    return rows[:PAGE_ROWS], len(rows) > PAGE_ROWS
