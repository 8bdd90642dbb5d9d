"""Definitions, sources, destinations and connections, as they are stored."""

import time
import uuid
from typing import Any, ClassVar, TypeVar

import msgspec

from polygon_assets.sandbox.airbyte.bodies import SchemaUpdates, StreamConfiguration
from polygon_assets.sandbox.airbyte.database import Database

Json = dict[str, Any]

_SCHEMA = """
create table if not exists objects (
    number integer primary key autoincrement,
    id text not null unique,
    kind text not null,
    document text not null
);
"""


def new_id() -> str:
    """A fresh identity."""
    return str(uuid.uuid4())


def now() -> int:
    """Seconds since 1970, UTC."""
    return int(time.time())


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """What every object has.

    Attributes:
        id: UUID.
        name: Its name, which need not be unique.
        created_at: Seconds since 1970, UTC.
    """

    kind: ClassVar[str]
    id: str = msgspec.field(default_factory=new_id)
    name: str
    created_at: int = msgspec.field(default_factory=now)


class Definition(Stored, frozen=True):
    """A connector that is described by a manifest."""

    kind: ClassVar[str] = "definition"
    manifest: Json
    version: int = 1


class Source(Stored, frozen=True):
    """A definition with settings, secrets included."""

    kind: ClassVar[str] = "source"
    definition_id: str
    configuration: Json


class Destination(Stored, frozen=True):
    """Snowflake with settings, secrets included."""

    kind: ClassVar[str] = "destination"
    configuration: Json


class Connection(Stored, frozen=True):
    """A source's streams on their way to a destination."""

    kind: ClassVar[str] = "connection"
    source_id: str
    destination_id: str
    streams: list[StreamConfiguration]
    prefix: str = ""
    status: str = "active"
    non_breaking_schema_updates_behavior: SchemaUpdates = "ignore"


Kind = TypeVar("Kind", bound=Stored)


class Objects:
    """The stored objects, by kind and identity."""

    def __init__(self, database: Database) -> None:
        self._database = database
        database.define(_SCHEMA)

    def save(self, item: Kind) -> Kind:
        """Add an object, or replace the one with its identity; returns it."""
        document = msgspec.json.encode(item).decode()
        self._database.execute(
            "insert into objects (id, kind, document) values (?, ?, ?)"
            " on conflict (id) do update set document = excluded.document",
            (item.id, item.kind, document),
        )
        return item

    def find(self, kind: type[Kind], identity: str) -> Kind | None:
        """The object with this identity, if there is one of the kind."""
        rows = self._database.execute(
            "select document from objects where id = ? and kind = ?", (identity, kind.kind)
        )
        return msgspec.json.decode(rows[0][0], type=kind) if rows else None

    def all(self, kind: type[Kind]) -> list[Kind]:
        """Every object of a kind, in the order of creation."""
        rows = self._database.execute(
            "select document from objects where kind = ? order by number", (kind.kind,)
        )
        return [msgspec.json.decode(document, type=kind) for (document,) in rows]

    def delete(self, item: Stored) -> None:
        """Remove an object."""
        self._database.execute("delete from objects where id = ?", (item.id,))
