/** The one query of a candlestick chart. */

import { chosenMetrics, listed } from './fields.js';

/**
 * Complete the query that Superset derives from the form data (filters, time range, row limit).
 *
 * Superset's queries are unordered, so a row limit would cut any bars. Newest first keeps the end.
 */
export function candleQuery(formData, base) {
  const { is_timeseries: _unused, ...query } = base;
  const [time] = listed(formData.x_axis);
  const grain = query.extras?.time_grain_sqla ?? formData.time_grain_sqla ?? null;
  return {
    ...query,
    columns: [...(time ? [axisColumn(time, grain)] : []), ...listed(formData.symbol_column)],
    metrics: chosenMetrics(formData),
    orderby: time ? [[newest(time), false]] : [],
    series_columns: [],
  };
}

function axisColumn(column, grain) {
  const axis = { columnType: 'BASE_AXIS', expressionType: 'SQL', timeGrain: grain };
  if (typeof column === 'string') {
    return { ...axis, sqlExpression: column, label: column, isColumnReference: true };
  }
  return { ...axis, ...column };
}

/** An aggregate: most databases refuse to order a grouped query by a column that is not grouped. */
function newest(column) {
  if (typeof column === 'string') {
    return {
      expressionType: 'SIMPLE',
      aggregate: 'MAX',
      column: { column_name: column },
      label: `MAX(${column})`,
    };
  }
  const expression = `MAX(${column.sqlExpression})`;
  return { expressionType: 'SQL', sqlExpression: expression, label: expression };
}
