"""Habits that no linter knows: how states change, what may wait for the broker, what money is made of."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

import pytest

from tests.architecture.source import Module, called, modules

# Where tasks may be sent from: the relay's bell and the sweep, both outside of requests and transactions.
RINGERS = {"ordercenter.events.bell", "ordercenter.events.tasks", "ordercenter.events.waking"}
# Reads the numbers of flow documents, which hold no amounts but in whole fen.
FLOAT_READERS = {"ordercenter.common.strictjson"}
# The field itself and its base, which hold the state that transitions change.
STATE_KEEPERS = {"ordercenter.common.fsm"}
RINGING = {"delay", "apply_async", "send_task", "delay_on_commit"}
MOST_SECONDS_AHEAD = 60


def state_written_by_hand(module: Module) -> Iterator[str]:
    if module.name in STATE_KEEPERS:
        return
    for node in ast.walk(module.tree):
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        for target in targets:
            for part in ast.walk(target) if target is not None else ():
                # In __init__ of an error, `self.state` says what was met, it moves nothing.
                own = isinstance(part, ast.Attribute) and getattr(part.value, "id", "") == "self"
                if isinstance(part, ast.Attribute) and part.attr == "state" and not own:
                    yield module.at(node)
        if isinstance(node, ast.Call) and called(node) in ("update", "bulk_update", "setattr", "update_or_create"):
            words = {keyword.arg for keyword in node.keywords}
            texts = {
                part.value for argument in node.args for part in ast.walk(argument) if isinstance(part, ast.Constant)
            }
            if "state" in words or ("state" in texts and called(node) in ("bulk_update", "setattr")):
                yield module.at(node)


def listens_to_model_signals(module: Module) -> Iterator[str]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ImportFrom) and node.module in ("django.db.models.signals", "django_fsm.signals"):
            yield module.at(node)
        if isinstance(node, ast.ImportFrom) and node.module == "django.dispatch":
            yield module.at(node)


def rings_celery(module: Module) -> Iterator[str]:
    if module.name not in RINGERS:
        yield from (module.at(call) for call in module.calls() if called(call) in RINGING)


def plans_a_task_far_ahead(module: Module) -> Iterator[str]:
    """Celery keeps a task with an ETA in a worker's memory and hands it out again after the visibility timeout."""
    for call in module.calls():
        for keyword in call.keywords:
            if keyword.arg == "eta" and called(call) in RINGING:
                yield module.at(call)
            if keyword.arg == "countdown":
                seconds = keyword.value.value if isinstance(keyword.value, ast.Constant) else None
                if not isinstance(seconds, int) or seconds > MOST_SECONDS_AHEAD:
                    yield module.at(call)


def counts_money_in_floats(module: Module) -> Iterator[str]:
    """No float column anywhere, and no conversion to float in a module that handles Decimal."""
    has_money = any(
        isinstance(node, ast.ImportFrom) and node.module in ("decimal", "ordercenter.common.money")
        for node in ast.walk(module.tree)
    )
    for call in module.calls():
        converts = has_money and called(call) == "float" and module.name not in FLOAT_READERS
        if called(call) == "FloatField" or converts:
            yield module.at(call)


def sleeps_in_a_door(module: Module) -> Iterator[str]:
    """A request that sleeps holds a thread that others wait for."""
    if {"views", "api", "admin"} & set(module.name.split(".")):
        yield from (module.at(call) for call in module.calls() if called(call) == "sleep")


@pytest.mark.parametrize(
    "habit",
    [
        state_written_by_hand,
        listens_to_model_signals,
        rings_celery,
        plans_a_task_far_ahead,
        counts_money_in_floats,
        sleeps_in_a_door,
    ],
    ids=lambda habit: habit.__name__,
)
def test_nobody_breaks_the_habit(habit: Callable[[Module], Iterator[str]]) -> None:
    assert [place for module in modules() for place in habit(module)] == []


@pytest.mark.parametrize(
    ("habit", "source"),
    [
        (state_written_by_hand, "order.state = 'paid'"),
        (state_written_by_hand, "a, order.state = 1, 'paid'"),
        (state_written_by_hand, "Order.objects.filter(pk=1).update(state='paid')"),
        (state_written_by_hand, "Order.objects.bulk_update(rows, ['paid_at', 'state'])"),
        (state_written_by_hand, "setattr(order, 'state', 'paid')"),
        (listens_to_model_signals, "from django.db.models.signals import post_save"),
        (listens_to_model_signals, "from django.dispatch import receiver"),
        (rings_celery, "def view(request): send.delay(1)"),
        (rings_celery, "send.apply_async(kwargs={})"),
        (plans_a_task_far_ahead, "send.apply_async(eta=tomorrow)"),
        (plans_a_task_far_ahead, "send.apply_async(countdown=61)"),
        (plans_a_task_far_ahead, "send.apply_async(countdown=until)"),
        (counts_money_in_floats, "price = models.FloatField()"),
        (counts_money_in_floats, "from decimal import Decimal\nfee = float(amount)"),
    ],
)
def test_the_look_sees_what_it_looks_for(habit: Callable[[Module], Iterator[str]], source: str) -> None:
    assert list(habit(Module("ordercenter.example", "example.py", ast.parse(source)))) != []
