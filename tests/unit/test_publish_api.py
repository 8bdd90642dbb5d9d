"""Airbyte's answers, good and bad, as publishing takes them."""

import urllib.request
from collections.abc import Callable
from typing import Any

import pytest

from polygon_assets.publish import api as publish_api
from polygon_assets.publish.api import AirbyteApi, PublishError
from polygon_assets.settings import AirbyteSettings

TOKEN = {"access_token": "t"}


class Answers:
    """Stands for the network: answers in turn, and what was asked."""

    def __init__(self, *answers: Any) -> None:
        self.left = [TOKEN, *answers]
        self.asked: list[tuple[str, str, str]] = []

    def __call__(self, request: urllib.request.Request) -> Any:
        key = request.get_header("Authorization", "")
        self.asked.append((request.get_method(), request.full_url, key))
        answer = self.left.pop(0)
        if isinstance(answer, tuple):
            raise publish_api._AnsweredError(*answer)
        return answer


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[AirbyteApi, Answers]]:
    def answer(*answers: Any) -> tuple[AirbyteApi, Answers]:
        network = Answers(*answers)
        monkeypatch.setattr(publish_api, "_send", network)
        monkeypatch.setattr("time.sleep", lambda _: None)
        # A closed port would turn each error into "does not answer".
        monkeypatch.setattr("polygon_assets.preflight.Endpoint.check", lambda _: None)
        return AirbyteApi(AirbyteSettings(rest_url="http://127.0.0.1:9/v1/")), network

    return answer


def test_a_read_is_repeated_while_airbyte_is_busy(answering: Any) -> None:
    api, network = answering((503, "busy"), (429, "slow down"), {"id": 1})
    assert api.get("/sources/1") == {"id": 1}
    assert [path for _, path, _ in network.asked[1:]] == ["http://127.0.0.1:9/v1/sources/1"] * 3
    assert {key for _, _, key in network.asked[1:]} == {"Bearer t"}
    api, _ = answering(*[(500, "broken")] * 3)
    with pytest.raises(PublishError, match=r"refused GET /sources/1 \(500\): broken"):
        api.get("/sources/1?x=1")


def test_a_write_is_sent_once(answering: Any) -> None:
    api, network = answering((502, "bad gateway"), {"id": 1})
    with pytest.raises(PublishError, match=r"POST /sources \(502\)"):
        api.write("POST", "/sources", {})
    assert len(network.asked) == 2


def test_lists_are_read_to_their_end(answering: Any) -> None:
    api, network = answering({"data": [1, 2], "next": "u"}, {"data": [3], "next": ""})
    assert api.all("/sources") == [1, 2, 3]
    assert network.asked[-1][1].endswith("limit=100&offset=2")
    api, _ = answering({"data": [], "next": "u"})
    assert api.all("/sources") == []


def test_a_connection_that_breaks_off_is_one_sentence(
    answering: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    api, _ = answering()

    def breaks(_: urllib.request.Request) -> Any:
        raise ConnectionResetError("reset by peer")

    monkeypatch.setattr(publish_api, "_send", breaks)
    with pytest.raises(PublishError, match=r"broke off POST /applications/token .reset by peer"):
        api.connect()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"data": {"message": "why"}, "detail": "d"}', "why"),
        (b'{"detail": "d", "data": null}', "d"),
        (b'{"message": "m"}', "m"),
        (b"<html>502</html>", "Bad Gateway"),
        (b"[1]", "Bad Gateway"),
        (b"", "Bad Gateway"),
    ],
)
def test_the_reason_is_found_in_each_form_of_an_error(body: bytes, reason: str) -> None:
    assert publish_api._reason(body, "Bad Gateway") == reason
