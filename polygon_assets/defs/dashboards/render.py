"""The bundle of one deployment: its names, its addresses, its identifiers."""

import io
import json
import re
import uuid
import zipfile
from collections.abc import Mapping

import yaml

from polygon_assets.defs.dashboards.addresses import DatabaseAddress
from polygon_assets.defs.dashboards.bundle import Bundle, BundleError, Object, parse, read_files
from polygon_assets.defs.dashboards.queries import query_context
from polygon_assets.defs.dashboards.stock_candles import with_stock_candles
from polygon_assets.env import Deployment, Names

_PLACEHOLDER = re.compile(r"\{\{\s*env\[\"([A-Z_]+)\"\]\s*\}\}")
_UUID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
_ZIP_TIME = (2026, 1, 1, 0, 0, 0)
"""One time for every file: the same bundle is the same bytes."""


def variables(names: Names, addresses: Mapping[str, DatabaseAddress]) -> dict[str, str]:
    """What the files leave open, for one deployment.

    Args:
        names: The deployment.
        addresses: Key of a database -> its address.
    """
    return {
        "CLICKHOUSE_TICKS": names.clickhouse_ticks,
        "CLICKHOUSE_ROLLUPS": names.clickhouse_rollups,
        "SNOWFLAKE_MARTS": "MARTS",
        "DASHBOARDS_SUFFIX": names.title_suffix,
        "DASHBOARDS_SLUG": names.slug_suffix,
        **{f"DASHBOARDS_{key.upper()}_URI": one.uri for key, one in addresses.items()},
    }


def render_files(
    files: Mapping[str, str], names: Names, values: Mapping[str, str]
) -> dict[str, str]:
    """The files of one deployment.

    Outside of production every identifier is another one, so that one Superset can hold the
    dashboards of several deployments.

    Raises:
        BundleError: A file leaves something open that has no value.
    """

    def value(path: str, found: re.Match[str]) -> str:
        if found[1] not in values:
            raise BundleError(f"{path} asks for {found[1]}, which has no value.")
        return values[found[1]]

    def own(found: re.Match[str]) -> str:
        if names.deployment is Deployment.PROD:
            return found[0]
        return str(uuid.uuid5(uuid.UUID(found[0]), names.label))

    return {
        path: _UUID.sub(own, _PLACEHOLDER.sub(lambda found, at=path: value(at, found), text))
        for path, text in files.items()
    }


def rendered(
    names: Names,
    addresses: Mapping[str, DatabaseAddress],
    *,
    stock_charts: bool = False,
    files: Mapping[str, str] | None = None,
) -> Bundle:
    """The bundle as a deployment's Superset gets it, each chart with its query.

    Args:
        names: The deployment.
        addresses: Key of a database -> its address.
        stock_charts: Draw candles with a chart that every Superset has, Preset's included.
        files: Other files than the project's.
    """
    source = read_files() if files is None else files
    bundle = parse(render_files(source, names, variables(names, addresses)))
    if stock_charts:
        bundle = with_stock_candles(bundle)
    for chart in bundle.charts.values():
        dataset = bundle.dataset(chart["dataset_uuid"])
        chart["query_context"] = json.dumps(query_context(chart, dataset))
    return bundle


def bundle_files(bundle: Bundle) -> dict[str, str]:
    """The files of a rendered bundle, by path."""
    metadata = {"version": "1.0.0", "type": "assets", "timestamp": "2026-01-01T00:00:00+00:00"}
    files = {"metadata.yaml": dump(metadata)}
    files |= {f"databases/{key}.yaml": dump(one) for key, one in bundle.databases.items()}
    for key, one in bundle.datasets.items():
        files[f"datasets/{bundle.database_of(one)}/{key}.yaml"] = dump(one)
    files |= {f"charts/{key}.yaml": dump(one) for key, one in bundle.charts.items()}
    return files | {f"dashboards/{key}.yaml": dump(one) for key, one in bundle.dashboards.items()}


def zipped(bundle: Bundle) -> bytes:
    """The archive that Superset imports; the same bytes for the same bundle."""
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, text in sorted(bundle_files(bundle).items()):
            archive.writestr(zipfile.ZipInfo(f"bundle/{path}", _ZIP_TIME), text)
    return memory.getvalue()


class _Dumper(yaml.SafeDumper):
    """Several lines of text as a block, nothing as a reference."""

    def ignore_aliases(self, data: object) -> bool:
        """Write out what occurs twice."""
        del data
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def dump(data: Object) -> str:
    """One object as the bundle's files have it."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
