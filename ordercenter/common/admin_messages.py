"""What an admin action tells the person: how many were done, and each refusal in plain words."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ordercenter.common.batch import BatchResult

MOST_LINES = 10


def report_batch(request: HttpRequest, result: BatchResult) -> None:
    """One message for all that was done, one line for each refusal, at most ten."""
    done = len(result.done)
    if done:
        messages.success(request, ngettext("%(count)s row done.", "%(count)s rows done.", done) % {"count": done})
    for refusal in result.refused[:MOST_LINES]:
        messages.error(request, f"{refusal.key}: {refusal.error.sentence()}")
    rest = len(result.refused) - MOST_LINES
    if rest > 0:
        messages.error(request, _("%(count)s more were refused.") % {"count": rest})
