"""The Snowflake destination: its settings, and how they lead to a connection."""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

Json = dict[str, Any]

DEFINITION_ID = "424892c4-daac-4491-b35d-c6688ba547ba"
"""Airbyte's own identity of its Snowflake destination."""

INTERNAL_SCHEMA = "AIRBYTE_INTERNAL"
"""Schema of the batches under way and of the table with the streams' states."""

_TEXT = {"type": "string", "minLength": 1}
_SECRET = {"type": "string", "minLength": 1, "airbyte_secret": True}

SPECIFICATION: Json = {
    "type": "object",
    "required": ["host", "role", "warehouse", "database", "schema", "username", "credentials"],
    "additionalProperties": False,
    "properties": {
        "destinationType": {"const": "snowflake"},
        "host": _TEXT,
        "role": _TEXT,
        "warehouse": _TEXT,
        "database": _TEXT,
        "schema": _TEXT,
        "username": _TEXT,
        "credentials": {
            "oneOf": [
                {
                    "required": ["password"],
                    "additionalProperties": False,
                    "properties": {
                        "auth_type": {"const": "Username and Password"},
                        "password": _SECRET,
                    },
                },
                {
                    "required": ["private_key"],
                    "additionalProperties": False,
                    "properties": {
                        "auth_type": {"const": "Key Pair Authentication"},
                        "private_key": _SECRET,
                        "private_key_password": _SECRET,
                    },
                },
            ]
        },
    },
}
"""The settings that the sandbox supports, as a JSON schema."""

_ACCOUNT_HOST = ".snowflakecomputing.com"
_DEFAULT_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True)
class SnowflakeTarget:
    """Where the records go.

    Attributes:
        database: Snowflake database, created when missing.
        schema: Schema of the raw tables, one table a stream, named in upper case.
        connection: Keyword arguments for ``snowflake.connector.connect``.
    """

    database: str
    schema: str
    connection: dict[str, Any] = field(repr=False)


def snowflake_target(configuration: Json) -> SnowflakeTarget:
    """What a destination's settings say.

    The host may be an address (``http://127.0.0.1:18103``); without a scheme it is HTTPS.

    Raises:
        ValueError: The private key is not a PEM text, or its password is wrong.
    """
    host: str = configuration["host"]
    address = urlsplit(host if "://" in host else f"https://{host}")
    name = address.hostname or host
    connection: Json = {
        "account": name.removesuffix(_ACCOUNT_HOST) if name.endswith(_ACCOUNT_HOST) else "sandbox",
        "host": name,
        "port": address.port or _DEFAULT_PORTS[address.scheme],
        "protocol": address.scheme,
        "user": configuration["username"],
        "role": configuration["role"],
        "warehouse": configuration["warehouse"],
        "login_timeout": 10,
        "network_timeout": 600,
        "client_session_keep_alive": False,
        "session_parameters": {"CLIENT_OUT_OF_BAND_TELEMETRY_ENABLED": False},
        **_credentials(configuration["credentials"]),
    }
    return SnowflakeTarget(configuration["database"], configuration["schema"], connection)


def _credentials(given: Json) -> Json:
    if "private_key" not in given:
        return {"password": given["password"]}
    from cryptography.hazmat.primitives import serialization

    password: str | None = given.get("private_key_password")
    key = serialization.load_pem_private_key(
        given["private_key"].encode(), password.encode() if password else None
    )
    return {
        "private_key": key.private_bytes(
            serialization.Encoding.DER,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    }
