"""Flows for business people and integrators: which version is active, the documents, the runs."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from ordercenter.audit.deeds import record_deed
from ordercenter.audit.steps import Step, StepsMixin, offer_steps
from ordercenter.audit.work import unit_of_work
from ordercenter.common.actor import Actor, actor_of
from ordercenter.common.admin_base import ReadOnlyAdmin, ReadOnlyHistoryAdmin, ReadOnlyInline, badge
from ordercenter.common.errors import OrderCenterError
from ordercenter.common.strictjson import UnreadableBody, loads_strict
from ordercenter.workflow import services
from ordercenter.workflow.documents import MAX_BYTES, MAX_JSON_DEPTH
from ordercenter.workflow.errors import FlowInvalid
from ordercenter.workflow.models import Flow, FlowRun, FlowVersion, RunStatus


class DocumentForm(forms.Form):
    """A flow document, pasted or as a file."""

    document = forms.CharField(
        label=_("document (JSON)"), required=False, strip=True, widget=UnfoldAdminTextareaWidget(attrs={"rows": 18})
    )
    file = forms.FileField(label=_("or a file"), required=False, widget=UnfoldAdminFileFieldWidget)

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        upload = data.get("file")
        raw = upload.read(MAX_BYTES + 1) if upload else data.get("document", "").encode()
        if not raw:
            raise forms.ValidationError(_("Paste a document or choose a file."))
        try:
            parsed = loads_strict(raw, max_bytes=MAX_BYTES, max_depth=MAX_JSON_DEPTH, floats_as=float)
        except UnreadableBody as error:
            raise forms.ValidationError(str(error)) from None
        if not isinstance(parsed, dict):
            raise forms.ValidationError(_("A JSON object belongs here."))
        data["parsed"] = parsed
        return data


class ActivationForm(forms.Form):
    """Which version, and why."""

    version = forms.ModelChoiceField(
        label=_("flow version"),
        queryset=FlowVersion.objects.none(),
        empty_label=None,
        widget=UnfoldAdminSelectWidget,
    )
    reason = forms.CharField(label=_("reason"), max_length=200, widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}))

    def __init__(self, *args: Any, flow: Flow, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.fields["version"].queryset = flow.versions.defer("document").order_by("-number")  # type: ignore[attr-defined]
        self.fields["version"].label_from_instance = _version_label  # type: ignore[attr-defined]


def _version_label(version: FlowVersion) -> str:
    return f"v{version.number} · {version.content_hash[:12]}"


def _set_paused(pk: int, paused: bool, reason: str, actor: Actor) -> None:
    with unit_of_work(actor=actor, reason=reason) as work:
        flow = work.lock(Flow, [pk])[pk]
        flow.is_paused = paused
        work.save(flow, "is_paused")
        record_deed(work, action="flow.pause" if paused else "flow.resume", subject=f"flow:{pk}", reason=reason)


def _pause(pk: int, reason: str, actor: Actor) -> None:
    _set_paused(pk, True, reason, actor)


def _resume(pk: int, reason: str, actor: Actor) -> None:
    _set_paused(pk, False, reason, actor)


offer_steps(
    Step(
        Flow,
        "pause",
        _("Pause the flow"),
        "workflow.activate_flow",
        perform=_pause,
        possible=lambda flow: not flow.is_paused,
    ),
    Step(
        Flow,
        "resume",
        _("Let the flow run again"),
        "workflow.activate_flow",
        perform=_resume,
        possible=lambda flow: flow.is_paused,
    ),
)


class VersionInline(ReadOnlyInline):
    model = FlowVersion
    fields = ["number", "content_hash", "created_at", "created_by"]
    show_change_link = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[FlowVersion]:
        rows: QuerySet[FlowVersion] = super().get_queryset(request)
        return rows.select_related("created_by", "flow").defer("document").order_by("-number")


@admin.register(Flow)
class FlowAdmin(StepsMixin, ReadOnlyHistoryAdmin):
    list_display = ["key", "name_zh", "name_en", "version_number", "paused_label"]
    list_display_links = ["key"]
    ordering = ["key"]
    fields = ["key", "name_zh", "name_en", "version_number", "paused_label", "activation_link"]
    readonly_fields = ["version_number", "paused_label", "activation_link"]
    inlines = [VersionInline]
    list_before_template = "admin/flow_list_head.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Flow]:
        rows: QuerySet[Flow] = super().get_queryset(request)
        return rows.select_related("active_version").defer("active_version__document")

    def get_urls(self) -> list[URLPattern]:
        guard = self.admin_site.admin_view
        return [
            path("upload/", guard(self.upload_view), name="workflow_flow_upload"),
            path("<int:flow_id>/activate/", guard(self.activate_view), name="workflow_flow_activate"),
            *super().get_urls(),
        ]

    @badge(description=_("paused"), ordering="is_paused", colours={"paused": "warning"})
    def paused_label(self, flow: Flow) -> tuple[str, str] | None:
        return ("paused", gettext("paused")) if flow.is_paused else None

    @display(description=_("active version"))
    def version_number(self, flow: Flow) -> str:
        return f"v{flow.active_version.number}" if flow.active_version else "–"

    @display(description=_("activation"))
    def activation_link(self, flow: Flow) -> str:
        url = reverse("admin:workflow_flow_activate", args=[flow.pk])
        text = gettext("Choose the version ...")
        return format_html('<a class="text-primary-600 underline" href="{}">{}</a>', url, text)

    def upload_view(self, request: HttpRequest) -> HttpResponse:
        """A new version from a document; it does not run before it is activated."""
        if not request.user.has_perm("workflow.add_flowversion"):
            raise PermissionDenied
        form = DocumentForm(request.POST or None, request.FILES or None)
        if request.method == "POST" and form.is_valid():
            try:
                version = services.save_version(document=form.cleaned_data["parsed"], actor=actor_of(request))
            except OrderCenterError as error:
                _add_mistakes(form, error)
            else:
                messages.success(request, gettext("Kept as version %(number)s.") % {"number": version.number})
                return HttpResponseRedirect(reverse("admin:workflow_flow_activate", args=[version.flow_id]))
        return self._form_page(request, form, gettext("New flow version"), multipart=True)

    def activate_view(self, request: HttpRequest, flow_id: int) -> HttpResponse:
        """Choose the version that new runs take."""
        if not request.user.has_perm("workflow.activate_flow"):
            raise PermissionDenied
        flow = self.get_queryset(request).filter(pk=flow_id).first()
        if flow is None:
            raise Http404
        form = ActivationForm(request.POST or None, flow=flow, initial={"version": flow.active_version_id})
        if request.method == "POST" and form.is_valid():
            try:
                services.activate_version(
                    flow_id=flow.pk,
                    version_id=form.cleaned_data["version"].pk,
                    actor=actor_of(request),
                    reason=form.cleaned_data["reason"].strip(),
                )
            except OrderCenterError as error:
                _add_mistakes(form, error)
            else:
                messages.success(request, gettext("New runs take this version from now on."))
                return HttpResponseRedirect(reverse("admin:workflow_flow_change", args=[flow.pk]))
        return self._form_page(request, form, gettext("Active version of %(flow)s") % {"flow": flow.key})

    def _form_page(
        self, request: HttpRequest, form: forms.Form, title: str, *, multipart: bool = False
    ) -> HttpResponse:
        request.current_app = self.admin_site.name  # type: ignore[attr-defined]
        context = {
            **self.admin_site.each_context(request),
            "title": title,
            "opts": self.opts,
            "form": form,
            "multipart": multipart,
            "back_url": reverse("admin:workflow_flow_changelist"),
        }
        return TemplateResponse(request, "admin/plain_form.html", context)


@admin.register(FlowVersion)
class FlowVersionAdmin(ReadOnlyAdmin):
    list_display = ["flow", "number", "content_hash", "created_at", "created_by"]
    list_display_links = ["flow", "number"]
    list_select_related = ["flow", "created_by"]
    search_fields = ["=flow__key", "=content_hash"]
    search_help_text = _("The whole key of a flow, or a content hash")
    ordering = ["-id"]
    fields = ["flow", "number", "content_hash", "created_at", "created_by", "document_text"]
    readonly_fields = ["document_text"]

    @display(description=_("document"))
    def document_text(self, version: FlowVersion) -> str:
        text = json.dumps(version.document, ensure_ascii=False, indent=2, sort_keys=True)
        return format_html('<pre class="whitespace-pre-wrap">{}</pre>', text)


RUN_COLOURS = {RunStatus.WAITING: "info", RunStatus.DONE: "success", RunStatus.STOPPED: "danger"}


@admin.register(FlowRun)
class FlowRunAdmin(ReadOnlyAdmin):
    whole_company = True
    list_display = ["started_at", "version", "subject", "status_label", "node", "waits_for", "error_code", "changed_at"]
    list_display_links = ["started_at"]
    list_filter = [("status", ChoicesDropdownFilter)]
    search_fields = ["=subject"]
    search_help_text = _("The whole subject, such as order:12")
    ordering = ["-id"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[FlowRun]:
        rows: QuerySet[FlowRun] = super().get_queryset(request)
        # The document of a version is large and no list shows it.
        return rows.select_related("version__flow").defer("version__document")

    @badge(description=_("status"), ordering="status", colours=RUN_COLOURS)
    def status_label(self, row: FlowRun) -> tuple[str, str]:
        return row.status, row.get_status_display()


def _add_mistakes(form: forms.Form, error: OrderCenterError) -> None:
    form.add_error(None, f"{error.sentence()} {error}" if not isinstance(error, FlowInvalid) else error.sentence())
    if isinstance(error, FlowInvalid):
        for mistake in error.mistakes:
            form.add_error(None, mistake)
