"""Candles from a chart that every Superset has: for Preset, which takes no plugin.

A bar from the lower to the upper end of the candle's body, green or red, stands on a base that is
not drawn; a band behind it reaches from the low to the high. The figures are those of the plugin's
chart, lines over the candles aside: they would be stacked on the band.
"""

from copy import deepcopy
from dataclasses import replace

from polygon_assets.defs.dashboards.bundle import Bundle, Object
from polygon_assets.defs.dashboards.queries import CANDLESTICK

BODY = ["body_base", "up_body", "down_body"]
RANGE = ["low", "high_low"]


def with_stock_candles(bundle: Bundle) -> Bundle:
    """The bundle with every candle chart replaced; its identifiers stay."""
    charts = {
        key: stock_chart(one) if one["viz_type"] == CANDLESTICK else one
        for key, one in bundle.charts.items()
    }
    return replace(bundle, charts=charts)


def stock_chart(chart: Object) -> Object:
    """A candle chart of the plugin as a mixed time series."""
    form: Object = chart["params"]
    filters: list[Object] = form["adhoc_filters"]
    params: Object = {
        "viz_type": "mixed_timeseries",
        "x_axis": form["x_axis"],
        "granularity_sqla": form["granularity_sqla"],
        "time_grain_sqla": form["time_grain_sqla"],
        "metrics": BODY,
        "groupby": [],
        "seriesType": "bar",
        "stack": True,
        "opacity": 1,
        "metrics_b": RANGE,
        "groupby_b": [],
        "seriesTypeB": "line",
        "stackB": True,
        "areaB": True,
        "opacityB": 0.18,
        "row_limit": form["row_limit"],
        "row_limit_b": form["row_limit"],
        "show_legend": False,
        "rich_tooltip": True,
        "zoomable": True,
        "y_axis_format": ",.2f",
        "x_axis_time_format": "smart_date",
        # Both axes begin at the lowest price, and only one is shown: they are the same.
        "echart_options": "{ yAxis: [{ scale: true, type: 'value' }, "
        "{ scale: true, type: 'value', show: false }] }",
        "adhoc_filters": deepcopy(filters),
        "adhoc_filters_b": deepcopy(filters),
    }
    return {**chart, "viz_type": "mixed_timeseries", "params": params}
