"""Actions and their parameters: installed, current, complete, of the flow's subject, without secrets in plain text."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.translation import gettext as _

from ordercenter.workflow.components import ActionSpec, Registry
from ordercenter.workflow.findings import Finding
from ordercenter.workflow.nodes import ANY_ERROR, Action, FlowDocument, Wait
from ordercenter.workflow.params import ParamType, holds_secret


def check_components(document: FlowDocument, components: Registry) -> Iterator[Finding]:
    """UNKNOWN_SUBJECT, UNKNOWN_EVENT, and for each action the codes of check_action."""
    if components.find_subject(document.subject) is None:
        known = ", ".join(sorted(subject.name for subject in components.subjects())) or "-"
        text = _("There is no subject %(name)s.") % {"name": document.subject}
        yield Finding("UNKNOWN_SUBJECT", "", text, _("Known are: %(known)s.") % {"known": known})
    if document.trigger is not None:
        yield from _check_event(document.trigger.id, document.trigger.event, document, components)
    for node in document.nodes.values():
        if isinstance(node, Wait) and node.event is not None:
            yield from _check_event(node.id, node.event, document, components)
        if isinstance(node, Action):
            spec = components.find_action(node.use, node.v)
            yield from _unknown_action(node, components) if spec is None else _check_action(node, spec, document)


def _check_event(node: str, event: str, document: FlowDocument, components: Registry) -> Iterator[Finding]:
    trigger = components.find_trigger(event)
    if trigger is None:
        text = _("There is no event %(event)s.") % {"event": event}
        yield Finding("UNKNOWN_EVENT", node, text, _("Choose an event from the list of triggers."))
    elif trigger.subject != document.subject:
        text = _("The event is about %(other)s, the flow about %(own)s.")
        names = {"other": trigger.subject, "own": document.subject}
        yield Finding("TYPE_MISMATCH", node, text % names, _("Choose an event about the flow's own subject."))


def _unknown_action(node: Action, components: Registry) -> Iterator[Finding]:
    versions = sorted(spec.v for spec in components.actions() if spec.use == node.use)
    text = _("There is no action %(use)s v%(v)d.") % {"use": node.use, "v": node.v}
    if versions:
        hint = _("Installed versions of it: %(versions)s.") % {"versions": ", ".join(f"v{v}" for v in versions)}
    else:
        hint = _("Choose an action from the list, or install the app that brings it.")
    yield Finding("UNKNOWN_ACTION", node.id, text, hint)


def _check_action(node: Action, spec: ActionSpec, document: FlowDocument) -> Iterator[Finding]:
    if spec.subject != document.subject:
        text = _("The action works on %(other)s, the flow on %(own)s.")
        names = {"other": spec.subject, "own": document.subject}
        yield Finding("TYPE_MISMATCH", node.id, text % names, _("Choose an action for the flow's own subject."))
    if spec.deprecated_by:
        text = _("The action is out of date.")
        hint = _("Use %(use)s instead.") % {"use": spec.deprecated_by}
        yield Finding("ACTION_DEPRECATED", node.id, text, hint, "warning")
    yield from _check_params(node, spec)
    for code in node.on_error:
        if code != ANY_ERROR and code not in spec.errors:
            text = _("The action never refuses with %(code)s.") % {"code": code}
            known = ", ".join(spec.errors) or "-"
            yield Finding(
                "UNKNOWN_ERROR", node.id, text, _("It may refuse with: %(codes)s.") % {"codes": known}, "warning"
            )


def _check_params(node: Action, spec: ActionSpec) -> Iterator[Finding]:
    for name, param in spec.params.items():
        value = node.params.get(name)
        if value is None:
            if param.required and param.default is None:
                text = _("The parameter %(name)s is missing.") % {"name": param.label}
                yield Finding("MISSING_PARAM", node.id, text, _("Fill in the parameter."))
            continue
        if param.type is ParamType.SECRET and isinstance(value, str):
            yield _secret(node, name)
            continue
        try:
            param.read(value)
        except ValueError as error:
            text = _("Parameter %(name)s: %(error)s") % {"name": param.label, "error": error}
            yield Finding("TYPE_MISMATCH", node.id, text, _("Correct the parameter."))
    for name, value in node.params.items():
        known = spec.params.get(name)
        if known is None:
            text = _("The action has no parameter %(name)s.") % {"name": name}
            yield Finding("UNKNOWN_PARAM", node.id, text, _("Remove the parameter."))
        if (known is None or known.type is not ParamType.SECRET) and holds_secret(name, value):
            yield _secret(node, name)


def _secret(node: Action, name: str) -> Finding:
    text = _("The parameter %(name)s holds a secret in plain text.") % {"name": name}
    hint = _('Store the secret and name it here: {"secret": name}; then change it where it was in use.')
    return Finding("SECRET_IN_PLAIN", node.id, text, hint)
