"""An address that is wrong or does not answer is named, with the variable that sets it."""

import socket

import pytest

from polygon_assets.preflight import Endpoint, ServiceUnreachableError, endpoints


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
