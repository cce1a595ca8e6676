"""Steps: the moves that a person may make by hand, all through one page that asks for the reason.

The app that owns the service offers the step for a model, also for one of a floor below. A step without `perform` is
the transition of its name: the row is locked, moved and written by a unit of work, with one history row and one deed
that carry the reason. A step with `perform` hands over to a service, which does the same for more than one row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.functional import Promise
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_fsm import has_transition_perm

from ordercenter.audit.deeds import record_deed
from ordercenter.audit.work import unit_of_work
from ordercenter.common.actor import Actor, actor_of
from ordercenter.common.batch import BatchResult
from ordercenter.common.errors import OrderCenterError
from ordercenter.common.fsm import TransitionRefused

Perform = Callable[[int, str, Actor], BatchResult | None]
"""(primary key, reason, actor) -> what was done and refused, or None; or raises one of our errors."""


@dataclass(frozen=True)
class Step:
    """One move by hand, of the rows of `model`.

    permission: "app.codename". possible: whether the row is in a state for it; None asks the transition of this name.
    grave: cannot be taken back, so the button says so.
    """

    model: type[Model]
    name: str
    label: str | Promise
    permission: str
    perform: Perform | None = None
    possible: Callable[[Any], bool] | None = None
    grave: bool = False

    def is_possible(self, row: Any) -> bool:
        if self.possible is not None:
            return self.possible(row)
        method = getattr(type(row), self.name)
        return bool(method._django_fsm.has_transition(row.state))


_steps: dict[type[Model], list[Step]] = {}


def offer_steps(*steps: Step) -> None:
    """Make these steps available on the admin page and the console page of their model, in this order."""
    for step in steps:
        known = _steps.setdefault(step.model, [])
        if any(other.name == step.name for other in known):
            raise ValueError(f"{step.model._meta.label} has a step {step.name} already")
        known.append(step)


def steps_of(model: type[Model]) -> Sequence[Step]:
    """All steps that are offered for rows of this model."""
    return _steps.get(model, ())


def possible_steps(user: Any, row: Model) -> list[Step]:
    """What this person may do with this row now."""
    return [step for step in steps_of(type(row)) if user.has_perm(step.permission) and step.is_possible(row)]


class StepForm(forms.Form):
    """Which step, and why."""

    step = forms.CharField(max_length=48, widget=forms.HiddenInput)
    reason = forms.CharField(
        label=gettext_lazy("reason"),
        max_length=200,
        help_text=gettext_lazy("Kept in the history and the audit; no names, phones or addresses."),
    )


class StepsMixin:
    """Adds the page `<id>/steps/` to an admin page, and a panel of the possible steps to its change page."""

    change_form_outer_before_template = "admin/steps_panel.html"

    def get_urls(self) -> list[URLPattern]:
        name = "{}_{}_steps".format(*self._info())
        view = self.admin_site.admin_view(self.steps_view)  # type: ignore[attr-defined]
        return [path("<path:object_id>/steps/", view, name=name), *super().get_urls()]  # type: ignore[misc]

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        row = self.get_object(request, unquote(object_id)) if object_id else None  # type: ignore[attr-defined]
        context = {**(extra_context or {}), **self._panel(request, row)}
        return super().changeform_view(request, object_id, form_url, context)  # type: ignore[misc,no-any-return]

    def steps_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """GET: the possible steps with a form for the reason. POST: take one."""
        row = self.get_object(request, unquote(object_id))  # type: ignore[attr-defined]
        if row is None:
            raise Http404
        if not self.has_view_or_change_permission(request, row):  # type: ignore[attr-defined]
            raise PermissionDenied
        if request.method == "POST":
            form = StepForm(request.POST)
            if form.is_valid():
                step = self._step(request, form.cleaned_data["step"])
                self._take(request, row, step, form.cleaned_data["reason"].strip())
                return HttpResponseRedirect(self._next(request) or self._change_url(row))
            chosen = request.POST.get("step", "")
        else:
            form, chosen = StepForm(), request.GET.get("step", "")
        return self._page(request, row, form, chosen)

    def _step(self, request: HttpRequest, name: str) -> Step:
        step = next((step for step in steps_of(self.model) if step.name == name), None)  # type: ignore[attr-defined]
        if step is None:
            raise Http404
        if not request.user.has_perm(step.permission):
            raise PermissionDenied
        return step

    def _take(self, request: HttpRequest, row: Any, step: Step, reason: str) -> None:
        try:
            result = take_step(step, row, reason=reason, actor=actor_of(request), user=request.user)
        except OrderCenterError as error:
            messages.error(request, error.sentence())
            return
        for refusal in result.refused if result else ():
            messages.error(request, refusal.error.sentence())
        if result is None or result.done:
            messages.success(request, _("Done: %(step)s.") % {"step": step.label})

    def _panel(self, request: HttpRequest, row: Model | None) -> dict[str, Any]:
        if row is None:
            return {}
        url = reverse("admin:{}_{}_steps".format(*self._info()), args=[row.pk])
        return {"steps": possible_steps(request.user, row), "steps_url": url}

    def _page(self, request: HttpRequest, row: Any, form: StepForm, chosen: str) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),  # type: ignore[attr-defined]
            "title": _("Steps: %(row)s") % {"row": row},
            "opts": self.model._meta,  # type: ignore[attr-defined]
            "original": row,
            "form": form,
            "chosen": chosen,
            "change_url": self._change_url(row),
            "next": self._next(request),
            **self._panel(request, row),
        }
        request.current_app = self.admin_site.name  # type: ignore[attr-defined]
        return TemplateResponse(request, "admin/steps.html", context)

    def _next(self, request: HttpRequest) -> str:
        """Where the reader came from, when it is one of our pages."""
        target = request.POST.get("next") or request.GET.get("next") or ""
        safe = url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure())
        return target if safe else ""

    def _change_url(self, row: Model) -> str:
        return reverse("admin:{}_{}_change".format(*self._info()), args=[row.pk])

    def _info(self) -> tuple[str, str]:
        meta = self.model._meta  # type: ignore[attr-defined]
        return meta.app_label, meta.model_name


def take_step(step: Step, row: Any, *, reason: str, actor: Actor, user: Any) -> BatchResult | None:
    """Take a step on a row, by its service or by the transition of its name.

    The transition is made on the row locked anew: the caller's copy may be old. Raises TransitionRefused when the row
    has moved on, or when the transition has a permission of its own that this user lacks.
    """
    if step.perform is not None:
        return step.perform(row.pk, reason, actor)
    model = type(row)
    with unit_of_work(actor=actor, reason=reason) as work:
        locked = work.lock(model, [row.pk]).get(row.pk)
        if locked is None:
            raise TransitionRefused(machine=model._meta.label_lower, pk=row.pk, state="gone", move=step.name)
        method = getattr(locked, step.name)
        src = locked.state
        if step.is_possible(locked) and not has_transition_perm(method, user):
            raise TransitionRefused(machine=model._meta.label_lower, pk=row.pk, state=src, move=step.name)
        method()
        work.save(locked)
        name = model._meta.model_name
        record_deed(
            work,
            action=f"{name}.{step.name}",
            subject=f"{name}:{row.pk}",
            reason=reason,
            details={"from": src, "to": locked.state},
        )
    return None
