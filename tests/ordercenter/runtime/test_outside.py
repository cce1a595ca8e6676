"""Addresses of a database and a broker that the user brings: each mistake has its sentence, none shows a password."""

import pytest

from ordercenter.runtime.errors import RuntimeTrouble
from ordercenter.runtime.outside import check_broker, check_database


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        (
            "mysql://root:topsecret@db/oc",
            r"^DATABASE_URL is not the address of a PostgreSQL database \(mysql://db/oc\)",
        ),
        ("postgres://u:topsecret@db", r"^DATABASE_URL is not the address of a PostgreSQL database \(postgres://db\)"),
        ("postgres://u:topsecret@db:99999/oc", r"^DATABASE_URL cannot be read \(Port out of range 0-65535\)"),
        ("oc", r"^DATABASE_URL is not the address of a PostgreSQL database \(no scheme:oc\)"),
        ("postgres://u:topsecret@127.0.0.1:1/oc", r"127\.0\.0\.1:1/oc\) does not let us in: .*refused"),
    ],
)
def test_a_wrong_database_address_is_explained(monkeypatch, url, sentence):
    monkeypatch.setenv("DATABASE_URL", url)

    with pytest.raises(RuntimeTrouble, match=sentence) as refusal:
        check_database()

    assert "topsecret" not in str(refusal.value)


def test_a_good_database_address_passes(monkeypatch, settings):
    database = settings.DATABASES["default"]
    address = "postgres://{USER}:{PASSWORD}@{HOST}:{PORT}/ordercenter".format(**database)
    monkeypatch.setenv("DATABASE_URL", address)

    assert check_database() is None


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("http://:topsecret@broker/0", r"^BROKER_URL is not the address of a broker \(http://broker/0\)"),
        ("redis://:topsecret@broker:port/0", r"^BROKER_URL cannot be read"),
        ("redis://:topsecret@127.0.0.1:1/0", r"^The broker of BROKER_URL .* does not answer: .*refused"),
    ],
)
def test_a_wrong_broker_address_is_explained(monkeypatch, url, sentence):
    monkeypatch.setenv("BROKER_URL", url)

    with pytest.raises(RuntimeTrouble, match=sentence) as refusal:
        check_broker()

    assert "topsecret" not in str(refusal.value)
