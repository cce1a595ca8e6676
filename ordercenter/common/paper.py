"""Paper: PDFs set by typst from a template of ours and plain data, with bar codes and Chinese.

What comes from outside reaches the template as data, never as markup. A font with Chinese is looked for once: the one
that OC_PAPER_FONT names, else in the usual places of Debian, else the one that a Python package of ours brings.
"""

from __future__ import annotations

import importlib.util
import io
import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import segno
import typst
from barcode.codex import Code128  # type: ignore[import-untyped]
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from ordercenter.common.errors import Misconfigured, OrderCenterError

_PLACES = (
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/truetype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/opentype/source-han-sans/SourceHanSansCN-Regular.otf",
    "/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc",
    "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc",
)
_PACKAGES = (("noto_cjk_sans_otc", "NotoSansCJK-Regular.ttc"),)
# Whichever of them the file holds; first the forms of the mainland.
FAMILIES = ("Noto Sans CJK SC", "Source Han Sans CN", "WenQuanYi Zen Hei", "WenQuanYi Micro Hei")


class FontMissing(Misconfigured):
    """No font with Chinese characters was found on this machine."""

    code = "common.font_missing"
    title = _("No font with Chinese characters was found.")
    hint = _("Install fonts-noto-cjk, or set OC_PAPER_FONT to the path of a font file.")


class PaperNotMade(OrderCenterError):
    """The template and the data do not fit: a fault of ours, said with the setter's own words."""

    code = "common.paper_not_made"
    title = _("The paper could not be made.")
    status = 500


def make_pdf(template: Path, data: Mapping[str, Any]) -> bytes:
    """Set a typst template with this data, which it reads by `json(bytes(sys.inputs.data))`; the PDF's bytes.

    data: plain JSON values; "families" (names of fonts, for `set text`) is added. Images go in as SVG text. About ten
    milliseconds a page. Safe to call from many threads. Raises FontMissing, PaperNotMade.
    """
    fonts, families = _fonts(str(settings.PAPER_FONT))
    text = json.dumps({**data, "families": families}, ensure_ascii=False)
    try:
        pdf = typst.compile(
            template.read_bytes(),
            font_paths=fonts,
            sys_inputs={"data": text},
            pdf_tags=False,
        )
    except typst.TypstError as error:
        raise PaperNotMade(f"{template.name}: {str(error)[:300]}") from error
    if not isinstance(pdf, bytes):
        raise PaperNotMade(f"{template.name}: no PDF")
    return pdf


def code128_svg(text: str) -> str:
    """A Code 128 bar code as SVG, one unit a module, without quiet zone and text. text: ASCII."""
    (modules,) = Code128(text).build()
    bars = []
    at = 0
    for run in _runs(modules):
        if modules[at] == "1":
            bars.append(f"M{at} 0h{run}v10h-{run}z")
        at += run
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {at} 10" preserveAspectRatio="none">'
        f'<path d="{"".join(bars)}"/></svg>'
    )


def qr_svg(text: str) -> str:
    """A QR code as SVG, error level M, with its quiet zone."""
    code = segno.make_qr(text, error="m")
    out = io.BytesIO()
    code.save(out, kind="svg", border=2, xmldecl=False, nl=False, omitsize=True)
    return out.getvalue().decode()


@cache
def _fonts(named: str) -> tuple[typst.Fonts, list[str]]:
    """The fonts of the folder that the file lies in, for typst reads folders, and the names to set with, best first."""
    path = find_font(named)
    fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(path.parent)])
    there = fonts.families()
    if not there:
        raise FontMissing(f"{path} is no font that can be read")
    known = [family for family in FAMILIES if family in there]
    return fonts, known or there


@cache
def find_font(named: str = "") -> Path:
    """The font file to set Chinese with. named: the setting; empty looks by itself. Raises FontMissing."""
    if named:
        path = Path(named)
        if not path.is_file():
            raise FontMissing(f"OC_PAPER_FONT names {named}, which is no file")
        return path
    for path in _candidates():
        if path.is_file():
            return path
    raise FontMissing("no font with Chinese characters: install fonts-noto-cjk or set OC_PAPER_FONT")


def _candidates() -> Iterable[Path]:
    yield from map(Path, _PLACES)
    for package, file in _PACKAGES:
        found = importlib.util.find_spec(package)
        for folder in (found.submodule_search_locations or ()) if found else ():
            yield Path(folder) / file


def _runs(modules: str) -> Iterable[int]:
    start = 0
    for at in range(1, len(modules) + 1):
        if at == len(modules) or modules[at] != modules[start]:
            yield at - start
            start = at
