"""What the documentation says of every call alike: how it refuses."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.openapi import AutoSchema
from rest_framework import serializers

from ordercenter.common.problems import CONTENT_TYPE

_EVERYWHERE = {
    "400": _("The request has mistakes."),
    "401": _("The key is missing or not valid."),
    "403": _("The key lacks the scope."),
    "429": _("Too many calls; Retry-After says how long to wait."),
    "500": _("A fault of ours, logged."),
    "503": _("Nothing was changed; try again in a moment."),
}
_WITH_ID = {"404": _("There is no such thing, or not for this key.")}
_WITH_BODY = {
    "409": _("Refused in the present state; the code says why."),
    "413": _("The body is too large."),
    "415": _("The body is not JSON in UTF-8."),
}


class FieldErrorOut(serializers.Serializer[Any]):
    """One mistake in a request."""

    field = serializers.CharField(help_text=_('Where, such as "lines.0.quantity".'))
    code = serializers.CharField()
    detail = serializers.CharField()


class ProblemOut(serializers.Serializer[Any]):
    """A refusal, after RFC 9457."""

    type = serializers.CharField(help_text=_("Address at which the code is explained."))
    title = serializers.CharField(help_text=_("What happened, in the language of the reader."))
    status = serializers.IntegerField()
    detail = serializers.CharField(help_text=_("For logs."))
    code = serializers.CharField(help_text=_("Stable: go by this one."))
    hint = serializers.CharField(required=False, help_text=_("What to do next."))
    errors = FieldErrorOut(many=True, required=False)  # type: ignore[assignment]
    data = serializers.DictField(required=False, help_text=_("The refusal's own values."))  # type: ignore[assignment]


class ProblemSchema(AutoSchema):
    """Adds to each call the refusals that any call of its kind may meet."""

    def _get_response_bodies(self, direction: Any = "response") -> Any:
        responses = super()._get_response_bodies(direction)
        refusals = dict(_EVERYWHERE)
        if "{" in self.path:
            refusals |= _WITH_ID
        if self.method in ("POST", "PUT", "PATCH"):
            refusals |= _WITH_BODY
        for status, description in sorted(refusals.items()):
            responses.setdefault(status, self._problem(str(description)))
        return responses

    def _problem(self, description: str) -> dict[str, Any]:
        reference = self.resolve_serializer(ProblemOut, "response").ref
        return {"content": {CONTENT_TYPE: {"schema": reference}}, "description": description}
