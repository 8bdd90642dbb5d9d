import assert from 'node:assert/strict';
import { test } from 'node:test';

import { candles } from '../../../polygon_assets/defs/dashboards/plugin/bars.js';
import { DOWN, UP, overlayStyle } from '../../../polygon_assets/defs/dashboards/plugin/colors.js';
import { chartFields } from '../../../polygon_assets/defs/dashboards/plugin/fields.js';
import { legendParts } from '../../../polygon_assets/defs/dashboards/plugin/legend.js';
import {
  changeText,
  decimalsOf,
  finite,
  priceWriter,
  volumeText,
} from '../../../polygon_assets/defs/dashboards/plugin/numbers.js';
import { FORM, row } from './samples.js';

const FORM_DATA = { ...FORM, volume: 'volume', overlays: ['sma'], symbol_column: 'symbol' };
const DATA = [
  row('2026-01-02T00:00:00Z', 100, { symbol: 'NVDA', volume: 41_230_000, sma: null }),
  row('2026-01-05T00:00:00Z', 90, { symbol: 'NVDA', volume: null, sma: 95.5, close: 89.5 }),
];
const said = (at, names) =>
  legendParts(candles(DATA, chartFields(FORM_DATA)), at, priceWriter(2), names);

test('the legend reads like a quote', () => {
  const texts = said(0).map(({ name, text }) => `${name} ${text}`.trim());
  assert.deepEqual(texts, [
    'NVDA',
    'Fri, Jan 2, 2026',
    'O 100.00',
    'H 102.00',
    'L 99.00',
    'C 101.00',
    'Vol 41.23M',
    'sma –',
  ]);
});

test('a falling bar is red, and so is a lower close', () => {
  const parts = Object.fromEntries(said(1).map(part => [part.key, part]));
  assert.equal(parts.change.text, '−11.39%');
  assert.deepEqual([parts.close.color, parts.change.color], [DOWN, DOWN]);
  assert.equal(parts.volume.text, '–');
  assert.equal(said(0).find(part => part.key === 'close').color, UP);
});

test('overlays are shown under their name for people, in the colour of their line', () => {
  const overlay = said(1, name => name.toUpperCase()).at(-1);
  assert.deepEqual([overlay.name, overlay.text], ['SMA', '95.50']);
  assert.equal(overlay.color, overlayStyle(0).color);
});

test('fourteen overlays differ in colour or line', () => {
  const styles = Array.from({ length: 14 }, (_, number) => JSON.stringify(overlayStyle(number)));
  assert.equal(new Set(styles).size, 14);
  assert.ok(styles.every(style => !style.includes(UP) && !style.includes(DOWN)));
});

test('prices have cents, and more digits below a dollar', () => {
  const digits = [612_000, 140.123, 1, 0.42, 0.00123, 0, 0.000000001].map(decimalsOf);
  assert.deepEqual(digits, [2, 2, 2, 4, 6, 2, 8]);
  assert.equal(priceWriter(2)(612_345.678), '612,345.68');
  assert.equal(priceWriter(2)(0.4249), '0.4249');
  assert.equal(priceWriter(4)(1.5), '1.5000');
});

test('changes are signed, volumes short', () => {
  assert.deepEqual([0.0123, -0.00456, 0.00001, -0.00001].map(changeText), [
    '+1.23%',
    '−0.46%',
    '0.00%',
    '0.00%',
  ]);
  assert.deepEqual([950, 1234, 47_640_000, 3.1e9].map(volumeText), [
    '950',
    '1.234K',
    '47.64M',
    '3.1B',
  ]);
});

test('only numbers are numbers', () => {
  assert.deepEqual(['1.5', 2, 3n, '1e3'].map(finite), [1.5, 2, 3, 1000]);
  for (const value of [null, undefined, '', ' ', 'n/a', true, NaN, Infinity]) {
    assert.equal(finite(value), null);
  }
});
