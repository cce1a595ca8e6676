"""A file of orders comes in, is looked at, and gets its yes or no. The work itself is done by `running`."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError

from channels_sync.errors import ShopDrivenByPlatform, ShopUnknown
from channels_sync.models import ChannelAccount
from channels_sync.order_file_models import OrderFile, OrderFileLayout, OrderFilePart
from channels_sync.order_files.columns import columns_of, fingerprint_of, heading_row, missing_of
from channels_sync.order_files.errors import (
    NothingToTake,
    OrderColumnsMissing,
    OrderFileEmpty,
    OrderFileTooLarge,
    OrderFileUnknown,
)
from channels_sync.order_files.rows import Row
from channels_sync.states import FileState, OnChecked, PartKind
from ordercenter.audit.deeds import record_deed
from ordercenter.audit.work import Work, unit_of_work
from ordercenter.catalog.models import Shop
from ordercenter.common.actor import Actor
from ordercenter.common.scope import Scope
from ordercenter.common.secretfield import unseal

MOST_BYTES = 64 * 1024 * 1024
PIECE = 512 * 1024
# Adapters of channels that do not tell us of orders by themselves: the file is how they come.
_QUIET = ("file", "pos")
_OVER = (FileState.DISCARDED, FileState.FAILED)


@dataclass(frozen=True, slots=True)
class Brought:
    """The file as it is kept. was_known: it had come before, and nothing was kept again."""

    file: OrderFile
    was_known: bool


def shop_for_files(code: str, reach: Scope) -> Shop:
    """The shop that orders of a file may go to. Raises ShopUnknown, ShopDrivenByPlatform."""
    shop = reach.narrow(Shop.objects.filter(code=code, is_active=True), shop="pk").first()
    if shop is None:
        raise ShopUnknown(shop=code)
    accounts = ChannelAccount.objects.filter(shop=shop, is_active=True).exclude(adapter__in=_QUIET)
    if accounts.exists():
        raise ShopDrivenByPlatform(shop=code)
    return shop


def bring_file(
    *,
    shop: Shop,
    pieces: Callable[[], Iterable[bytes]],
    file_name: str,
    actor: Actor,
    at: datetime,
    on_checked: str = OnChecked.WAIT,
) -> Brought:
    """Keep a CSV file or workbook, sealed; it is read and checked in the background, nothing is taken in yet.

    pieces: begins the file anew, piece by piece; it is never whole in memory. on_checked: of OnChecked, what happens
    without another word. The same bytes for the same shop are the same file, however often they come, unless it was
    discarded. Raises OrderFileEmpty, OrderFileTooLarge.
    """
    sha256, size = _digest_of(pieces())
    known = _known(shop.pk, sha256)
    if known is not None:
        return Brought(known, was_known=True)
    try:
        with unit_of_work(at=at, actor=actor) as work:
            file = OrderFile(
                shop=shop,
                file_name=file_name[:200],
                sha256=sha256,
                size=size,
                on_checked=on_checked,
                uploaded_at=at,
                uploaded_by_id=actor.user_id,
                sender="" if actor.is_person else actor.label[:96],
            )
            work.add([file])
            for number, piece in enumerate(_even(pieces())):
                sealed = base64.b64encode(piece).decode()
                OrderFilePart.objects.create(file_id=file.pk, kind=PartKind.ORIGINAL, number=number, content=sealed)
            details = {"file": file.file_name, "bytes": size, "sha256": sha256}
            record_deed(work, action="orders.file_upload", subject=f"orderfile:{file.pk}", details=details)
        return Brought(file, was_known=False)
    except IntegrityError:
        # The same file twice at one instant.
        known = _known(shop.pk, sha256)
        if known is None:
            raise
        return Brought(known, was_known=True)


def _digest_of(pieces: Iterable[bytes]) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    for piece in pieces:
        digest.update(piece)
        size += len(piece)
        if size > MOST_BYTES:
            raise OrderFileTooLarge(most_bytes=MOST_BYTES)
    if not size:
        raise OrderFileEmpty
    return digest.hexdigest(), size


def _known(shop_id: int, sha256: str) -> OrderFile | None:
    return OrderFile.objects.filter(shop_id=shop_id, sha256=sha256).exclude(state__in=_OVER).first()


def _even(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in pieces of one size."""
    rest = b""
    for piece in pieces:
        rest += piece
        while len(rest) >= PIECE:
            yield rest[:PIECE]
            rest = rest[PIECE:]
    if rest:
        yield rest


def read_differently(
    *, file_id: int, encoding: str, delimiter: str, heading: int, reach: Scope, actor: Actor, at: datetime
) -> OrderFile:
    """Somebody says how the file is written. encoding, delimiter: empty, heading: 0, to be found out."""
    with unit_of_work(at=at, actor=actor) as work:
        file = _locked(work, file_id, reach)
        file.chosen_encoding, file.chosen_delimiter, file.heading_row, file.trouble = encoding, delimiter, heading, ""
        file.progress = file.total = 0
        file.read_again()
        work.save(file, "chosen_encoding", "chosen_delimiter", "heading_row", "trouble", "progress", "total")
    return file


def match_columns(
    *, file_id: int, columns: Mapping[str, str], unsaid_status: str, reach: Scope, actor: Actor, at: datetime
) -> OrderFile:
    """Say which heading is which column; kept for files of the shop with the same headings. Every order is looked at.

    columns: our name -> heading, "" for a column that the file does not have. Raises OrderColumnsMissing.
    """
    with unit_of_work(at=at, actor=actor) as work:
        file = _locked(work, file_id, reach)
        found = columns_of(file.headings, columns)
        if missing := missing_of(found):
            raise OrderColumnsMissing(missing=missing)
        file.columns, file.unsaid_status, file.progress, file.total = found, unsaid_status, 0, 0
        file.begin_check()
        work.save(file, "columns", "unsaid_status", "progress", "total")
        _keep_layout(work, file, columns)
    return file


def _keep_layout(work: Work, file: OrderFile, columns: Mapping[str, str]) -> None:
    values = {"columns": dict(columns), "unsaid_status": file.unsaid_status, "changed_at": work.at}
    OrderFileLayout.objects.update_or_create(
        shop_id=file.shop_id, fingerprint=fingerprint_of(file.headings), defaults=values
    )


def approve_file(*, file_id: int, reach: Scope, actor: Actor, at: datetime) -> OrderFile:
    """The yes: what is new or changed is taken in, in the background. A second yes changes nothing.

    Raises NothingToTake, and TransitionRefused for a file that was not checked.
    """
    with unit_of_work(at=at, actor=actor) as work:
        file = _locked(work, file_id, reach)
        if file.state not in (FileState.IMPORTING, FileState.DONE):
            say_yes(work, file)
    return file


def say_yes(work: Work, file: OrderFile) -> None:
    """Let a checked file go in; with its deed."""
    file.approve()
    if not file.sure_orders:
        raise NothingToTake(file_id=file.pk)
    file.approved_by_id = work.actor.user_id
    file.progress, file.total = 0, file.sure_orders
    work.save(file, "approved_by_id", "progress", "total")
    details = {"file": file.file_name, "new": file.new, "changed": file.changed, "refused": file.refused}
    record_deed(work, action="orders.file_import", subject=f"orderfile:{file.pk}", details=details)


def discard_file(*, file_id: int, reach: Scope, actor: Actor, at: datetime) -> OrderFile:
    """The no: what was kept of it is forgotten; that it was there, and whose it was, stays."""
    with unit_of_work(at=at, actor=actor) as work:
        file = _locked(work, file_id, reach)
        if file.state != FileState.DISCARDED:
            file.discard()
            work.save(file)
            record_deed(work, action="orders.file_discard", subject=f"orderfile:{file.pk}")
        OrderFilePart.objects.filter(file=file).delete()
    return file


def forget_old_files(*, at: datetime, kept: timedelta = timedelta(days=30)) -> int:
    """Receivers in files are not kept longer than anybody needs them: the parts go, what became of the orders stays."""
    old = OrderFile.objects.filter(uploaded_at__lt=at - kept).exclude(state=FileState.IMPORTING).values("pk")
    return OrderFilePart.objects.filter(file__in=old).delete()[0]


def take_headings(file: OrderFile, first: list[Row]) -> bool:
    """Find the headings of a file that was read and match its columns, as the shop did before. first: its first rows.

    True when every column that is needed was found.
    """
    layouts = OrderFileLayout.objects.filter(shop_id=file.shop_id).order_by("-changed_at")
    saved = [heading for layout in layouts[:5] for heading in layout.columns.values() if heading]
    file.heading_row = file.heading_row or heading_row(first, saved)
    cells = next((cells for number, cells in first if number == file.heading_row), ())
    file.headings = _distinct(cells)
    layout = layouts.filter(fingerprint=fingerprint_of(file.headings)).first()
    if layout is not None:
        file.unsaid_status = layout.unsaid_status
    file.columns = columns_of(file.headings, layout.columns if layout is not None else _of_late(layouts.first()))
    return not missing_of(file.columns)


def _of_late(layout: OrderFileLayout | None) -> dict[str, str]:
    """What a file of other headings may share with the shop's last one; that it lacked a column says nothing."""
    return {ours: heading for ours, heading in layout.columns.items() if heading} if layout is not None else {}


def _distinct(cells: Any) -> list[str]:
    """Headings as they stand; one that stands twice gets its number, so that each can be chosen."""
    seen: dict[str, int] = {}
    found = []
    for cell in cells:
        text = cell.strip()[:100]
        seen[text] = seen.get(text, 0) + 1
        found.append(f"{text} ({seen[text]})" if text and seen[text] > 1 else text)
    return found


def _locked(work: Work, file_id: int, reach: Scope) -> OrderFile:
    file = work.lock(OrderFile, [file_id]).get(file_id)
    if file is None or not reach.has_shop(file.shop_id):
        raise OrderFileUnknown(file_id=file_id)
    return file


def original_of(file: OrderFile) -> Iterator[bytes]:
    """The file as it came, piece by piece."""
    for part in file.parts.filter(kind=PartKind.ORIGINAL).order_by("number").iterator(chunk_size=4):
        yield base64.b64decode(unseal(part.content))


def rows_of_file(file: OrderFile) -> Iterator[Row]:
    """The rows as they were read, numbered as spreadsheets do, the heading among them."""
    for part in file.parts.filter(kind=PartKind.ROWS).order_by("number").iterator(chunk_size=4):
        yield from ((number, cells) for number, cells in unseal(part.content))
