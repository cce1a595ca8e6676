"""Which goods of ours a listing may be: by code, by bar code, by title; with a score, and the reason in words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from django.utils.translation import gettext as _

from fulfillment.models import Barcode
from ordercenter.audit.stamps import compiled
from ordercenter.audit.work import unit_of_work
from ordercenter.catalog.listings import CodedSku, Listing, only_sku, skus_with_codes
from ordercenter.catalog.models import Sku
from ordercenter.catalog.titles import Likeness, TitleIndex, plain

MOST = 3
# Of a hundred. What a title says is never as sure as a code.
SCORE_CODE, SCORE_BARCODE, SCORE_DOUBTFUL_CODE, SCORE_TITLE = 100, 98, 90, 95
WORST_SHOWN = 30
# A title is sure when it says nearly all of our name, and of the next best one much less.
SURE_FROM, SURE_BEFORE_NEXT = 0.9, 0.12
# A listing that sells several at once must not be taken for one piece: 2个装, 3条装, 两件, 买一送一, 套装.
_SEVERAL = re.compile(
    r"(?:[2-9]|[1-9][0-9]|两|二|三|四|五|六|七|八|九|十)\s*(?:个|只|条|件|片|套|双|瓶|包|盒|支|卷|袋|对)(?!月)|"
    r"买[一1二2两]送[一1二2]|套装|组合|礼盒|(?:pack|set) of [0-9]+|[2-9]-?(?:pack|pcs)"
)

Kind = Literal["code", "doubtful_code", "barcode", "title"]


class Asked(NamedTuple):
    """A listing and what the platform says about it."""

    listing: Listing
    title: str
    choice: str
    code: str


@dataclass(frozen=True, slots=True)
class Suggestion:
    """score: 0 to 100. is_sure: good enough to be bound together with others, after a look."""

    sku_code: str
    sku_name: str
    is_bundle: bool
    kind: Kind
    score: int
    is_sure: bool
    found: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    several: str = ""

    @property
    def reason(self) -> str:
        """Why it is suggested, in the reader's language."""
        if self.kind == "code":
            return _("Its code is this SKU's, apart from how it is written.")
        if self.kind == "doubtful_code":
            return _("Its code is this SKU's, but other SKUs have the same code in another writing.")
        if self.kind == "barcode":
            return _("Its code is a bar code of this SKU.")
        text = _("The title says “%(found)s”.") % {"found": " ".join(self.found)}
        if self.missing:
            text += " " + _("It does not say “%(missing)s”.") % {"missing": " ".join(self.missing)}
        if self.several:
            text += " " + _("It speaks of “%(several)s”: look whether it is more than one piece.") % {
                "several": self.several
            }
        return text


@dataclass(frozen=True)
class _Names:
    titles: TitleIndex
    ids: Sequence[int]


def suggest(asked: Sequence[Asked], *, most: int = MOST) -> dict[Listing, list[Suggestion]]:
    """At most so many suggestions for each listing, the best first. Five statements, however many listings.

    The names of our SKUs are read once for each version of them and process: about a second for 50,000.
    """
    with unit_of_work() as work:
        names = compiled(work, "skus", _names)
    by_code = skus_with_codes({a.code for a in asked})
    by_barcode = _barcodes({a.code for a in asked if a.code})
    alike = {a.listing: names.titles.best(a.title, a.choice, most=most + 1) for a in asked}
    ids = {sku.sku_id for found in by_code.values() for sku in found} | set(by_barcode.values())
    ids |= {names.ids[like.at] for found in alike.values() for like in found}
    skus = {sku.pk: sku for sku in Sku.objects.filter(pk__any_of=ids, is_active=True)}
    answer = {}
    for a in asked:
        found = [
            *_by_code(by_code.get(a.code, []), skus),
            *([_plain("barcode", skus[by_barcode[a.code]])] if by_barcode.get(a.code) in skus else []),
            *_by_title(a, [(like, names.ids[like.at]) for like in alike[a.listing]], skus),
        ]
        best: dict[str, Suggestion] = {}
        for suggestion in found:
            best.setdefault(suggestion.sku_code, suggestion)
        answer[a.listing] = sorted(best.values(), key=lambda s: -s.score)[:most]
    return answer


def sure_one(suggestions: Iterable[Suggestion]) -> Suggestion | None:
    """The suggestion that is sure, if it is the only one."""
    sure = [suggestion for suggestion in suggestions if suggestion.is_sure]
    return sure[0] if len(sure) == 1 else None


def _names() -> _Names:
    rows = list(Sku.objects.filter(is_active=True).order_by("pk").values_list("pk", "name"))
    return _Names(TitleIndex([name for _pk, name in rows]), [pk for pk, _name in rows])


def _by_code(found: Sequence[CodedSku], skus: Mapping[int, Sku]) -> list[Suggestion]:
    kind: Kind = "doubtful_code" if only_sku(found) is None else "code"
    return [_plain(kind, skus[sku.sku_id]) for sku in found if sku.sku_id in skus]


def _plain(kind: Kind, sku: Sku) -> Suggestion:
    score = {"code": SCORE_CODE, "doubtful_code": SCORE_DOUBTFUL_CODE, "barcode": SCORE_BARCODE}[kind]
    return Suggestion(sku.code, sku.name, sku.is_bundle, kind, score, is_sure=kind != "doubtful_code")


def _by_title(asked: Asked, alike: Sequence[tuple[Likeness, int]], skus: Mapping[int, Sku]) -> list[Suggestion]:
    several = _SEVERAL.search(plain(f"{asked.title} {asked.choice}"))
    found = []
    for place, (like, sku_id) in enumerate(alike):
        sku, score = skus.get(sku_id), round(like.score * SCORE_TITLE)
        if sku is None or score < WORST_SHOWN:
            continue
        doubt = several.group() if several and several.group() not in plain(sku.name) else ""
        next_best = alike[place + 1][0].score if place + 1 < len(alike) else 0.0
        is_sure = place == 0 and not doubt and like.score >= SURE_FROM and like.score - next_best >= SURE_BEFORE_NEXT
        found.append(
            Suggestion(sku.code, sku.name, sku.is_bundle, "title", score, is_sure, like.found, like.missing, doubt)
        )
    return found


def _barcodes(codes: Iterable[str]) -> dict[str, int]:
    """SKU ids by the code that is a bar code of that one SKU: as it is, or with the leading zeros by which EAN-13,
    GTIN-14 and UPC-A differ.
    """
    writings: dict[str, set[str]] = {}
    for code in codes:
        digits = re.sub(r"[\s-]", "", code)
        bare = digits.lstrip("0")
        longer = {bare.zfill(length) for length in (12, 13, 14)} if bare.isdigit() and 8 <= len(bare) <= 14 else set()
        for writing in {code, digits, *longer}:
            writings.setdefault(writing, set()).add(code)
    found: dict[str, set[int]] = {}
    for text, sku_id in Barcode.objects.filter(text__any_of=sorted(writings)).values_list("text", "sku_id"):
        for code in writings[text]:
            found.setdefault(code, set()).add(sku_id)
    return {code: next(iter(skus)) for code, skus in found.items() if len(skus) == 1}
