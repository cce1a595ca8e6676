"""What is refused of a file of orders as a whole; what is wrong with its rows is kept with them."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext_lazy as _

from ordercenter.common.errors import OrderCenterError


class OrderFileUnknown(OrderCenterError):
    """There is no such file, or none in a shop that one may see."""

    code = "channels.order_file_unknown"
    title = _("There is no such file of orders.")
    status = 404

    def __init__(self, *, file_id: int):
        super().__init__(f"file of orders {file_id} is unknown")
        self.file_id = file_id


class OrderFileTooLarge(OrderCenterError):
    """More bytes than are taken at once."""

    code = "channels.order_file_too_large"
    title = _("The file is too large.")
    hint = _("Divide it into several files.")
    status = 413

    def __init__(self, *, most_bytes: int):
        super().__init__(f"more than {most_bytes} bytes")
        self.most_bytes = most_bytes


class OrderFileEmpty(OrderCenterError):
    """A file of no bytes."""

    code = "channels.order_file_empty"
    title = _("The file is empty.")
    status = 400


class OrderColumnsMissing(OrderCenterError):
    """Columns without which no order can be read are not matched. missing: our names."""

    code = "channels.order_columns_missing"
    title = _("Columns are missing that every order needs.")
    hint = _("Say which heading of the file is which column.")
    status = 400

    def __init__(self, *, missing: Sequence[str]):
        super().__init__(f"columns missing: {', '.join(missing)}")
        self.missing = list(missing)


class NothingToTake(OrderCenterError):
    """None of the file's orders is new or changed."""

    code = "channels.nothing_to_take"
    title = _("There is nothing in the file that would change anything.")
    hint = _("Mend the rows that are refused, and send them again.")

    def __init__(self, *, file_id: int):
        super().__init__(f"file {file_id} has neither new nor changed orders")
        self.file_id = file_id
