"""What is published for a deployment, and how differences are said; no server is needed."""

import base64
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from polygon_assets.connections import CONNECTIONS
from polygon_assets.env import deployment_names
from polygon_assets.publish.api import PublishError
from polygon_assets.publish.differences import (
    changed_connection,
    changed_settings,
    manifest_differences,
)
from polygon_assets.publish.manifest import (
    ManifestError,
    read_manifest,
    read_streams,
    secret_settings,
)
from polygon_assets.publish.wanted import destination_settings, wanted
from polygon_assets.sandbox.airbyte.destination import snowflake_target
from polygon_assets.settings import ALL_SETTINGS

PRODUCTION = {
    "POLYGON_DEPLOYMENT": "prod",
    "POLYGON_REST_URL": "https://api.massive.com",
    "AIRBYTE_REST_URL": "https://api.airbyte.com/v1",
    "SNOWFLAKE_ACCOUNT": "acme-one",
    "SNOWFLAKE_USER": "LOADER",
}


@pytest.fixture
def production(monkeypatch: pytest.MonkeyPatch) -> None:
    for settings in ALL_SETTINGS:
        prefix = settings.model_config.get("env_prefix") or ""
        for field in settings.model_fields:
            monkeypatch.delenv(f"{prefix}{field}".upper(), raising=False)
    for name, value in PRODUCTION.items():
        monkeypatch.setenv(name, value)


def private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(encoding, form, serialization.NoEncryption()).decode()


def inline(name: str, **more: Any) -> dict[str, Any]:
    schema = {"properties": {"id": {"type": "string"}}}
    return {"name": name, "schema_loader": {"schema": schema}, **more}


@pytest.mark.usefixtures("production")
def test_production_is_addressed_as_airbyte_cloud_wants_it() -> None:
    target = wanted(deployment_names())
    assert target.destination["host"] == "acme-one.snowflakecomputing.com"
    assert target.destination["database"] == "POLYGON"
    assert target.source["base_url"] == "https://api.massive.com"
    assert target.connections == CONNECTIONS
    connection = snowflake_target(target.destination).connection
    found = (connection["account"], connection["host"], connection["port"])
    assert found == ("acme-one", "acme-one.snowflakecomputing.com", 443)


@pytest.mark.parametrize("variable", ["POLYGON_REST_URL", "SNOWFLAKE_ACCOUNT"])
@pytest.mark.usefixtures("production")
def test_airbyte_cloud_cannot_reach_this_machine(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.delenv(variable)
    with pytest.raises(PublishError, match=f"cannot reach .*127.0.0.1.*set {variable}"):
        wanted(deployment_names())


def test_a_private_key_may_be_base64(monkeypatch: pytest.MonkeyPatch) -> None:
    pem = private_key()
    for given in (pem, base64.b64encode(pem.encode()).decode()):
        monkeypatch.setenv("SNOWFLAKE_PRIVATE_KEY", given)
        settings = destination_settings("D")
        assert settings["credentials"]["private_key"] == pem
        connection = snowflake_target(settings).connection
        assert connection["private_key"].startswith(b"\x30\x82")
        assert "password" not in connection
    monkeypatch.setenv("SNOWFLAKE_PRIVATE_KEY", "not a key")
    with pytest.raises(PublishError, match="SNOWFLAKE_PRIVATE_KEY is neither"):
        destination_settings("D")


def test_the_manifest_has_what_the_connections_need() -> None:
    manifest = read_manifest()
    streams = read_streams(manifest)
    for connection in CONNECTIONS:
        for name in connection.streams:
            assert streams[name].primary_key
            assert streams[name].cursor_field
    assert secret_settings(manifest) == {"api_key"}


def test_a_connection_with_an_unknown_stream_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "polygon_assets.publish.wanted.read_manifest", lambda: {"streams": [inline("x")]}
    )
    with pytest.raises(PublishError, match="polygon_bars has the stream daily_bars"):
        wanted(deployment_names())


def test_a_manifest_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"missing\.yaml: No such file"):
        read_manifest(tmp_path / "missing.yaml")
    for text, reason in (("a: [", "is not YAML"), ("- 1", "is not an object")):
        (tmp_path / "m.yaml").write_text(text)
        with pytest.raises(ManifestError, match=reason):
            read_manifest(tmp_path / "m.yaml")
    for manifest in ({}, {"streams": [{}]}, {"streams": [{"$ref": "#/no"}]}, {"streams": 5}):
        with pytest.raises(ManifestError, match="not a manifest with streams"):
            read_streams(manifest)


def test_streams_are_read_however_they_are_written() -> None:
    switched = {"type": "ConditionalStreams", "streams": [inline("b", primary_key=[["id"]])]}
    manifest = {
        "definitions": {"a": inline("a", primary_key="id")},
        "streams": [
            {"$ref": "#/definitions/a", "incremental_sync": {"cursor_field": "d"}},
            switched,
        ],
    }
    streams = read_streams(manifest)
    assert list(streams) == ["a", "b"]
    assert (streams["a"].primary_key, streams["a"].cursor_field) == (("id",), "d")
    assert (streams["b"].primary_key, streams["b"].cursor_path) == (("id",), [])


def test_manifests_are_compared_stream_by_stream() -> None:
    before = {"streams": [inline("a"), inline("b"), inline("c")]}
    after = {"streams": [inline("a"), inline("b", primary_key="id"), inline("d")]}
    assert manifest_differences(before, before) == ()
    assert manifest_differences(before, after) == ("+ d", "- c", "b")
    assert manifest_differences({"streams": 5}, after) == ("manifest",)


def test_settings_are_compared_without_their_secrets() -> None:
    current = {"key": "**********", "a": 1, "own": True, "in": {"key": "**********", "b": 2}}
    ours = {"key": "s3cret", "a": 2, "in": {"key": "s3cret", "b": 3}}
    secrets = frozenset({"key"})
    changes, details = changed_settings(current, ours, secrets, update_secrets=False)
    assert changes == {"a": 2, "in": {"b": 3}}
    assert details == ("a: 1 -> 2", "in.b: 2 -> 3")
    changes, details = changed_settings(current, ours, secrets, update_secrets=True)
    assert changes == ours
    assert "s3cret" not in str(details)
    changes, _ = changed_settings({}, ours, secrets, update_secrets=False)
    assert changes == ours


def test_what_airbyte_adds_to_a_stream_is_no_difference() -> None:
    stream = {"name": "a", "syncMode": "incremental_append", "cursorField": ["d"]}
    ours = {"prefix": "", "configurations": {"streams": [stream]}}
    shown = {"streams": [{**stream, "mappers": [], "selectedFields": None}]}
    assert changed_connection({"configurations": shown}, ours) == ({}, ())
