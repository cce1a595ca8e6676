"""What channels allow: whose channels are shown, what a cell says, and where the company decided otherwise."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.urls import reverse

from channels_sync.models import ChannelAccount
from ordercenter.catalog.capabilities import write_usual_capabilities
from ordercenter.catalog.models import Channel, ChannelCapability, ShopAccess
from tests.ordercenter.console.people import Branch, client_of, make_branch, person

pytestmark = pytest.mark.django_db


@pytest.fixture
def ours() -> Branch:
    branch = make_branch("OURS")
    Channel.objects.filter(pk=branch.shop.channel_id).update(code="jd", name="JD of ours")
    return branch


@pytest.fixture
def operator(ours: Branch) -> Client:
    user = person("one-operator", role="operator")
    ShopAccess.objects.create(user=user, shop=ours.shop)
    return client_of(user)


def opened(client: Client, query: str = "", language: str = "en") -> str:
    answer = client.get(reverse("console:capabilities") + query, headers={"Accept-Language": language})
    assert answer.status_code == 200
    return answer.content.decode()


def row_of(html: str, label: str) -> str:
    (row,) = re.findall(rf'<tr><th scope="row">{label}.*?</tr>', html, re.S)
    return row


def test_a_cell_says_what_holds_why_and_where_it_stands(operator):
    row = row_of(opened(operator), "parcels by line")

    assert ">no</span>" in row
    assert "The report names the whole order: it is made with the first parcel." in row
    assert "jingdong.pop.order.shipment" in row
    assert "obeyed" in row
    assert "changed here" not in row


def test_what_could_not_be_checked_says_so(operator):
    html = opened(operator)

    assert "Not checked against the platform's documents." in row_of(html, "number can be changed")
    assert "Not checked" not in row_of(html, "parcels by line")


def test_what_the_company_decided_otherwise_is_marked(operator, ours):
    write_usual_capabilities()
    ChannelCapability.objects.filter(channel=ours.shop.channel_id).update(splits_by_line=True)

    row = row_of(opened(operator), "parcels by line")

    assert ">yes</span>" in row
    assert "changed here" in row


def test_only_channels_of_the_readers_shops_are_shown(operator):
    other = make_branch("THEIRS")
    Channel.objects.create(code="lonely", name="Nobody sells here")
    theirs = Channel.objects.create(code="douyin", name="Douyin of theirs")
    other.shop.channel = theirs
    other.shop.save()

    html = opened(operator)

    assert "JD of ours" in html
    assert "Douyin of theirs" not in html
    assert "Nobody sells here" not in html


def test_the_page_is_narrowed_to_one_subject(operator):
    html = opened(operator, "?group=buyers&channel=jd")

    assert "buyer data may leave in files" in html
    assert "parcels by line" not in html


def test_a_channel_of_others_narrows_to_nothing(operator):
    assert "No shop of yours sells on a channel." in opened(operator, "?channel=douyin")


def test_the_channels_own_page_shows_it(operator, ours):
    account = ChannelAccount.objects.get(shop=ours.shop)

    answer = operator.get(reverse("console:channel", args=[account.pk]), headers={"Accept-Language": "en"})

    assert "What this channel allows" in answer.content.decode()
    assert "The report names the whole order" in answer.content.decode()


def test_who_may_not_see_channels_may_not_see_this(ours):
    user = person("packer", role="warehouse")
    ShopAccess.objects.create(user=user, shop=ours.shop)

    assert client_of(user).get(reverse("console:capabilities")).status_code == 403
