"""What a server has of the dashboards now, in the form of the bundle's files, and how it differs.

Superset's export numbers charts by its own counter, orders columns and metrics by itself and adds
what it knows besides. Made comparable, what was pushed and not changed is what the files say.
"""

import io
import zipfile
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Literal, cast

from polygon_assets.defs.dashboards.bundle import (
    KINDS,
    Bundle,
    Object,
    chart_nodes,
    native_filters,
    parse,
)
from polygon_assets.resources.superset import SupersetClient, SupersetError

IGNORED = {
    # The password is hidden in one, and the other is derived from the chart.
    "sqlalchemy_uri",
    "query_context",
    # Superset takes it and never tells it.
    "allow_csv_upload",
}


@dataclass(frozen=True)
class Change:
    """What pushing would do to one object.

    Attributes:
        kind: databases, datasets, charts or dashboards.
        key: Name of its file.
        action: What the push does.
        fields: What differs on the server, for an update.
    """

    kind: str
    key: str
    action: Literal["create", "update", "keep"]
    fields: tuple[str, ...] = ()


def changes(client: SupersetClient, bundle: Bundle) -> list[Change]:
    """Compare a rendered bundle with what the server has; only reads."""
    theirs = served_objects(client, bundle)
    found: list[Change] = []
    for kind in KINDS:
        for key, own in cast("dict[str, Object]", getattr(bundle, kind)).items():
            other = theirs.get(own["uuid"])
            if other is None:
                found.append(Change(kind, key, "create"))
                continue
            fields = tuple(differences(comparable(own), comparable(other)))
            found.append(Change(kind, key, "update" if fields else "keep", fields))
    return found


def served_objects(client: SupersetClient, bundle: Bundle) -> dict[str, Object]:
    """UUID -> object, of those of the bundle's dashboards that the server has."""
    found: dict[str, Object] = {}
    for dashboard in bundle.dashboards.values():
        try:
            archive = client.export_dashboards([dashboard["slug"]])
        except SupersetError:
            continue  # not there yet
        theirs = parse(exported_files(archive))
        for kind in KINDS:
            found |= {one["uuid"]: one for one in getattr(theirs, kind).values()}
    return found


def exported_files(archive: bytes) -> dict[str, str]:
    """Path in the bundle -> text, of an archive that Superset exported."""
    with zipfile.ZipFile(io.BytesIO(archive)) as files:
        return {
            name.partition("/")[2]: files.read(name).decode()
            for name in files.namelist()
            if name.endswith(".yaml")
        }


def comparable(one: Object) -> Object:
    """An object without what depends on the server that it was exported from."""
    found = deepcopy({key: value for key, value in one.items() if key not in IGNORED})
    for name in ("columns", "metrics"):
        if name in found:
            key = f"{name[:-1]}_name"
            found[name] = {part[key]: part for part in found[name]}
    if "position" in found:
        renumber(found, {node["meta"]["chartId"]: number for number, node in _numbered(found)})
    return found


def renumber(dashboard: Object, numbers: Mapping[int, int]) -> None:
    """Give the charts of a dashboard other numbers, wherever it names them."""
    for node in chart_nodes(dashboard):
        node["meta"]["chartId"] = numbers[node["meta"]["chartId"]]
    scopes = [one["scope"] for one in native_filters(dashboard)]
    crossing: Object = dashboard["metadata"].get("global_chart_configuration", {})
    if crossing:
        scopes.append(crossing["scope"])
        # Superset writes it anew when the dashboard is opened for editing.
        crossing.pop("chartsInScope", None)
    for scope in scopes:
        scope["excluded"] = sorted(numbers[one] for one in scope["excluded"] if one in numbers)


def _numbered(dashboard: Object) -> list[tuple[int, Object]]:
    return list(enumerate(chart_nodes(dashboard), 1))


def differences(own: Any, other: Any, path: str = "") -> list[str]:
    """Where the server's object is not as ours says; what only the server says does not count."""
    if isinstance(own, dict) and isinstance(other, dict):
        mine, theirs = cast("Object", own), cast("Object", other)
        return [
            difference
            for key, value in mine.items()
            for difference in differences(value, theirs.get(key), f"{path}.{key}".lstrip("."))
        ]
    return [] if own == other else [path]
