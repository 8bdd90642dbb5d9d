import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  firstView,
  keptView,
  rememberedViews,
  seenView,
} from '../../../polygon_assets/defs/dashboards/plugin/view.js';

const bars = (first, count) => Array.from({ length: count }, (_, n) => ({ time: first + n }));

test('all bars at first, or the newest ones when they would be too narrow', () => {
  assert.deepEqual(firstView(100, 700), { from: 0, to: 100 });
  assert.deepEqual(firstView(10_000, 700), { from: 9_900, to: 10_000 });
  assert.deepEqual(firstView(1, 0), { from: 0, to: 1 });
});

test('a view of the past stays where it was when bars come and go', () => {
  const seen = seenView({ from: 20, to: 40 }, null, bars(0, 100));
  assert.deepEqual(keptView(seen, bars(0, 103)), { from: 20, to: 40 });
  assert.deepEqual(keptView(seen, bars(5, 100)), { from: 15, to: 35 });
});

test('a view of the end follows the end', () => {
  const seen = seenView({ from: 80, to: 100 }, null, bars(0, 100));
  assert.deepEqual(keptView(seen, bars(0, 103)), { from: 83, to: 103 });
});

test('a view whose bars are gone ends at the newest bar', () => {
  const seen = seenView({ from: 20, to: 40 }, null, bars(1000, 100));
  assert.deepEqual(keptView(seen, bars(0, 50)), { from: 29, to: 49 });
});

test('the oldest of many remembered views is forgotten', () => {
  const views = rememberedViews();
  for (let number = 0; number < 51; number += 1) views.keep(String(number), { number });
  assert.equal(views.recall('0'), null);
  assert.deepEqual(views.recall('50'), { number: 50 });
});

test('there is nothing to remember before the first drawing', () => {
  assert.equal(seenView(null, null, bars(0, 3)), null);
});

test('a view that nobody changed is not kept', () => {
  const first = firstView(1, 900);
  assert.equal(seenView({ from: first.from + 0.1, to: first.to }, first, bars(0, 1)), null);
  assert.notEqual(seenView({ from: -4, to: first.to }, first, bars(0, 1)), null);
});
