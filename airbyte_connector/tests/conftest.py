"""A vendor for each test, and a way to run the connector against it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from airbyte_cdk.models import (
    AirbyteStateMessage,
    ConfiguredAirbyteCatalog,
    ConfiguredAirbyteCatalogSerializer,
)
from airbyte_cdk.test.entrypoint_wrapper import EntrypointOutput, read
from airbyte_cdk.test.state_builder import StateBuilder
from vendor import API_KEY, Vendor, running_vendor

from source_polygon.run import SourcePolygon, load_manifest

pytest_plugins = ["airbyte_cdk.test.standard_tests.pytest_hooks"]

Read = Callable[..., EntrypointOutput]


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    """A vendor that answers well until told otherwise."""
    with running_vendor() as running:
        yield running


@pytest.fixture
def read_stream(vendor: Vendor) -> Read:
    """Read one or more streams incrementally: `read_stream("daily_bars", state=..., **config)`."""

    def run(
        *streams: str,
        state: dict[str, Any] | None = None,
        expecting_exception: bool = False,
        **settings: Any,
    ) -> EntrypointOutput:
        config = configuration(vendor, **settings)
        states = states_of(streams[0], state) if state else []
        catalog = configured(*streams)
        source = SourcePolygon(config=config, catalog=catalog, state=states)
        return read(source, config, catalog, states, expecting_exception)

    return run


def configuration(vendor: Vendor, **settings: Any) -> dict[str, Any]:
    """A configuration for Thursday 2005-02-24 to Tuesday 2005-03-01; None leaves a setting out."""
    config = {
        "api_key": API_KEY,
        "start_date": "2005-02-24",
        "end_date": "2005-03-01",
        "requests_per_minute": 6000,
        "base_url": vendor.url,
    } | settings
    return {name: value for name, value in config.items() if value is not None}


def configured(*streams: str) -> ConfiguredAirbyteCatalog:
    """A configured catalog of the streams, incremental and de-duplicated."""
    schemas = load_manifest()["schemas"]
    return ConfiguredAirbyteCatalogSerializer.load(
        {
            "streams": [
                {
                    "stream": {
                        "name": name,
                        "json_schema": schemas[name],
                        "supported_sync_modes": ["full_refresh", "incremental"],
                    },
                    "sync_mode": "incremental",
                    "destination_sync_mode": "append_dedup",
                }
                for name in streams
            ]
        }
    )


def states_of(stream: str, state: dict[str, Any]) -> list[AirbyteStateMessage]:
    """Input state as the platform hands it over."""
    return StateBuilder().with_stream_state(stream, state).build()


def last_state(output: EntrypointOutput) -> dict[str, Any]:
    """The stream state that a following sync would start from."""
    state = output.most_recent_state.stream_state
    return dict(vars(state))
