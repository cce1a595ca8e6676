"""Tables that a page gives out as a file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from ordercenter.common.csvsafe import Cell, csv_bytes
from ordercenter.common.xlsxsafe import xlsx_bytes

# Form -> (encoding, its name for browsers). CSV in UTF-8 begins with the mark by which spreadsheets know it.
_CSV = {"csv": ("utf-8-sig", "utf-8"), "gb18030": ("gb18030", "gb18030")}
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def table_download(rows: Iterable[Sequence[Cell]], *, name: str, form: str) -> HttpResponseBase:
    """The rows, the heading first, as a file to keep. name: of the file, without its ending, in ASCII.

    form: csv (UTF-8), gb18030 (CSV) or xlsx; anything else raises Http404. CSV is sent as it is made.
    """
    if form == "xlsx":
        response: HttpResponseBase = HttpResponse(xlsx_bytes(rows, title=name), content_type=_XLSX)
    elif form in _CSV:
        encoding, charset = _CSV[form]
        response = StreamingHttpResponse(
            csv_bytes(rows, encoding=encoding), content_type=f"text/csv; charset={charset}"
        )
    else:
        raise Http404
    response["Content-Disposition"] = f'attachment; filename="{name}.{"xlsx" if form == "xlsx" else "csv"}"'
    return response
