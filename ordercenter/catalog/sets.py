"""Several pieces of ours sold as one listing: the bundle that holds just these, found or made."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping
from decimal import Decimal

from ordercenter.audit.work import Work
from ordercenter.catalog.errors import PiecesUnlikely, SetOfSets, SkuNotSold
from ordercenter.catalog.models import BundlePart, Sku
from ordercenter.common.errors import OrderCenterError

# (SKU code, pieces) of each part.
Parts = tuple[tuple[str, int], ...]
MOST_PARTS = 20
MOST_PIECES = 999
LONGEST_CODE, LONGEST_NAME = 64, 128


def parts_in_order(parts: Parts) -> Parts:
    """The same parts, each code once, in one order: equal for equal sets."""
    pieces: dict[str, int] = {}
    for code, count in parts:
        pieces[code] = pieces.get(code, 0) + count
    return tuple(sorted(pieces.items()))


def goods_of(texts: Collection[str]) -> dict[str, tuple[str, Parts]]:
    """What people write for goods: a SKU code, or several with pieces, "SKU-1*2 + SKU-2". One statement.

    Returns for each text the code and (), or "" and the parts. A text that is a code as a whole is that code. What
    cannot be read is taken for a code, which then is none of ours.
    """
    wanted = {text: text.strip() for text in texts}
    known = set(Sku.objects.filter(code__any_of=set(wanted.values())).values_list("code", flat=True))
    return {text: (plain, ()) if plain in known else _parts_in(plain) for text, plain in wanted.items()}


def _parts_in(text: str) -> tuple[str, Parts]:
    found: list[tuple[str, int]] = []
    for piece in re.split(r"[+＋,，;；\n]", text):
        match = re.fullmatch(r"\s*(\S(?:.*\S)?)\s*[*×＊]\s*([0-9]{1,4})\s*", piece)
        code, pieces = (match[1], int(match[2])) if match else (piece.strip(), 1)
        if not code or len(code) > LONGEST_CODE:
            return text[:LONGEST_CODE], ()
        found.append((code, pieces))
    return (found[0][0], ()) if len(found) == 1 and found[0][1] == 1 else ("", tuple(found))


def sets_of(
    wanted: Collection[Parts], skus: Mapping[str, Sku], work: Work
) -> dict[str | Parts, Sku | OrderCenterError]:
    """The bundle that holds just these parts, made where there is none yet; or why there can be none.

    wanted: as parts_in_order gives them. skus: the active SKUs of all codes. The bundle's code is made of its parts'
    codes: the same set is found again, unless somebody has changed its parts since; then another one is made.
    Two statements, two more for new sets.
    """
    found: dict[str | Parts, Sku | OrderCenterError] = {}
    names: dict[Parts, tuple[str, str]] = {}
    for parts in wanted:
        problem = problem_of_parts(parts, skus)
        if problem is not None:
            found[parts] = problem
        else:
            names[parts] = (code_of(parts), code_of(parts, sign="~"))
    if not names:
        return found
    known = {s.code: s for s in Sku.objects.filter(code__any_of={code for pair in names.values() for code in pair})}
    held: dict[int, set[tuple[int, int]]] = {}
    for row in BundlePart.objects.filter(bundle_id__in={sku.pk for sku in known.values()}):
        held.setdefault(row.bundle_id, set()).add((row.part_id, row.quantity))
    for parts, codes in names.items():
        just = {(skus[code].pk, pieces) for code, pieces in parts}
        there = [known[code] for code in codes if code in known]
        same = next((sku for sku in there if sku.is_active and sku.is_bundle and held.get(sku.pk) == just), None)
        free = [code for code in codes if code not in known]
        if same is None and not free:
            found[parts] = SkuNotSold(code=codes[0])
        else:
            found[parts] = same or _made(free[0], parts, skus, work)
    return found


def code_of(parts: Parts, *, sign: str = "") -> str:
    """The code of a set of these parts, "SKU-1*2+SKU-2"; a long one ends in a digest. sign: sets it apart."""
    text = "+".join(code if pieces == 1 else f"{code}*{pieces}" for code, pieces in parts) + sign
    if len(text) <= LONGEST_CODE:
        return text
    digest = hashlib.blake2b(text.encode(), digest_size=6).hexdigest()
    return f"{text[: LONGEST_CODE - len(digest) - 1]}#{digest}"


def problem_of_parts(parts: Parts, skus: Mapping[str, Sku]) -> OrderCenterError | None:
    """Why these parts make no set; None when they do. skus: the active SKUs of their codes."""
    for code, pieces in parts:
        if code not in skus:
            return SkuNotSold(code=code)
        if skus[code].is_bundle:
            return SetOfSets(code=code)
        if not 0 < pieces <= MOST_PIECES:
            return PiecesUnlikely(code=code, pieces=pieces)
    return None if len(parts) <= MOST_PARTS else PiecesUnlikely(code=parts[0][0], pieces=len(parts))


def _made(code: str, parts: Parts, skus: Mapping[str, Sku], work: Work) -> Sku:
    names = [skus[part].name + (f" ×{pieces}" if pieces > 1 else "") for part, pieces in parts]
    bundle = Sku(
        code=code,
        name=" + ".join(names)[:LONGEST_NAME],
        is_bundle=True,
        list_price=sum((skus[part].list_price * pieces for part, pieces in parts), Decimal(0)),
        floor_price=sum((skus[part].floor_price * pieces for part, pieces in parts), Decimal(0)),
    )
    work.add([bundle])
    work.add([BundlePart(bundle=bundle, part=skus[part], quantity=pieces) for part, pieces in parts])
    return bundle
