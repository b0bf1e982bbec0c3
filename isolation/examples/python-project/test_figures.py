"""The tests of the project itself, which run in each environment."""

import pytest

from figures import app


@pytest.fixture
def client():
    return app.test_client()


def test_figures(client):
    reply = client.get("/figures?values=1,2,3,6")
    assert reply.json == {"mean": 3.0, "deviation": pytest.approx(1.8708286), "largest": 6.0}


def test_text_is_refused(client):
    reply = client.get("/figures?values=one")
    assert (reply.status_code, "numbers" in reply.json["error"]) == (400, True)
