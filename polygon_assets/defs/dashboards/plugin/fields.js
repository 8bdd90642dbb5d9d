/** Which columns of the query are the candles: read from a chart's form data. */

export const PRICES = ['open', 'high', 'low', 'close'];

/** The column of the result that holds a metric: Superset names it in the same way. */
export function metricLabel(metric) {
  if (typeof metric === 'string') return metric;
  if (metric.label) return metric.label;
  return metric.expressionType === 'SIMPLE'
    ? `${metric.aggregate}(${metric.column.column_name})`
    : metric.sqlExpression;
}

/** The column of the result that holds a dimension, which is a column's name or SQL of its own. */
export function columnLabel(column) {
  if (!column || typeof column === 'string') return column || null;
  return column.label || column.sqlExpression;
}

/** Superset stores a single choice of some controls as a list of one. */
function only(value) {
  return (Array.isArray(value) ? value[0] : value) || null;
}

export function listed(value) {
  if (Array.isArray(value)) return value.filter(Boolean);
  return value ? [value] : [];
}

/**
 * The chart's settings.
 *
 * `missing` names the prices for which no metric is chosen. `grain` is an ISO 8601 duration such
 * as PT5M, or null for the column's own times.
 */
export function chartFields(formData) {
  const prices = {};
  for (const price of PRICES) {
    const metric = only(formData[price]);
    prices[price] = metric && metricLabel(metric);
  }
  const volume = only(formData.volume);
  return {
    time: columnLabel(only(formData.x_axis)),
    grain: formData.extra_form_data?.time_grain_sqla || formData.time_grain_sqla || null,
    ...prices,
    missing: PRICES.filter(price => !prices[price]),
    volume: volume && metricLabel(volume),
    overlays: [...new Set(listed(formData.overlays).map(metricLabel))],
    symbol: columnLabel(only(formData.symbol_column)),
    zone: formData.time_zone === 'UTC' ? 'UTC' : 'America/New_York',
    rowLimit: Number(formData.row_limit) || null,
    priceFormat: formData.y_axis_format || null,
  };
}

/** The chosen metrics in the order of the legend, each once. */
export function chosenMetrics(formData) {
  const chosen = [...PRICES, 'volume'].map(name => only(formData[name]));
  const seen = new Set();
  return [...chosen, ...listed(formData.overlays)].filter(metric => {
    if (!metric) return false;
    const key = metricKey(metric);
    return !seen.has(key) && seen.add(key);
  });
}

/** Equal for two metrics that are the same; two that only share a label are left to Superset. */
function metricKey(metric) {
  if (typeof metric === 'string') return metric;
  const { aggregate, column, sqlExpression } = metric;
  return JSON.stringify([metricLabel(metric), aggregate, column?.column_name, sqlExpression]);
}
