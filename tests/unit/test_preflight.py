"""An address that is wrong or does not answer is named, with the variable that sets it."""

import socket

import pytest

from polygon_assets.preflight import (
    KAFKA,
    Endpoint,
    MissingCredentialError,
    ServiceUnreachableError,
    endpoints,
    explained,
)


def test_unreachable_service_is_named_with_its_variable() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        with pytest.raises(ServiceUnreachableError) as error:
            Endpoint("Snowflake", "127.0.0.1", port, "SNOWFLAKE_HOST").check()
    assert f"Snowflake does not answer at 127.0.0.1:{port}" in str(error.value)
    assert "SNOWFLAKE_HOST" in str(error.value)
    assert "polygon up" in str(error.value)


@pytest.mark.parametrize("url", ["api.massive.com", "", "https://:443", "http://host:port"])
def test_wrong_address_names_its_variable(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLYGON_REST_URL", url)
    with pytest.raises(ValueError, match="POLYGON_REST_URL"):
        endpoints()


def test_a_listening_service_passes() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        Endpoint("Kafka", "127.0.0.1", listening.getsockname()[1], "X").check()


def test_explained_keeps_the_words_of_a_service_that_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", f"127.0.0.1:{port}")
        with pytest.raises(LookupError, match="no such topic"), explained(KAFKA):
            raise LookupError("no such topic")


def test_explained_names_a_service_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", f"127.0.0.1:{port}")
        with (
            pytest.raises(ServiceUnreachableError, match="KAFKA_BOOTSTRAP_SERVERS") as error,
            explained(KAFKA),
        ):
            raise TimeoutError("timed out")
    assert isinstance(error.value.__cause__, TimeoutError)


def test_credentials_are_asked_for_outside_of_this_machine_only() -> None:
    Endpoint("Kafka", "127.0.0.1", 1, "X", ("NOT_SET_ANYWHERE",)).require_credentials()
    with pytest.raises(MissingCredentialError, match="NOT_SET_ANYWHERE is not set"):
        Endpoint("Kafka", "broker.example", 1, "X", ("NOT_SET_ANYWHERE",)).require_credentials()
