"""A form for rows with a sealed secret: it is written, never shown."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextareaWidget

from ordercenter.common.secretfield import seal


class SealedForm(forms.ModelForm):
    """Adds `new_secret`: an empty field keeps what is stored.

    sealed_field: the model's SealedField. sealed_object: whether a JSON object belongs there, else plain text.
    """

    sealed_field: ClassVar[str] = "secrets"
    sealed_object: ClassVar[bool] = True

    new_secret = forms.CharField(
        label=_("secrets"),
        required=False,
        strip=True,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 4, "autocomplete": "off", "spellcheck": "false"}),
        help_text=_("Stored encrypted and never shown again; leave it empty to keep what is stored."),
    )

    def clean_new_secret(self) -> Any:
        """The secret to store, None to keep the old one."""
        text: str = self.cleaned_data["new_secret"]
        if not text:
            if not self.instance.pk:
                raise forms.ValidationError(_("A new row needs its secret."))
            return None
        if not self.sealed_object:
            return text
        try:
            value = json.loads(text)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise forms.ValidationError(_("A JSON object belongs here."))
        return value

    def save(self, commit: bool = True) -> Any:
        secret = self.cleaned_data["new_secret"]
        if secret is not None:
            setattr(self.instance, self.sealed_field, seal(secret))
        return super().save(commit)
