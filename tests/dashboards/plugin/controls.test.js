import assert from 'node:assert/strict';
import { test } from 'node:test';

import { controlPanel } from '../../../polygon_assets/defs/dashboards/plugin/controls.js';

const SHARED = { x_axis: {}, metric: { validators: ['required'] }, metrics: {}, groupby: {} };
const CONTROLS = Object.fromEntries(
  controlPanel(SHARED)
    .controlPanelSections.flatMap(section => section.controlSetRows.flat())
    .map(control => [control.name ?? control, control.config]),
);
const DATASET = {
  main_dttm_col: 'bar_start',
  columns: [{ column_name: 'bar_start' }, { column_name: 'symbol' }],
};
const SAVED_METRICS = [{ metric_name: 'open' }, { metric_name: 'volume' }];

const chosen = (name, formData = {}) =>
  CONTROLS[name].default(
    { savedMetrics: SAVED_METRICS },
    { datasource: DATASET, form_data: formData },
  );

test('a new chart is filled in from the dataset', () => {
  assert.equal(chosen('x_axis'), 'bar_start');
  assert.equal(chosen('open'), 'open');
  assert.equal(chosen('volume'), 'volume');
  assert.equal(chosen('symbol_column'), 'symbol');
});

test('what the dataset lacks stays open', () => {
  assert.equal(chosen('close'), null);
  const bare = { datasource: { columns: [] }, form_data: {} };
  assert.equal(CONTROLS.symbol_column.default({}, bare), null);
  assert.equal(CONTROLS.x_axis.default({}, bare), null);
  assert.equal(CONTROLS.volume.default({}, bare), null);
});

test('a saved chart without volume or symbol keeps them off', () => {
  assert.equal(chosen('volume', { slice_id: 7 }), null);
  assert.equal(chosen('symbol_column', { slice_id: 7 }), null);
});

test('only prices and time are required', () => {
  assert.deepEqual(CONTROLS.open.validators, ['required']);
  for (const name of ['volume', 'overlays', 'symbol_column']) {
    assert.deepEqual(CONTROLS[name].validators, []);
  }
});

test('a dashboard, which has no state of Explore, gets no defaults', () => {
  for (const name of ['x_axis', 'open', 'volume', 'symbol_column']) {
    assert.equal(CONTROLS[name].default({}, null), null);
  }
});
