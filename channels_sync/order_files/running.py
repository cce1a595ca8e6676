"""The work on a file of orders: read it, look at each order, take in what is new. Goes on where it was ended.

Every step writes how far it is with what it did, in one transaction for some hundred orders: a process that is killed
loses the transaction it was in and nothing else, and the next one goes on behind it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

import structlog
from django.db import IntegrityError, InterfaceError, OperationalError
from django.utils import timezone

from channels_sync.booking import book_payments
from channels_sync.order_file_models import FileOrderRow, OrderFile, OrderFilePart
from channels_sync.order_files.bringing import original_of, rows_of_file, say_yes, take_headings
from channels_sync.order_files.judging import Judge, Judged
from channels_sync.order_files.rows import FileOrder, Layout, Problem, Row, layout_of, orders_in
from channels_sync.states import FileState, FileVerdict, OnChecked, PartKind
from ordercenter.audit.work import Work, unit_of_work
from ordercenter.common.actor import Actor
from ordercenter.common.errors import OrderCenterError, words_of_error
from ordercenter.common.rows import new_row
from ordercenter.common.sessions import alone_at
from ordercenter.common.sheets import MOST_ROWS
from ordercenter.common.table_process import ReadingLimits, TableBroken, opened_table
from ordercenter.orders import services as orders
from ordercenter.orders.services import TakenOrder

logger = structlog.get_logger(__name__)
T = TypeVar("T")
CHUNK = 500
ROWS_IN_PART = 1000
FIRST_ROWS = 40
LIMITS = ReadingLimits(rows=MOST_ROWS)
_GUARDS = ("order_once_per_shop", "entry_once")


def waiting_files(*, most: int = 10) -> list[int]:
    """Files on which something is to be done, the oldest first."""
    at_work = OrderFile.objects.filter(state__in=(FileState.READING, FileState.CHECKING, FileState.IMPORTING))
    return list(at_work.order_by("pk").values_list("pk", flat=True)[:most])


def work_on(file_id: int) -> bool:
    """Do what is to be done on this file, up to where a person is needed. False: another process is at it.

    A file that cannot be read ends as failed; so does one on which something fails that nobody foresaw. A database that
    went away is met again at the next look.
    """
    with alone_at("order_file", file_id) as is_ours:
        if not is_ours:
            return False
        try:
            while (file := OrderFile.objects.get(pk=file_id)).is_at_work:
                _STEPS[file.state](file)
        except TableBroken as error:
            _end_badly(file_id, error.problem)
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            # The border: the other files go on, and this one must not be tried for ever.
            logger.exception("order_file.failed", file=file_id)
            _end_badly(file_id, "failed")
    return True


def _end_badly(file_id: int, trouble: str) -> None:
    with unit_of_work() as work:
        file = work.lock(OrderFile, [file_id])[file_id]
        if file.is_at_work:
            file.fail()
            file.trouble, file.finished_at = trouble[:16], work.at
            work.save(file, "trouble", "finished_at")


def _read(file: OrderFile) -> None:
    """Rows out of the file, by the process that is made for it, kept a thousand to a part."""
    OrderFilePart.objects.filter(file=file, kind=PartKind.ROWS).delete()
    first: list[Row] = []
    count = 0
    limits, given = LIMITS, {"encoding": file.chosen_encoding, "delimiter": file.chosen_delimiter}
    with opened_table(original_of(file), limits=limits, **given) as table:
        for number, block in enumerate(_in_blocks(table.rows, ROWS_IN_PART)):
            first = first or list(block[:FIRST_ROWS])
            count += len(block)
            OrderFilePart.objects.create(file=file, kind=PartKind.ROWS, number=number, content=block)
            OrderFile.objects.filter(pk=file.pk).update(progress=count)
        how = dict(table.how)
    if not count:
        raise TableBroken(problem="empty")
    with unit_of_work() as work:
        locked = work.lock(OrderFile, [file.pk])[file.pk]
        locked.form, locked.rows = how["form"], count
        locked.encoding, locked.delimiter = how.get("encoding", ""), how.get("delimiter", "")
        is_known = take_headings(locked, first)
        locked.progress, locked.total = 0, 0
        if is_known:
            locked.begin_check()
        else:
            locked.read()
        work.save(locked, "form", "rows", "encoding", "delimiter", "heading_row", "headings", "columns")
        work.save(locked, "unsaid_status", "progress", "total")


def _check(file: OrderFile) -> None:
    """What each order would do, counted and kept; nothing of the orders is written."""
    FileOrderRow.objects.filter(file=file).delete()
    judge = Judge(file.shop)
    counts = dict.fromkeys(FileVerdict.values, 0)
    total = 0
    for block in _in_blocks(_orders_of(file), CHUNK):
        judged = judge.judge(block)
        for one in judged:
            counts[one.verdict] += 1
        total += sum(len(one.order.rows) for one in judged)
        with unit_of_work() as work:
            work.add([_row_of(file, one) for one in judged])
            OrderFile.objects.filter(pk=file.pk).update(progress=total, total=file.rows)
    with unit_of_work(actor=_actor(file)) as work:
        locked = work.lock(OrderFile, [file.pk])[file.pk]
        if locked.state != FileState.CHECKING:
            return
        if not sum(counts.values()):
            raise TableBroken(problem="empty")
        locked.orders = sum(counts.values())
        locked.new, locked.changed = counts[FileVerdict.NEW], counts[FileVerdict.CHANGED]
        locked.unchanged, locked.refused = counts[FileVerdict.UNCHANGED], counts[FileVerdict.REFUSED]
        work.save(locked, "orders", "new", "changed", "unchanged", "refused")
        is_clean = locked.on_checked == OnChecked.CLEAN and not locked.refused
        if locked.sure_orders and (is_clean or locked.on_checked == OnChecked.TAKE):
            say_yes(work, locked)
        else:
            locked.wait()


def _import(file: OrderFile) -> None:
    """Take in what is new or changed and not done yet, some hundred orders to a transaction."""
    lines = FileOrderRow.objects.filter(file=file, is_done=False, verdict__in=(FileVerdict.NEW, FileVerdict.CHANGED))
    todo = set(lines.values_list("first_row", flat=True))
    judge = Judge(file.shop)
    for block in _in_blocks((o for o in _orders_of(file) if o.first_row in todo), CHUNK):
        _take(file, judge, block)
    with unit_of_work(actor=_actor(file)) as work:
        locked = work.lock(OrderFile, [file.pk])[file.pk]
        locked.finish()
        locked.finished_at = work.at
        work.save(locked, "finished_at")


_STEPS = {FileState.READING: _read, FileState.CHECKING: _check, FileState.IMPORTING: _import}


def _take(file: OrderFile, judge: Judge, block: Sequence[FileOrder]) -> None:
    """One transaction for these orders; where it fails, by halves, until the order that cannot be done stands alone."""
    try:
        _take_together(file, judge, block)
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:  # noqa: BLE001 - undone by halves, see below
        # The border: one order that nobody foresaw must not keep the others out.
        if len(block) > 1:
            middle = len(block) // 2
            _take(file, judge, block[:middle])
            _take(file, judge, block[middle:])
            return
        if isinstance(error, IntegrityError) and any(guard in str(error) for guard in _GUARDS):
            # Somebody else has just taken in the same order: looked at again, it is known.
            _take_together(file, judge, block)
            return
        logger.warning("order_file.order_refused", file=file.pk, row=block[0].first_row, error=words_of_error(error))
        _refuse(file, block[0], error)


def _take_together(file: OrderFile, judge: Judge, block: Sequence[FileOrder]) -> None:
    actor = _actor(file)
    with unit_of_work(at=timezone.now(), actor=actor) as work:
        judged = judge.judge(block)
        taken = [TakenOrder(file.shop_id, j.order.order) for j in judged if j.is_taken and j.order.order is not None]
        # One order of locks and keys for all files and lists: two of them with the same orders wait for each other.
        taken.sort(key=lambda t: t.order.channel_order_no)
        result = orders.take_orders(taken=taken, work=work)
        fees = {file.shop_id: file.shop.payment_fee_bp}
        book_payments(taken=taken, orders=result.by_number, fees=fees, work=work, actor=actor)
        ours = {number: order.pk for (_shop, number), order in result.by_number.items()}
        _write_down(work, file, judged, ours)


def _write_down(work: Work, file: OrderFile, judged: Sequence[Judged], ours: dict[str, int]) -> None:
    locked = work.lock(OrderFile, [file.pk])[file.pk]
    wanted = [j.order.first_row for j in judged]
    rows = list(FileOrderRow.objects.filter(file=file, first_row__in=wanted).order_by("pk").select_for_update())
    work.adopt(FileOrderRow, rows)
    by_row = {row.first_row: row for row in rows}
    for one in judged:
        row = by_row[one.order.first_row]
        if row.verdict != one.verdict:
            # Something happened to the order since the file was looked at.
            setattr(locked, row.verdict, getattr(locked, row.verdict) - 1)
            setattr(locked, one.verdict, getattr(locked, one.verdict) + 1)
        row.verdict, row.is_done = one.verdict, True
        row.problems, row.order_id = list(one.problems), ours.get(one.order.number, one.order_id)
        work.save(row, "verdict", "is_done", "problems", "order_id")
    locked.progress += len(judged)
    work.save(locked, "progress", *FileVerdict.values)


def _refuse(file: OrderFile, order: FileOrder, error: Exception) -> None:
    word = error.code if isinstance(error, OrderCenterError) else type(error).__name__
    problem = Problem(order.first_row, "", "refused", word)
    with unit_of_work(actor=_actor(file)) as work:
        _write_down(work, file, [Judged(order, FileVerdict.REFUSED, (problem,))], {})


def _orders_of(file: OrderFile) -> Iterator[FileOrder]:
    return orders_in(lambda: rows_of_file(file), file_layout(file), at=file.uploaded_at)


def file_layout(file: OrderFile) -> Layout:
    """How the rows of this file are read."""
    return layout_of(
        file.headings,
        file.columns,
        zone=file.shop.time_zone,
        status="created" if file.unsaid_status == "created" else "paid",
        heading_row=file.heading_row,
    )


def _row_of(file: OrderFile, judged: Judged) -> FileOrderRow:
    order = judged.order
    return new_row(
        FileOrderRow,
        file_id=file.pk,
        first_row=order.first_row,
        rows=len(order.rows),
        channel_order_no=order.number[:64].replace("\0", ""),
        amount=order.order.total_amount if order.order is not None else None,
        verdict=str(judged.verdict),
        problems=[list(problem) for problem in judged.problems[:20]],
        order_id=judged.order_id,
    )


def _actor(file: OrderFile) -> Actor:
    """In whose name a file is taken in: who said yes, or who brought it."""
    user = file.approved_by or file.uploaded_by
    if user is not None:
        return Actor("person", user.get_username(), user.pk)
    return Actor("integration", file.sender)


def _in_blocks(things: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(things)
    while block := list(islice(iterator, size)):
        yield block
