"""Logging in and out, one's own password, the language, and what a locked out or refused person sees."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView, LogoutView, PasswordChangeView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.i18n import set_language


class LoginForm(AuthenticationForm):
    """Django's own, with what a password manager needs."""

    def __init__(self, request: HttpRequest | None = None, *args: Any, **kwargs: Any):
        super().__init__(request, *args, **kwargs)
        self.fields["username"].widget.attrs |= {"autocomplete": "username", "autocapitalize": "none"}
        self.fields["password"].widget.attrs |= {"autocomplete": "current-password"}


class Login(LoginView):
    """The one page to log in, for the console and the admin."""

    template_name = "registration/login.html"
    authentication_form = LoginForm
    redirect_authenticated_user = False


class Logout(LogoutView):
    """POST only; leads back to the login page."""

    next_page = reverse_lazy("login")


class ChangePassword(PasswordChangeView):
    """One's own password; the other sessions of this person end."""

    template_name = "registration/password_change.html"
    success_url = reverse_lazy("console:home")
    title = gettext_lazy("Change password")

    def form_valid(self, form: Any) -> HttpResponse:
        response = super().form_valid(form)
        messages.success(self.request, _("Your password has been changed."))
        return response


def locked_out(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    """Too many failed attempts from one address with one name."""
    return render(request, "registration/locked.html", status=429)


language = set_language
