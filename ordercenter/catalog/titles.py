"""How much the title of a listing says about goods of ours. No database.

Chinese is written without spaces between words: texts are compared by pairs of neighbouring characters, Latin words and
numbers as they are. What is rare among our goods says more (inverse document frequency), and what tells variants apart
(colours, sizes, numbers with their unit) says twice as much as it would otherwise. The score is how much of the weight
of our name is found in the listing, and how much of the listing's choice is found in our name.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

# A word of a variant weighs so many times as much as another one that is as rare.
VARIANT_WEIGHT = 2.0
# Of the score, the part of the listing's choice in words; the rest is our name's.
CHOICE_PART = 0.4
# A word of the choice that none of our goods has: it counts against all of them, but may be mere decoration.
STRANGE_PART = 0.5

_PIECE = re.compile(r"[\u3400-\u9fff]+|[a-z0-9]+(?:\.[0-9]+[a-z]*)*")
_TIMES = re.compile(r"(?<=[0-9])\s*[×✕*x]\s*(?=[0-9])")
_COLOURS = frozenset("黑白灰红橙黄绿青蓝紫粉棕褐金银米驼咖杏藕靛")
_VARIANTS = frozenset(
    "大号 中号 小号 特大 加大 加厚 均码 单条 单只 单个 双人 单人 男款 女款 儿童 成人 原色 透明 高枕 低枕"
    " s m l xl xxl xxxl xs small medium large"
    " black white grey gray red orange yellow green blue purple pink brown".split()
)


@dataclass(frozen=True, slots=True)
class Likeness:
    """at: which of our names. score: 0 to 1. found, missing: the parts of our name that the listing says and lacks."""

    at: int
    score: float
    found: tuple[str, ...]
    missing: tuple[str, ...]


class TitleIndex:
    """Our names, ready to be compared with. 50,000 of them take about a second and some 20 MB."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names
        places: dict[str, list[int]] = defaultdict(list)
        for at, name in enumerate(names):
            for gram in grams_of(name):
                places[gram].append(at)
        self._strange = _weight(0, len(names))
        self._weights = {gram: _weight(len(at), len(names)) * _factor(gram) for gram, at in places.items()}
        self._places = {gram: np.array(at, np.int32) for gram, at in places.items()}
        self._whole = np.zeros(len(names))
        for gram, where in self._places.items():
            self._whole[where] += self._weights[gram]

    def best(self, title: str, choice: str, *, most: int) -> list[Likeness]:
        """The names that a listing's title and its choice in words say most about, the best first; none that share
        nothing with it.
        """
        choices = grams_of(choice_values(choice))
        said = grams_of(title) | choices
        score = self._found(said)
        np.divide(score, self._whole, out=score, where=self._whole > 0)
        if choices:
            known = sum(self._weights.get(gram, self._strange * STRANGE_PART) for gram in choices)
            score = (1 - CHOICE_PART) * score + CHOICE_PART * self._found(choices) / known
        count = min(most, len(score))
        top = np.argpartition(-score, count - 1)[:count] if count else ()
        ranked = sorted((at for at in map(int, top) if score[at] > 0), key=lambda at: (-score[at], at))
        return [Likeness(at, float(score[at]), *_parts(self.names[at], said)) for at in ranked]

    def _found(self, grams: Iterable[str]) -> npt.NDArray[np.float64]:
        found = np.zeros(len(self.names))
        for gram in grams:
            at = self._places.get(gram)
            if at is not None:
                found[at] += self._weights[gram]
        return found


def grams_of(text: str) -> set[str]:
    """What a text is compared by: pairs of neighbouring Chinese characters, colours alone, Latin words and numbers."""
    grams: set[str] = set()
    for piece in _PIECE.findall(plain(text)):
        if piece[0] < "\u3400":
            grams.add(piece)
            continue
        grams.update(piece[at : at + 2] for at in range(len(piece) - 1))
        grams.update(sign for sign in piece if sign in _COLOURS)
        if len(piece) == 1:
            grams.add(piece)
    return grams


def choice_values(choice: str) -> str:
    """A choice in words without the names of its properties: "颜色分类:雾蓝;尺寸:45cm" says 雾蓝 and 45cm."""
    parts = re.split(r"[;；,，/|]", choice)
    return " ".join(re.split(r"[:：]", part, maxsplit=1)[-1] for part in parts)


def plain(text: str) -> str:
    """Half width, small letters, one sign for "times"."""
    return _TIMES.sub("x", unicodedata.normalize("NFKC", text).casefold())


def _weight(places: int, names: int) -> float:
    return math.log(1 + (names + 1) / (places + 1))


def _factor(gram: str) -> float:
    is_variant = gram in _VARIANTS or gram in _COLOURS or any(sign.isdigit() for sign in gram)
    return VARIANT_WEIGHT if is_variant else 1.0


def _parts(name: str, said: set[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The runs of our name that are said, and those that are not; single characters between are left out."""
    found: list[str] = []
    missing: list[str] = []
    for piece in _PIECE.findall(plain(name)):
        if piece[0] < "\u3400" or len(piece) == 1:
            (found if piece in said else missing).append(piece)
            continue
        covered = [False] * len(piece)
        for at in range(len(piece) - 1):
            if piece[at : at + 2] in said:
                covered[at] = covered[at + 1] = True
        start = 0
        for at in range(1, len(piece) + 1):
            if at == len(piece) or covered[at] != covered[start]:
                if at - start > 1:
                    (found if covered[start] else missing).append(piece[start:at])
                start = at
    return tuple(found), tuple(missing)
