"""Logging in and out, lock-out, language, and what pages may load."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from urllib.parse import unquote

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from tests.ordercenter.console.people import client_of, make_branch, person

pytestmark = pytest.mark.django_db


def attempt(browser: Client, name: str, password: str) -> Any:
    return browser.post(reverse("login"), {"username": name, "password": password})


def test_one_page_logs_in_to_console_and_admin() -> None:
    person("li", superuser=True)
    browser = Client()

    asked = browser.get("/admin/orders/order/?state__exact=shipped", follow=True)
    entered = browser.post(
        reverse("login"), {"username": "li", "password": "pw", "next": "/admin/orders/order/?state__exact=shipped"}
    )

    assert unquote(asked.redirect_chain[-1][0]) == f"{reverse('login')}?next=/admin/orders/order/?state__exact=shipped"
    assert entered["Location"] == "/admin/orders/order/?state__exact=shipped"
    assert browser.get("/console/").status_code == 200
    assert browser.get("/", follow=True).redirect_chain[-1][0] == "/console/"


def test_pages_of_the_console_ask_strangers_to_log_in() -> None:
    answer = Client().get("/console/orders/?q=1")

    assert answer["Location"] == f"{reverse('login')}?next=/console/orders/%3Fq%3D1"


def test_logging_in_never_leads_to_another_site() -> None:
    person("li", superuser=True)

    answer = Client().post(reverse("login"), {"username": "li", "password": "pw", "next": "https://elsewhere.example/"})

    assert answer["Location"] == "/console/"


def test_too_many_wrong_passwords_lock_the_name_out_for_a_while(settings: Any) -> None:
    settings.AXES_ENABLED = True
    person("li", superuser=True)
    browser = Client(headers={"accept-language": "en"})

    answers = [attempt(browser, "li", "wrong").status_code for _n in range(settings.AXES_FAILURE_LIMIT)]
    locked = attempt(browser, "li", "pw")

    assert answers[0] == 200
    assert locked.status_code == 429
    assert "Too many attempts" in locked.content.decode()
    assert settings.AXES_COOLOFF_TIME == timedelta(minutes=15)


def test_logging_out_is_posted_and_ends_the_session() -> None:
    browser = client_of(person(superuser=True))

    assert browser.get(reverse("logout")).status_code == 405
    assert browser.post(reverse("logout"))["Location"] == reverse("login")
    assert browser.get("/console/").status_code == 302


def test_the_admin_uses_the_same_pages_for_logging_out_and_passwords() -> None:
    browser = client_of(person(superuser=True))

    assert browser.get("/admin/password_change/")["Location"] == reverse("password_change")
    assert browser.post("/admin/logout/")["Location"] == reverse("login")


def test_changing_the_password() -> None:
    browser = client_of(person("li", superuser=True))
    new = "correct-horse-17"

    weak = browser.post(
        reverse("password_change"), {"old_password": "pw", "new_password1": "123", "new_password2": "123"}
    )
    browser.post(reverse("password_change"), {"old_password": "pw", "new_password1": new, "new_password2": new})

    assert weak.status_code == 200
    assert User.objects.get().check_password(new)
    assert browser.get("/console/").status_code == 200


def test_the_language_switch_keeps_the_page() -> None:
    browser = client_of(person(superuser=True), language="zh-hans")
    chinese = browser.get("/console/orders/").content.decode()

    answer = browser.post(reverse("set_language"), {"language": "en", "next": "/console/orders/"})
    english = browser.get("/console/orders/").content.decode()

    assert answer["Location"] == "/console/orders/"
    assert ('<html lang="zh-hans">' in chinese, "对账" in chinese) == (True, True)
    assert ('<html lang="en">' in english, "Reconciliation" in english, "对账" in english) == (True, True, False)


def test_chinese_is_the_default() -> None:
    assert '<html lang="zh-hans">' in Client().get(reverse("login")).content.decode()


def test_session_cookies_are_out_of_reach_of_scripts_and_other_sites() -> None:
    person("li", superuser=True)
    browser = Client()

    attempt(browser, "li", "pw")

    cookie = browser.cookies["sessionid"]
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")


def test_own_pages_run_no_inline_script_and_load_nothing_from_outside() -> None:
    branch = make_branch("OURS")
    browser = client_of(person(superuser=True))
    pages = ["/console/", f"/console/cases/?case={branch.case.pk}", "/console/orders/", "/console/statements/"]
    pages += [f"/console/orders/{branch.order.pk}/", f"/console/reveal/contact/{branch.contact.pk}/", "/password/"]

    for url in pages:
        answer = browser.get(url)
        text = answer.content.decode()
        policy = answer["Content-Security-Policy"]
        assert "unsafe" not in policy, url
        assert re.findall(r"<script(?![^>]*\ssrc=)", text) == [], url
        assert re.findall(r"\son[a-z]+=|\sstyle=|<style", text) == [], url
        assert re.findall(r"(?:src|href|action)=\"(?:https?:)?//", text) == [], url


def test_pages_of_the_admin_load_nothing_from_outside() -> None:
    branch = make_branch("OURS")
    browser = client_of(person(superuser=True))

    for url in ("/admin/", "/admin/orders/order/", f"/admin/orders/order/{branch.order.pk}/change/"):
        text = browser.get(url).content.decode()
        assert re.findall(r"<(?:script|link|img|iframe|source)[^>]*(?:src|href)=\"(?:https?:)?//", text) == [], url


def test_pages_that_refuse_say_so_in_words() -> None:
    operator = client_of(person(role="operator"))

    missing, refused = operator.get("/console/orders/999/"), operator.get("/console/statements/")

    assert (missing.status_code, refused.status_code) == (404, 403)
    assert "There is no such page" in missing.content.decode()
    assert "Your role does not include this page." in refused.content.decode()


def test_every_table_names_its_columns_and_every_field_has_a_label() -> None:
    branch = make_branch("OURS")
    browser = client_of(person(superuser=True))

    for url in ("/console/", f"/console/cases/?case={branch.case.pk}", "/console/orders/", "/login/", "/password/"):
        text = browser.get(url).content.decode()
        assert re.findall(r"<th(?![^>]*\sscope=)[\s>]", text) == [], url
        labels = set(re.findall(r'<label[^>]*\sfor="([^"]+)"', text))
        for tag in re.findall(r"<(?:input|select|textarea)\b[^>]*>", text):
            named = re.search(r'\sid="([^"]+)"', tag)
            is_labelled = 'type="hidden"' in tag or "aria-label=" in tag or (named and named[1] in labels)
            assert is_labelled, (url, tag)
        assert text.count("<h1") == 1, url
