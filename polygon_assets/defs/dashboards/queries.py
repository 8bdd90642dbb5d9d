"""The queries of a chart: what Superset's front end asks for when it draws it.

Superset saves a chart's query only when somebody saves the chart in a browser. Without one its API
cannot run the chart, so the bundle's charts get theirs here. What the browser adds for its drawing
(pivots of the answer) is left out: rows and figures are the same.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from polygon_assets.defs.dashboards.bundle import BundleError, Object

Query = dict[str, Any]

CANDLESTICK = "polygon_candlestick"
"""The chart type of the plugin."""

PRICES = ("open", "high", "low", "close")


def query_context(chart: Object, dataset: Object) -> Query:
    """A chart's saved query; Superset fills in the identifier of the dataset on import.

    Raises:
        BundleError: No query is known for the chart's type, or it names a metric or column that
            the dataset lacks.
    """
    form: Object = chart["params"]
    found = queries(chart)
    require_known(chart, dataset, found)
    return {
        "datasource": {"id": 0, "type": "table"},
        "force": False,
        "form_data": form,
        "queries": found,
        "result_format": "json",
        "result_type": "full",
    }


def queries(chart: Object) -> list[Query]:
    """The queries of a chart, without the filters of a dashboard.

    Raises:
        BundleError: No query is known for the chart's type.
    """
    form: Object = chart["params"]
    kind: str = chart["viz_type"]
    if kind == CANDLESTICK:
        return [_candles(form)]
    if kind == "mixed_timeseries":
        return [_series(form, suffix) for suffix in ("", "_b")]
    if kind in ("echarts_timeseries_line", "echarts_timeseries_bar"):
        return [_series(form, "")]
    if kind == "heatmap_v2":
        return [_query(form, [form["x_axis"], form["groupby"]], [form["metric"]])]
    if kind == "big_number_total":
        return [_query(form, [], [form["metric"]])]
    if kind == "table":
        return [_table(form)]
    raise BundleError(
        f"The chart {chart['slice_name']} is a {kind}, whose query is not known here."
    )


def choices(column: str, *, ascending: bool) -> Query:
    """What a filter of a dashboard offers: the values of a column, in order."""
    return _query({}, [column], [], [[column, ascending]])


def filtered(
    query: Query, filters: Sequence[Mapping[str, Any]] = (), time_range: str | None = None
) -> Query:
    """A query with a dashboard's filters.

    Args:
        query: Of a chart.
        filters: Superset's: ``{"col": "symbol", "op": "IN", "val": ["AAPL"]}``.
        time_range: Takes the place of the chart's own; None leaves it.
    """
    own = [dict(one) for one in cast("list[Query]", query["filters"])]
    for one in own:
        if time_range and one["op"] == "TEMPORAL_RANGE":
            one["val"] = time_range
    return {**query, "filters": [*own, *(dict(one) for one in filters)]}


def require_known(chart: Object, dataset: Object, found: Sequence[Query]) -> None:
    """Look for what the queries name in the dataset.

    Raises:
        BundleError: The dataset lacks a metric or a column.
    """
    metrics = {one["metric_name"] for one in dataset["metrics"]}
    columns = {one["column_name"] for one in dataset["columns"]}
    for query in found:
        named = [
            column if isinstance(column, str) else column["label"] for column in query["columns"]
        ]
        named += [one["col"] for one in query["filters"]]
        missing = [one for one in query["metrics"] or [] if one not in metrics]
        missing += [one for one in named if one not in columns]
        if missing:
            raise BundleError(
                f"The chart {chart['slice_name']} asks for {', '.join(missing)}, which the dataset "
                f"{dataset['table_name']} lacks."
            )


def _query(
    form: Object,
    columns: Sequence[Any],
    metrics: Sequence[str] | None,
    orderby: Sequence[Any] = (),
    suffix: str = "",
) -> Query:
    filters = cast("list[Object]", form.get(f"adhoc_filters{suffix}", []))
    grain = form.get("time_grain_sqla")
    return {
        "columns": list(columns),
        "metrics": None if metrics is None else list(metrics),
        "filters": [
            {"col": one["subject"], "op": one["operator"], "val": one["comparator"]}
            for one in filters
        ],
        "orderby": list(orderby),
        "row_limit": int(form.get(f"row_limit{suffix}", 1000)),
        "extras": {"having": "", "where": "", **({"time_grain_sqla": grain} if grain else {})},
        "post_processing": [],
    }


def _axis(form: Object) -> Query:
    """The horizontal axis, in the grain of the chart where it is time."""
    column: Query = {
        "columnType": "BASE_AXIS",
        "expressionType": "SQL",
        "isColumnReference": True,
        "label": form["x_axis"],
        "sqlExpression": form["x_axis"],
    }
    grain = form.get("time_grain_sqla")
    return {**column, "timeGrain": grain} if grain else column


def _candles(form: Object) -> Query:
    metrics = [form[price] for price in PRICES]
    metrics += [form["volume"]] if form.get("volume") else []
    metrics += form.get("overlays", [])
    symbol = [form["symbol_column"]] if form.get("symbol_column") else []
    newest = {
        "expressionType": "SIMPLE",
        "aggregate": "MAX",
        "column": {"column_name": form["x_axis"]},
        "label": f"MAX({form['x_axis']})",
    }
    # A row limit leaves out the oldest.
    return _query(form, [_axis(form), *symbol], list(dict.fromkeys(metrics)), [[newest, False]])


def _series(form: Object, suffix: str) -> Query:
    groups = cast("list[str]", form.get(f"groupby{suffix}", []))
    metrics = cast("list[str]", form[f"metrics{suffix}"])
    query = _query(form, [_axis(form), *groups], metrics, [[metrics[0], False]], suffix)
    return {**query, "series_columns": groups}


def _table(form: Object) -> Query:
    if form["query_mode"] == "raw":
        orders = [_order(text) for text in cast("list[str]", form["order_by_cols"])]
        return _query(form, form["all_columns"], None, orders)
    descending = bool(form.get("order_desc", True))
    orders = [[form["timeseries_limit_metric"], not descending]]
    return _query(form, form["groupby"], form["metrics"], orders)


def _order(text: str) -> list[Any]:
    """``["ratio", false]``, as the table chart keeps it."""
    column, ascending = text.strip("[]").rsplit(",", 1)
    return [column.strip().strip('"'), ascending.strip() == "true"]
