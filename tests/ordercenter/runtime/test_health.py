"""The two health addresses."""

import pytest


def test_livez_answers_without_asking_the_database(client):
    answer = client.get("/livez")

    assert (answer.status_code, answer.content) == (200, b"ok\n")


@pytest.mark.django_db
def test_readyz_says_that_the_database_answers(client):
    answer = client.get("/readyz")

    assert (answer.status_code, answer.json()) == (200, {"ready": True, "database": "ok"})
