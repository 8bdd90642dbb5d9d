"""The `source-polygon` command: spec, check, discover and read by the Airbyte protocol.

Everything the connector does stands in manifest.yaml; this only hands it to the CDK. (The CDK's
own `source-declarative-manifest` would answer `spec` with its own specification.)
"""

import sys
from pathlib import Path
from typing import Any

import yaml
from airbyte_cdk.entrypoint import AirbyteEntrypoint, launch
from airbyte_cdk.models import AirbyteStateMessage, ConfiguredAirbyteCatalog
from airbyte_cdk.sources.declarative.concurrent_declarative_source import (
    ConcurrentDeclarativeSource,
)


def main() -> None:
    """Run the command line's arguments and exit: 0 if all went well, 1 if not."""
    arguments = sys.argv[1:]
    options = AirbyteEntrypoint.parse_args(arguments)
    source = SourcePolygon(
        config=_config(options.config) if "config" in options else None,
        catalog=_catalog(options.catalog) if "catalog" in options else None,
        state=_state(options.state) if "state" in options and options.state else None,
    )
    launch(source, arguments)


class SourcePolygon(ConcurrentDeclarativeSource):
    """The source of manifest.yaml."""

    def __init__(
        self,
        config: dict[str, Any] | None = None,
        catalog: ConfiguredAirbyteCatalog | None = None,
        state: list[AirbyteStateMessage] | None = None,
    ) -> None:
        super().__init__(catalog=catalog, config=config, state=state, source_config=load_manifest())


def load_manifest() -> dict[str, Any]:
    """Read the manifest: beside this module when installed, above it in a checkout.

    Raises:
        FileNotFoundError: In neither place.
    """
    here = Path(__file__).parent
    installed, checkout = here / "manifest.yaml", here.parent / "manifest.yaml"
    text = (installed if installed.exists() else checkout).read_text()
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def _config(path: str) -> dict[str, Any]:
    return dict(ConcurrentDeclarativeSource.read_config(path))


def _catalog(path: str) -> ConfiguredAirbyteCatalog:
    return ConcurrentDeclarativeSource.read_catalog(path)


def _state(path: str) -> list[AirbyteStateMessage]:
    return ConcurrentDeclarativeSource.read_state(path)


if __name__ == "__main__":
    main()
