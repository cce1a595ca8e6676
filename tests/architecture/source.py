"""The project's own source, parsed once, for tests that look at how it is written."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("ordercenter", "channels_sync", "fulfillment", "finance")


@dataclass(frozen=True)
class Module:
    """One file of ours: its dotted name, its path from the root, and its syntax tree."""

    name: str
    path: str
    tree: ast.Module

    def calls(self) -> Iterator[ast.Call]:
        return (node for node in ast.walk(self.tree) if isinstance(node, ast.Call))

    def at(self, node: ast.AST) -> str:
        return f"{self.path}:{getattr(node, 'lineno', 0)}"


@cache
def modules() -> tuple[Module, ...]:
    """Every module of the four packages but migrations, which are history."""
    found = []
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            relative = path.relative_to(ROOT)
            if "migrations" not in relative.parts:
                name = ".".join(relative.with_suffix("").parts).removesuffix(".__init__")
                found.append(Module(name, str(relative), ast.parse(path.read_text(encoding="utf-8"))))
    return tuple(found)


def called(call: ast.Call) -> str:
    """The last part of what is called: `b` of `a.b()`."""
    function = call.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
