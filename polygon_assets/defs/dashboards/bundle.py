"""The dashboards as files: Superset's own export format, with one file per object.

The files are those of production. What depends on the deployment is written
``{{ env["CLICKHOUSE_ROLLUPS"] }}`` and filled in by :mod:`polygon_assets.defs.dashboards.render`,
the notation of Preset's command-line client, which can render the folder by itself.
"""

import hashlib
import uuid
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import yaml

BUNDLE = Path(__file__).with_name("bundle")

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "polygon-assets/dashboards")

KINDS = ("databases", "datasets", "charts", "dashboards")
"""The folders of a bundle, each after those whose objects it names."""

# The one in C, where it is built, reads the bundle in a tenth of the time.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Object = dict[str, Any]
"""One object of Superset, as its file has it."""


class BundleError(ValueError):
    """A file of the bundle is wrong; the text says which and why."""


@dataclass(frozen=True)
class Bundle:
    """The objects of a bundle.

    Attributes:
        databases: Key (the file's name without its ending) -> database.
        datasets: Key -> dataset: a table, a view or a query, with its columns and metrics.
        charts: Key -> chart on one dataset.
        dashboards: Key -> dashboard, whose ``position`` holds its charts.
    """

    databases: dict[str, Object]
    datasets: dict[str, Object]
    charts: dict[str, Object]
    dashboards: dict[str, Object]

    def charts_of(self, dashboard: str) -> dict[str, Object]:
        """The charts of one dashboard, by key, in the order in which it shows them."""
        keys = {chart["uuid"]: key for key, chart in self.charts.items()}
        return {
            (key := keys[node["meta"]["uuid"]]): self.charts[key]
            for node in chart_nodes(self.dashboards[dashboard])
        }

    def datasets_of(self, dashboard: str) -> dict[str, Object]:
        """The datasets that a dashboard's charts and filters read, by key."""
        wanted = {chart["dataset_uuid"] for chart in self.charts_of(dashboard).values()}
        wanted |= {
            target["datasetUuid"]
            for one in native_filters(self.dashboards[dashboard])
            for target in one["targets"]
            if "datasetUuid" in target
        }
        return {key: one for key, one in self.datasets.items() if one["uuid"] in wanted}

    def dataset(self, identifier: str) -> Object:
        """The dataset with this UUID."""
        return next(one for one in self.datasets.values() if one["uuid"] == identifier)

    def database_of(self, dataset: Object) -> str:
        """Key of the database that a dataset is in: clickhouse or snowflake."""
        wanted = dataset["database_uuid"]
        return next(key for key, one in self.databases.items() if one["uuid"] == wanted)


def identifier(kind: str, key: str) -> str:
    """The UUID of an object of the files: it follows from its folder and the name of its file."""
    return str(uuid.uuid5(NAMESPACE, f"{kind.removesuffix('s')}/{key}"))


def chart_nodes(dashboard: Object) -> list[Object]:
    """The places of a dashboard's charts in its layout, in reading order."""
    position: Object = dashboard["position"]
    found: list[Object] = []

    def walk(name: str) -> None:
        node: Object = position[name]
        if node["type"] == "CHART":
            found.append(node)
        for child in cast("list[str]", node.get("children", [])):
            walk(child)

    walk("ROOT_ID")
    return found


def native_filters(dashboard: Object) -> list[Object]:
    """The filters at the side of a dashboard."""
    return cast("list[Object]", dashboard["metadata"].get("native_filter_configuration", []))


def read_files(folder: Path = BUNDLE) -> dict[str, str]:
    """The text of every file of a bundle, by its path in the folder, sorted.

    Raises:
        BundleError: There is no bundle in the folder.
    """
    files = {
        path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*.yaml")
    }
    if "metadata.yaml" not in files:
        raise BundleError(f"{folder} is no bundle: it has no metadata.yaml.")
    return dict(sorted(files.items()))


def parse(files: dict[str, str]) -> Bundle:
    """The objects of a bundle's files.

    Raises:
        BundleError: A file is not YAML, or names an object that the bundle lacks.
    """
    found: dict[str, dict[str, Object]] = {kind: {} for kind in KINDS}
    for path, text in files.items():
        kind, _, rest = path.partition("/")
        if kind in found:
            found[kind][Path(rest).stem] = _object(path, text)
    bundle = Bundle(**found)
    _require_references(bundle)
    return bundle


@lru_cache(maxsize=1)
def own_bundle() -> Bundle:
    """The project's bundle, with what depends on the deployment not yet filled in."""
    return parse(read_files())


@lru_cache(maxsize=1)
def own_digest() -> str:
    """A text that is another one as soon as a file of the project's bundle is."""
    return hashlib.sha256(repr(read_files()).encode()).hexdigest()


def _object(path: str, text: str) -> Object:
    try:
        found: Any = yaml.load(text, _LOADER)  # noqa: S506  both are safe loaders
    except yaml.YAMLError as error:
        raise BundleError(f"{path} is not YAML: {error}") from None
    if not isinstance(found, dict) or "uuid" not in found:
        raise BundleError(f"{path} is no object of Superset: it has no uuid.")
    return cast("Object", found)


def _require_references(bundle: Bundle) -> None:
    """Every UUID that a file names must be that of another file."""
    named = {
        "databases": [
            (f"datasets/{key}", one["database_uuid"]) for key, one in bundle.datasets.items()
        ],
        "datasets": [(f"charts/{key}", one["dataset_uuid"]) for key, one in bundle.charts.items()]
        + [
            (f"dashboards/{key}", target["datasetUuid"])
            for key, one in bundle.dashboards.items()
            for found in native_filters(one)
            for target in found["targets"]
            if "datasetUuid" in target
        ],
        "charts": [
            (f"dashboards/{key}", node["meta"]["uuid"])
            for key, one in bundle.dashboards.items()
            for node in chart_nodes(one)
        ],
    }
    for kind, references in named.items():
        known = {one["uuid"] for one in getattr(bundle, kind).values()}
        for path, named_uuid in references:
            if named_uuid not in known:
                raise BundleError(
                    f"{path} names {named_uuid}, which is none of the bundle's {kind}."
                )
