"""To run the connector in this process or in one of its own: configuration, catalog, state."""

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from airbyte_cdk.models import (
    AirbyteStateMessage,
    ConfiguredAirbyteCatalog,
    ConfiguredAirbyteCatalogSerializer,
)
from airbyte_cdk.sources.declarative.parsers.manifest_reference_resolver import (
    ManifestReferenceResolver,
)
from airbyte_cdk.test.entrypoint_wrapper import EntrypointOutput
from airbyte_cdk.test.state_builder import StateBuilder
from simulator import API_KEY

from source_polygon.run import load_manifest

Record = dict[str, Any]
Read = Callable[..., EntrypointOutput]

BARS = "/v2/aggs/grouped/locale/us/market/stocks/"
COMMAND = str(Path(sys.executable).with_name("source-polygon"))
DAYS = [(date(2005, 2, 24) + timedelta(days=number)).isoformat() for number in range(6)]
"""Thursday to Tuesday, the days that are read if a test does not say which."""
SESSIONS = [day for day in DAYS if date.fromisoformat(day).weekday() < 5]


@cache
def manifest() -> dict[str, Any]:
    """The connector's manifest with its references resolved; not to be changed."""
    return dict(ManifestReferenceResolver().preprocess_manifest(load_manifest()))


def stream(name: str) -> dict[str, Any]:
    """What the manifest says about one stream."""
    return manifest()["definitions"]["streams"][name]


def schema(name: str) -> dict[str, Any]:
    """The declared schema of one stream."""
    return manifest()["schemas"][name]


def configuration(url: str, **settings: Any) -> dict[str, Any]:
    """A configuration for the days of DAYS; None leaves a setting out."""
    config = {
        "api_key": API_KEY,
        "start_date": DAYS[0],
        "end_date": DAYS[-1],
        "requests_per_minute": 6000,
        "base_url": url,
    } | settings
    return {name: value for name, value in config.items() if value is not None}


def catalog(*names: str) -> dict[str, Any]:
    """A configured catalog of the streams, incremental and de-duplicated."""
    return {
        "streams": [
            {
                "stream": {
                    "name": name,
                    "json_schema": schema(name),
                    "supported_sync_modes": ["full_refresh", "incremental"],
                },
                "sync_mode": "incremental",
                "destination_sync_mode": "append_dedup",
            }
            for name in names
        ]
    }


def configured(*names: str) -> ConfiguredAirbyteCatalog:
    """The same as the CDK wants it."""
    return ConfiguredAirbyteCatalogSerializer.load(catalog(*names))


def states_of(name: str, state: dict[str, Any]) -> list[AirbyteStateMessage]:
    """Input state as the platform hands it over."""
    return StateBuilder().with_stream_state(name, state).build()


def last_state(output: EntrypointOutput) -> dict[str, Any]:
    """The stream state that a following sync would start from."""
    return dict(vars(output.most_recent_state.stream_state))


def records(output: EntrypointOutput) -> list[Record]:
    """The data of every record."""
    return [message.record.data for message in output.records]


def key(name: str, record: Record) -> tuple[Any, ...]:
    """A record's primary key."""
    return tuple(record[field] for field in stream(name)["primary_key"])


def messages(output: EntrypointOutput) -> list[str]:
    """The text of every log line and of every error."""
    return [line.log.message for line in output.logs] + [
        str(error.trace.error.message) for error in output.errors
    ]


def command(folder: Path, verb: str, config: dict[str, Any], *names: str, **options: Any) -> list:
    """The installed command's line, its files in the folder; `state` is a list of messages."""
    files = {"config": config, "catalog": catalog(*names)} | options
    for file, content in files.items():
        (folder / f"{file}.json").write_text(json.dumps(content))
    return [
        COMMAND,
        verb,
        *(part for file in files for part in (f"--{file}", folder / f"{file}.json")),
    ]


def run(line: list) -> subprocess.CompletedProcess[str]:
    """Run a command line to its end."""
    return subprocess.run(line, capture_output=True, text=True, check=False)
