"""What is refused about the bills of couriers."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from ordercenter.common.errors import OrderCenterError


class FreightBillUnknown(OrderCenterError):
    """There is no such bill, or not for this caller."""

    code = "fulfillment.freight_bill_unknown"
    title = _("There is no such courier bill.")
    status = 404

    def __init__(self, *, bill_id: int):
        super().__init__(f"courier bill {bill_id} is unknown")
        self.bill_id = bill_id


class FreightFileKnown(OrderCenterError):
    """The same file was taken in before."""

    code = "fulfillment.freight_file_known"
    title = _("This file has been taken in already.")
    hint = _("Open the bill that was made of it; withdraw that one first if it has to be read anew.")

    def __init__(self, *, bill_id: int):
        super().__init__(f"the file is that of courier bill {bill_id}")
        self.bill_id = bill_id


class FreightBillNotOpen(OrderCenterError):
    """The bill is being judged, closed or withdrawn: nobody decides about it."""

    code = "fulfillment.freight_bill_not_open"
    title = _("Nothing can be decided about this courier bill now: it is being judged, closed or withdrawn.")
    hint = _("One that is being judged opens by itself; a closed one is reopened with a reason.")

    def __init__(self, *, bill_id: int, state: str):
        super().__init__(f"courier bill {bill_id} is {state}")
        self.bill_id, self.state = bill_id, state


class FreightBillNotClosed(OrderCenterError):
    """Only a closed bill can be reopened."""

    code = "fulfillment.freight_bill_not_closed"
    title = _("This courier bill is not closed.")
    hint = _("There is nothing to reopen; look at its lines as they are.")

    def __init__(self, *, bill_id: int, state: str):
        super().__init__(f"courier bill {bill_id} is {state}")
        self.bill_id, self.state = bill_id, state


class FreightDifferencesOpen(OrderCenterError):
    """Lines of the bill are neither matched nor signed off."""

    code = "fulfillment.freight_differences_open"
    title = _("The courier bill has differences that nobody has decided.")
    hint = _("Sign each off with a reason, or have the courier correct the bill, then close it.")

    def __init__(self, *, bill_id: int, open_lines: int):
        super().__init__(f"courier bill {bill_id} has {open_lines} open lines")
        self.bill_id, self.open_lines = bill_id, open_lines


class FreightLineNotOpen(OrderCenterError):
    """The line is not of this bill, or there is nothing to decide about it."""

    code = "fulfillment.freight_line_not_open"
    title = _("There is nothing to decide about this line.")
    hint = _("Somebody may have been faster: load the page again.")

    def __init__(self, *, line_id: int):
        super().__init__(f"line {line_id} is no open difference of the bill")
        self.line_id = line_id


class FreightPeriodInvalid(OrderCenterError):
    """A bill is for a period that ends after it begins, of at most a year."""

    code = "fulfillment.freight_period_invalid"
    title = _("The period of the courier bill is not right.")
    hint = _("Give its first and its last day, at most a year apart; without them the days in the file count.")
    status = 422


class FreightEncodingUnsupported(OrderCenterError):
    """The file was asked for in a form that we do not write."""

    code = "fulfillment.freight_encoding_unsupported"
    title = _("The file can be had as UTF-8, GB18030 or XLSX.")
    status = 422

    def __init__(self, *, encoding: str):
        super().__init__(f"{encoding} is not written")
        self.encoding = encoding


class FreightUploadUnknown(OrderCenterError):
    """No such file waits, or it is kept no longer."""

    code = "fulfillment.freight_upload_unknown"
    title = _("There is no such file.")
    hint = _("Files are kept for a day; send it again.")
    status = 404

    def __init__(self, *, upload_id: int):
        super().__init__(f"no file {upload_id} of a courier bill")
        self.upload_id = upload_id


class FreightCourierUnknown(OrderCenterError):
    """A bill names a courier, a warehouse or a product that we do not have."""

    code = "fulfillment.freight_courier_unknown"
    title = _("There is no such courier, warehouse or courier product.")
    hint = _("Look at the codes: capitals count.")
    status = 400

    def __init__(self, *, courier: str):
        super().__init__(f"no courier {courier}, or no such warehouse or product of it")
        self.courier = courier
