"""What somebody changed in the browser, written back into the bundle's files.

A file keeps its words wherever the server still has what they stand for, placeholders included, so
that a pull shows in git as the change that was made.
"""

import re
from collections.abc import Mapping
from copy import deepcopy
from itertools import zip_longest
from typing import Any, cast

from polygon_assets.defs.dashboards.bundle import KINDS, Bundle, Object, identifier, parse
from polygon_assets.defs.dashboards.lineage import LAYERS
from polygon_assets.defs.dashboards.render import dump
from polygon_assets.defs.dashboards.served import comparable, differences, served_objects
from polygon_assets.resources.superset import SupersetClient

_OF_THE_SERVER = {
    *("datasource", "slice_id", "dashboards", "url_params", "annotation_layers"),
    "default_filters",
}
"""What Superset adds to the settings of a chart or a dashboard, and only it knows."""

_CHART = ("slice_name", "description", "viz_type", "params", "uuid", "dataset_uuid", "version")


def pulled_files(
    client: SupersetClient, files: Mapping[str, str], bundle: Bundle, values: Mapping[str, str]
) -> dict[str, str]:
    """The files that differ on the server, with what it has; only reads.

    Args:
        client: Where the dashboards are.
        files: The bundle's, by path, not rendered.
        bundle: The same for the deployment, rendered.
        values: What the files leave open, for the deployment.

    Returns:
        Path -> new text. A chart that was made in the browser is a new file.
    """
    source, theirs = parse(dict(files)), served_objects(client, bundle)
    known = _identifiers(source, bundle)
    found: dict[str, str] = {}
    for uuid, chart in theirs.items():
        if "viz_type" in chart and uuid not in known:
            key = _free_key(chart["slice_name"], source, found)
            known[uuid] = identifier("charts", key)
            found[f"charts/{key}.yaml"] = dump(_new_chart(chart, known))
    for kind in KINDS:
        for key, own in cast("dict[str, Object]", getattr(bundle, kind)).items():
            other = theirs.get(own["uuid"])
            if other is None or not differences(comparable(own), comparable(other)):
                continue
            written: Object = getattr(source, kind)[key]
            if "sql" in own:
                other = other | {"sql": _sql(written["sql"], own["sql"], other["sql"], values)}
            path = next(
                path
                for path in files
                if path.startswith(f"{kind}/") and path.endswith(f"/{key}.yaml")
            )
            found[path] = dump(_merged(written, own, comparable(other), known))
    return found


def _merged(written: Object, own: Object, other: Object, known: Mapping[str, str]) -> Object:
    """A file's object with what the server has: its words stay where nothing was changed."""
    rendered, found = comparable(own), dict[str, Any]()
    for key, value in written.items():
        if key not in other or not differences(rendered[key], other[key]):
            found[key] = value
        elif key in ("columns", "metrics"):
            found[key] = _parts(value, rendered[key], other[key], known)
        else:
            found[key] = _in_order(_plain(other[key], known), value)
    return found


def _in_order(found: Any, written: Any) -> Any:
    """A value with its keys in the file's order; those that the file lacks come last.

    Superset sorts them, and every line of a layout would change.
    """
    if isinstance(found, dict) and isinstance(written, dict):
        own, other = cast("Object", written), cast("Object", found)
        keys = [*(key for key in own if key in other), *(key for key in other if key not in own)]
        return {key: _in_order(other[key], own.get(key)) for key in keys}
    if isinstance(found, list) and isinstance(written, list):
        pairs = zip_longest(cast("list[Any]", found), cast("list[Any]", written)[: len(found)])
        return [_in_order(one, own) for one, own in pairs]
    return found


def _sql(written: str, rendered: str, other: str, values: Mapping[str, str]) -> str:
    """SQL of the server with the placeholders of the file: lines that were not changed are its own,
    and in the others every schema is one of ours."""
    if rendered == other:
        return other
    own = dict(zip(rendered.splitlines(), written.splitlines(), strict=True))
    schemas = {value: name for name, value in values.items() if name in LAYERS}
    schema = re.compile(rf"\b({'|'.join(map(re.escape, schemas))})\.(?=\w)")

    def placeholder(found: re.Match[str]) -> str:
        return f'{{{{ env["{schemas[found[1]]}"] }}}}.'

    lines = [own.get(line) or schema.sub(placeholder, line) for line in other.splitlines()]
    return "\n".join(lines) + "\n"


def _parts(
    written: list[Object], rendered: Object, other: Object, known: Mapping[str, str]
) -> list[Object]:
    """Columns or metrics in the order of the file; new ones come last, removed ones are gone."""
    name = next(key for key in written[0] if key.endswith("_name") and not key.startswith("verb"))
    found = [
        {
            key: value
            if rendered[part[name]].get(key) == other[part[name]].get(key)
            else _plain(other[part[name]].get(key), known)
            for key, value in part.items()
        }
        for part in written
        if part[name] in other
    ]
    fields = written[0].keys()
    new = [one for key, one in other.items() if key not in rendered]
    return [*found, *({key: one.get(key) for key in fields} for one in new)]


def _new_chart(chart: Object, known: Mapping[str, str]) -> Object:
    return {key: _plain(chart.get(key), known) for key in _CHART}


def _plain(value: Any, known: Mapping[str, str]) -> Any:
    """A value of the server with the identifiers of the files."""
    if isinstance(value, dict):
        items = cast("Object", value).items()
        return {key: _plain(one, known) for key, one in items if key not in _OF_THE_SERVER}
    if isinstance(value, list):
        return [_plain(one, known) for one in cast("list[Any]", value)]
    return known.get(value, value) if isinstance(value, str) else deepcopy(value)


def _identifiers(source: Bundle, bundle: Bundle) -> dict[str, str]:
    """UUID of the deployment -> UUID of the files."""
    return {
        one["uuid"]: getattr(source, kind)[key]["uuid"]
        for kind in KINDS
        for key, one in cast("dict[str, Object]", getattr(bundle, kind)).items()
    }


def _free_key(title: str, source: Bundle, found: Mapping[str, str]) -> str:
    """A name for the file of a new chart."""
    base = re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_") or "chart"
    key, number = base, 2
    while key in source.charts or f"charts/{key}.yaml" in found:
        key, number = f"{base}_{number}", number + 1
    return key
