"""What pages may load and run: our own pages nothing but our own files; the admin theme needs a little more."""

from csp.constants import SELF, UNSAFE_EVAL, UNSAFE_INLINE
from csp.middleware import CSPMiddleware, PolicyParts
from django.http import HttpRequest, HttpResponseBase
from django.urls import NoReverseMatch, reverse

# The theme of the admin evaluates expressions in its pages (Alpine.js) and sets styles inline.
ADMIN_SOURCES = {"script-src": [SELF, UNSAFE_EVAL], "style-src": [SELF, UNSAFE_INLINE]}


class PagePolicyMiddleware(CSPMiddleware):
    """Sends the strict policy of the settings, and below the admin's address the looser one it cannot do without."""

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        parts = super().get_policy_parts(request, response, report_only)
        if not report_only and request.path_info.startswith(_admin_path()):
            parts.replace = {**ADMIN_SOURCES, **(parts.replace or {})}
        return parts


def _admin_path() -> str:
    try:
        return reverse("admin:index")
    except NoReverseMatch:
        return "/admin/"
