import assert from 'node:assert/strict';
import { test } from 'node:test';

import { candles } from '../../../polygon_assets/defs/dashboards/plugin/bars.js';
import { chartFields } from '../../../polygon_assets/defs/dashboards/plugin/fields.js';
import { timeText } from '../../../polygon_assets/defs/dashboards/plugin/times.js';
import { FORM, row, rows } from './samples.js';

const model = (data, form = {}) => candles(data, chartFields({ ...FORM, ...form }));

test('bars come in the order of time, with the change from the close before', () => {
  const [a, b, c] = rows('2026-01-02T14:30:00Z', 3, 5);
  const { bars } = model([c, a, b]);
  assert.deepEqual(
    bars.map(bar => bar.open),
    [100, 101, 102],
  );
  assert.deepEqual(
    bars.map(bar => bar.change),
    [null, 102 / 101 - 1, 103 / 102 - 1],
  );
});

test('decimals that a database sends as text are numbers', () => {
  const texts = { open: '10.10', high: '11', low: '9.5', close: '10.75', volume: '1e3' };
  const { bars } = model([row('2026-01-02T14:30:00Z', 0, texts)], { volume: 'volume' });
  const { open, high, low, close, volume } = bars[0];
  assert.deepEqual([open, high, low, close, volume], [10.1, 11, 9.5, 10.75, 1000]);
});

test('an incomplete bar is left out, and the chart says so', () => {
  const whole = rows('2026-01-02T14:30:00Z', 2, 5);
  const holes = [
    row('2026-01-02T14:40:00Z', 1, { high: null }),
    row('2026-01-02T14:45:00Z', 1, { close: '' }),
    row('2026-01-02T14:50:00Z', 1, { bar_start: null }),
  ];
  const { bars, notes } = model([...holes, ...whole]);
  assert.equal(bars.length, 2);
  assert.deepEqual(notes, ['3 of 5 bars are incomplete and left out']);
});

test('unknown volume and overlay values are holes, not zeros', () => {
  const data = [row('2026-01-02T14:30:00Z', 1, { volume: null, sma_20: null })];
  const { bars } = model(data, { volume: 'volume', overlays: ['sma_20'] });
  assert.deepEqual([bars[0].volume, bars[0].overlays], [null, [null]]);
});

test('no rows, and rows without any whole bar, are explained', () => {
  assert.equal(model([]).problem.title, 'No bars for this selection');
  const hollow = [row('2026-01-02T14:30:00Z', 1, { low: null })];
  assert.equal(model(hollow).problem.title, 'No complete bar');
});

test('a time that comes twice means several symbols', () => {
  const twice = [row('2026-01-02T14:30:00Z', 100), row('2026-01-02T14:30:00Z', 20)];
  const { title, hint } = model(twice).problem;
  assert.equal(title, 'Several symbols: choose one');
  assert.match(hint, /^Fri, Jan 2, 2026, 09:30 EST has more than one bar/);
});

test('with a symbol column, several symbols are named even if no time comes twice', () => {
  const data = ['NVDA', 'AAPL', 'MSFT', 'F'].map((symbol, number) =>
    row(`2026-01-0${number + 1}T00:00:00Z`, 1, { symbol }),
  );
  const { title, hint } = model(data, { symbol_column: 'symbol' }).problem;
  assert.equal(title, 'Several symbols: choose one');
  assert.equal(hint, 'The selection holds 4 symbols: NVDA, AAPL, MSFT …');
  assert.equal(model(data.slice(0, 1), { symbol_column: ['symbol'] }).symbol, 'NVDA');
});

test('a price without a metric, and a metric without a column, are named', () => {
  const data = rows('2026-01-02T14:30:00Z', 1, 5);
  assert.equal(
    model(data, { open: null, low: [] }).problem.hint,
    'Choose a metric for: open, low.',
  );
  const { title, hint } = model(data, { volume: 'volume', overlays: ['sma_20'] }).problem;
  assert.equal(title, 'Columns are missing');
  assert.equal(hint, 'The result has no "volume", "sma_20": update the chart.');
  assert.equal(model(data, { x_axis: null }).problem.title, 'No time column');
});

test('a half-day session is followed by the next one', () => {
  const shortened = rows('2026-11-27T14:30:00Z', 42, 5);
  const next = rows('2026-11-30T14:30:00Z', 2, 5);
  const { bars, scale } = model([...next, ...shortened], { time_grain_sqla: 'PT5M' });
  assert.deepEqual(
    [bars[41], bars[42]].map(bar => timeText(bar.instant, scale)),
    ['Fri, Nov 27, 2026, 12:55 EST', 'Mon, Nov 30, 2026, 09:30 EST'],
  );
});

test('the row limit is told when it may have cut older bars', () => {
  const data = rows('2026-01-02T14:30:00Z', 3, 5);
  assert.deepEqual(model(data, { row_limit: 3 }).notes, ['newest 3 bars (row limit)']);
  assert.deepEqual(model(data, { row_limit: '4' }).notes, []);
});

test('fifty thousand bars are kept', () => {
  const data = rows('2026-01-02T14:30:00Z', 50_000, 1);
  assert.equal(model(data, { time_grain_sqla: 'PT1M' }).bars.length, 50_000);
});
