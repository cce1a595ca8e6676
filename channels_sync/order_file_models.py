"""Files of orders: the file, how its columns are called, and what becomes of each order in it."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from channels_sync.states import FileState, FileVerdict, OnChecked, PartKind
from ordercenter.catalog.models import Shop
from ordercenter.common.fsm import StateField, StateModel, transition
from ordercenter.common.secretfield import SealedField


class OrderFile(StateModel):
    """A file of orders of one shop, from its upload to the last order of it.

    encoding, delimiter: as it was read; chosen_*: what a person said they are, empty where found out. columns: our name
    of a column -> heading. new .. refused: orders by what they would do, or did. progress: rows, or orders, of the
    present step; total: of how many.
    """

    shop = models.ForeignKey(Shop, models.PROTECT, verbose_name=_("shop"), related_name="+")
    file_name = models.CharField(_("file"), max_length=200, blank=True)
    sha256 = models.CharField(_("digest of the file"), max_length=64)
    size = models.PositiveIntegerField(_("bytes"))
    state = StateField(_("state"), default=FileState.READING, choices=FileState.choices)
    on_checked = models.CharField(_("when checked"), max_length=8, choices=OnChecked.choices, default=OnChecked.WAIT)
    form = models.CharField(_("kind"), max_length=4, blank=True)
    encoding = models.CharField(_("encoding"), max_length=16, blank=True)
    delimiter = models.CharField(_("delimiter"), max_length=1, blank=True)
    chosen_encoding = models.CharField(max_length=16, blank=True)
    chosen_delimiter = models.CharField(max_length=1, blank=True)
    heading_row = models.PositiveIntegerField(_("row of the headings"), default=0)
    headings = models.JSONField(_("headings"), default=list)
    columns = models.JSONField(_("columns"), default=dict)
    unsaid_status = models.CharField(_("status where the file says none"), max_length=8, default="paid")
    rows = models.PositiveIntegerField(_("rows"), default=0)
    orders = models.PositiveIntegerField(_("orders"), default=0)
    new = models.PositiveIntegerField(_("new"), default=0)
    changed = models.PositiveIntegerField(_("changed"), default=0)
    unchanged = models.PositiveIntegerField(_("unchanged"), default=0)
    refused = models.PositiveIntegerField(_("refused"), default=0)
    progress = models.PositiveIntegerField(_("done so far"), default=0)
    total = models.PositiveIntegerField(_("of"), default=0)
    trouble = models.CharField(_("trouble"), max_length=16, blank=True)
    uploaded_at = models.DateTimeField(_("uploaded at"), default=timezone.now)
    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, verbose_name=_("uploaded by"), null=True, blank=True, related_name="+"
    )
    # Who it was, where it was no person: the name of an API key.
    sender = models.CharField(_("sender"), max_length=96, blank=True)
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, verbose_name=_("said yes"), null=True, blank=True, related_name="+"
    )
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)

    class Meta:
        verbose_name = _("file of orders")
        verbose_name_plural = _("files of orders")
        constraints = [
            # However often it is sent, it is one file; one that nobody could read may come again.
            models.UniqueConstraint(
                fields=["shop", "sha256"], condition=~Q(state__in=("discarded", "failed")), name="order_file_once"
            ),
        ]
        indexes = [
            models.Index(
                fields=["id"],
                name="order_file_at_work",
                condition=Q(state__in=("reading", "checking", "importing")),
            )
        ]

    def __str__(self) -> str:
        return f"{self.shop_id} {self.file_name}"

    @property
    def is_at_work(self) -> bool:
        """Whether something goes on in the background."""
        return self.state in (FileState.READING, FileState.CHECKING, FileState.IMPORTING)

    @property
    def sure_orders(self) -> int:
        """How many orders a yes takes in."""
        return self.new + self.changed

    @transition(field=state, source=FileState.READING, target=FileState.READ)
    def read(self) -> None:
        """Its rows are there; somebody has to say which column is which."""

    @transition(field=state, source=[FileState.READING, FileState.READ, FileState.CHECKED], target=FileState.CHECKING)
    def begin_check(self) -> None:
        """Its columns are known: each order is looked at."""

    @transition(field=state, source=FileState.CHECKING, target=FileState.CHECKED)
    def wait(self) -> None:
        """Everything is known that it would do; it waits for a yes."""

    @transition(field=state, source=[FileState.CHECKING, FileState.CHECKED], target=FileState.IMPORTING)
    def approve(self) -> None:
        """Somebody, or the sender beforehand, has said yes."""

    @transition(field=state, source=FileState.IMPORTING, target=FileState.DONE)
    def finish(self) -> None:
        """Each of its orders was taken in, or refused."""

    @transition(
        field=state, source=[FileState.READING, FileState.CHECKING, FileState.IMPORTING], target=FileState.FAILED
    )
    def fail(self) -> None:
        """It cannot be read."""

    @transition(field=state, source=[FileState.READ, FileState.CHECKED, FileState.FAILED], target=FileState.READING)
    def read_again(self) -> None:
        """Somebody says that it is written another way."""

    @transition(
        field=state,
        source=[FileState.READING, FileState.READ, FileState.CHECKING, FileState.CHECKED, FileState.FAILED],
        target=FileState.DISCARDED,
    )
    def discard(self) -> None:
        """Nobody wants it."""


class OrderFilePart(models.Model):
    """A piece of a file as it came, or a thousand of its rows as they were read. Sealed: receivers are in it."""

    file = models.ForeignKey(OrderFile, models.CASCADE, verbose_name=_("file of orders"), related_name="parts")
    kind = models.CharField(max_length=8, choices=PartKind.choices)
    number = models.PositiveIntegerField()
    content = SealedField(_("content"))

    class Meta:
        verbose_name = _("part of a file of orders")
        verbose_name_plural = _("parts of files of orders")
        constraints = [models.UniqueConstraint(fields=["file", "kind", "number"], name="order_file_part_once")]

    def __str__(self) -> str:
        return f"{self.file_id} {self.kind} {self.number}"


class FileOrderRow(models.Model):
    """One order of a file: what it would do, and, once it is done, what it did. Nothing of the buyer is in it.

    problems: lists of row, column, code, text, other; see `order_files/words.py`. order_id: our order.
    """

    # Without a constraint in the database and its own index: written by COPY beside its file.
    file = models.ForeignKey(
        OrderFile, models.CASCADE, verbose_name=_("file of orders"), related_name="lines", db_index=False
    )
    first_row = models.PositiveIntegerField(_("row"))
    rows = models.PositiveIntegerField(_("rows"))
    channel_order_no = models.CharField(_("order number"), max_length=64, blank=True)
    amount = models.DecimalField(_("amount"), max_digits=14, decimal_places=2, null=True, blank=True)
    verdict = models.CharField(_("what it does"), max_length=10, choices=FileVerdict.choices)
    is_done = models.BooleanField(_("done"), default=False)
    problems = models.JSONField(_("problems"), default=list)
    order_id = models.BigIntegerField(_("order"), null=True, blank=True)

    class Meta:
        verbose_name = _("order of a file")
        verbose_name_plural = _("orders of files")
        constraints = [models.UniqueConstraint(fields=["file", "first_row"], name="file_order_once")]
        indexes = [models.Index(fields=["file", "verdict", "first_row"], name="file_order_by_verdict")]

    def __str__(self) -> str:
        return f"{self.file_id}/{self.first_row}"


class OrderFileLayout(models.Model):
    """How the columns of one kind of file of a shop are called; known again by its headings.

    fingerprint: of the headings in their order. columns: our name of a column -> heading.
    """

    shop = models.ForeignKey(Shop, models.CASCADE, verbose_name=_("shop"), related_name="+")
    fingerprint = models.CharField(max_length=32)
    columns = models.JSONField(_("columns"), default=dict)
    unsaid_status = models.CharField(_("status where the file says none"), max_length=8, default="paid")
    changed_at = models.DateTimeField(_("changed at"), default=timezone.now)
    history = HistoricalRecords(history_id_field=models.BigAutoField())

    class Meta:
        verbose_name = _("layout of files of orders")
        verbose_name_plural = _("layouts of files of orders")
        constraints = [models.UniqueConstraint(fields=["shop", "fingerprint"], name="order_file_layout_once")]

    def __str__(self) -> str:
        return f"{self.shop_id} {self.fingerprint[:8]}"
