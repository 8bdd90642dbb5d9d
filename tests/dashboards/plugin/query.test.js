import assert from 'node:assert/strict';
import { test } from 'node:test';

import { candleQuery } from '../../../polygon_assets/defs/dashboards/plugin/query.js';
import { FORM } from './samples.js';

const BASE = {
  columns: [],
  metrics: [],
  filters: [{ col: 'symbol', op: '==', val: 'NVDA' }],
  extras: { time_grain_sqla: 'PT5M' },
  is_timeseries: true,
  row_limit: 1000,
};
const average = label => ({
  expressionType: 'SQL',
  sqlExpression: 'AVG(close)',
  label,
  hasCustomLabel: true,
  optionName: Math.random().toString(),
});

test('the time axis and the prices, newest bars first', () => {
  const form = { ...FORM, volume: 'volume', overlays: ['sma_20'], time_grain_sqla: 'P1D' };
  assert.deepEqual(candleQuery(form, BASE), {
    columns: [
      {
        columnType: 'BASE_AXIS',
        expressionType: 'SQL',
        timeGrain: 'PT5M',
        sqlExpression: 'bar_start',
        label: 'bar_start',
        isColumnReference: true,
      },
    ],
    metrics: ['open', 'high', 'low', 'close', 'volume', 'sma_20'],
    orderby: [
      [
        {
          expressionType: 'SIMPLE',
          aggregate: 'MAX',
          column: { column_name: 'bar_start' },
          label: 'MAX(bar_start)',
        },
        false,
      ],
    ],
    series_columns: [],
    filters: BASE.filters,
    extras: BASE.extras,
    row_limit: 1000,
  });
});

test('each metric is asked for once', () => {
  const form = {
    ...FORM,
    close: average('mean'),
    volume: null,
    overlays: [average('mean'), 'open', 'sma_20', 'sma_20'],
  };
  const labels = candleQuery(form, BASE).metrics.map(metric => metric.label ?? metric);
  assert.deepEqual(labels, ['open', 'high', 'low', 'mean', 'sma_20']);
});

test('two metrics that share only their label are both left to Superset, which refuses them', () => {
  const other = { ...average('mean'), sqlExpression: 'MAX(close)' };
  const form = { ...FORM, overlays: [average('mean'), other] };
  assert.equal(candleQuery(form, BASE).metrics.length, 6);
});

test('the symbol column is grouped by', () => {
  const { columns } = candleQuery({ ...FORM, symbol_column: 'symbol' }, BASE);
  assert.deepEqual(columns.slice(1), ['symbol']);
});

test('a time axis of SQL is ordered by that SQL', () => {
  const axis = { expressionType: 'SQL', sqlExpression: "t - INTERVAL '1' DAY", label: 'before' };
  const { columns, orderby } = candleQuery({ ...FORM, x_axis: axis }, BASE);
  assert.equal(columns[0].columnType, 'BASE_AXIS');
  assert.equal(columns[0].timeGrain, 'PT5M');
  assert.equal(orderby[0][0].sqlExpression, "MAX(t - INTERVAL '1' DAY)");
});

test('unfinished settings give a query without what is missing', () => {
  const { columns, metrics, orderby } = candleQuery({ open: 'open' }, BASE);
  assert.deepEqual([columns, metrics, orderby], [[], ['open'], []]);
});
