"""The `source-polygon` command: spec, check, discover and read by the Airbyte protocol.

Everything the connector does stands in its manifest; this only hands it to the CDK. (The CDK's
own `source-declarative-manifest` would answer `spec` with its own specification.)
"""

import argparse
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
    """Run the command line's arguments and exit: 0 if all went well, 1 if not.

    With `--manifest-path FILE` another manifest, in JSON or YAML, takes the packaged one's place.
    """
    manifest_path, arguments = _take_manifest_path(sys.argv[1:])
    options = AirbyteEntrypoint.parse_args(arguments)
    source = SourcePolygon(
        config=_config(options.config) if "config" in options else None,
        catalog=_catalog(options.catalog) if "catalog" in options else None,
        state=_state(options.state) if "state" in options and options.state else None,
        manifest=load_manifest(manifest_path),
    )
    launch(source, arguments)


class SourcePolygon(ConcurrentDeclarativeSource):
    """The source of a manifest; of the packaged one without any."""

    def __init__(
        self,
        config: dict[str, Any] | None = None,
        catalog: ConfiguredAirbyteCatalog | None = None,
        state: list[AirbyteStateMessage] | None = None,
        manifest: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(
            catalog=catalog,
            config=config,
            state=state,
            source_config=load_manifest() if manifest is None else manifest,
        )


def load_manifest(path: Path | None = None) -> dict[str, Any]:
    """Read a manifest in YAML or JSON.

    Args:
        path: Its file. Default: the packaged one.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file holds no object.
    """
    file = path or _packaged_manifest()
    manifest = yaml.load(file.read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    if not isinstance(manifest, dict):
        raise ValueError(f"{file} holds no manifest")
    return manifest


def _packaged_manifest() -> Path:
    """Beside this module when installed, above it in a checkout."""
    here = Path(__file__).parent
    installed = here / "manifest.yaml"
    return installed if installed.exists() else here.parent / "manifest.yaml"


def _take_manifest_path(arguments: list[str]) -> tuple[Path | None, list[str]]:
    """The manifest's file and the other arguments; the CDK's parser refuses it for `spec`."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--manifest-path", type=Path)
    options, others = parser.parse_known_args(arguments)
    return options.manifest_path, others


def _config(path: str) -> dict[str, Any]:
    return dict(ConcurrentDeclarativeSource.read_config(path))


def _catalog(path: str) -> ConfiguredAirbyteCatalog:
    return ConcurrentDeclarativeSource.read_catalog(path)


def _state(path: str) -> list[AirbyteStateMessage]:
    return ConcurrentDeclarativeSource.read_state(path)


if __name__ == "__main__":
    main()
