"""Why an order has its priority, in plain words."""

from __future__ import annotations

from django.utils.translation import get_language

from ordercenter.orders.models import GradeRule, Order
from ordercenter.orders.services.grading import USUAL


def priority_words(order: Order) -> list[tuple[str, int]]:
    """(name of the rule in the reader's language, points), as they were when the order was graded. One statement, or
    none for an order without a reason.
    """
    if not order.priority_why:
        return []
    points = dict(part.rsplit(":", 1) for part in order.priority_why.split(";") if ":" in part)
    names = {rule.code: rule.shown_name for rule in GradeRule.objects.filter(code__in=points)}
    english = (get_language() or "").startswith("en")
    usual = {code: name_en if english else name for code, name, name_en, *_rest in USUAL}
    # A rule that is gone since then still says its code.
    return [(names.get(code) or usual.get(code) or code, int(number)) for code, number in points.items()]
