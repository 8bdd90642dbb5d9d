import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  epochSeconds,
  places,
  tickText,
  timeScale,
  timeText,
  wallClock,
} from '../../../polygon_assets/defs/dashboards/plugin/times.js';

const NEW_YORK = 'America/New_York';
const at = iso => Date.parse(iso) / 1000;
const read = (iso, grain, zone = NEW_YORK) => timeText(at(iso), timeScale([at(iso)], grain, zone));

test('epoch milliseconds and ISO texts give the same second', () => {
  const expected = at('2026-01-02T14:30:00Z');
  for (const value of [
    expected * 1000,
    BigInt(expected * 1000),
    String(expected * 1000),
    '2026-01-02T14:30:00Z',
    '2026-01-02T14:30:00',
    '2026-01-02 14:30:00',
    '2026-01-02 14:30:00.000000',
    '2026-01-02 14:30',
    '2026-01-02 14:30:00 UTC',
    '2026-01-02T09:30:00-05:00',
    '2026-01-02T09:30:00.123456-0500',
  ]) {
    assert.equal(epochSeconds(value), expected, String(value));
  }
  assert.equal(epochSeconds('2026-01-02'), at('2026-01-02T00:00:00Z'));
});

test('what is not a time is null', () => {
  for (const value of [null, undefined, '', 'soon', '2026-13-45', NaN, Infinity, true, {}]) {
    assert.equal(epochSeconds(value), null, String(value));
  }
});

test('the open is 09:30 in New York in winter and in summer', () => {
  assert.equal(read('2026-01-02T14:30:00Z', 'PT5M'), 'Fri, Jan 2, 2026, 09:30 EST');
  assert.equal(read('2026-07-02T13:30:00Z', 'PT5M'), 'Thu, Jul 2, 2026, 09:30 EDT');
});

test('daylight saving begins: an hour is skipped', () => {
  const wall = wallClock(NEW_YORK);
  assert.equal(wall(at('2026-03-08T06:59:00Z')), at('2026-03-08T01:59:00Z'));
  assert.equal(wall(at('2026-03-08T07:00:00Z')), at('2026-03-08T03:00:00Z'));
});

test('daylight saving ends: the repeated hour stays in order and keeps its labels', () => {
  const instants = ['05:00', '05:30', '06:00', '06:30', '07:00'].map(hour =>
    at(`2026-11-01T${hour}:00Z`),
  );
  const scale = timeScale(instants, 'PT30M', NEW_YORK);
  const placed = places(instants, scale);
  assert.ok(placed.every((time, index) => index === 0 || time > placed[index - 1]));
  assert.deepEqual(
    instants.map(instant => timeText(instant, scale).slice(-9)),
    ['01:00 EDT', '01:30 EDT', '01:00 EST', '01:30 EST', '02:00 EST'],
  );
});

test('a daily bar keeps its date in every zone', () => {
  for (const zone of [NEW_YORK, 'UTC']) {
    for (const grain of ['P1D', null, 'PT1H']) {
      assert.equal(read('2026-01-02T00:00:00Z', grain, zone), 'Fri, Jan 2, 2026');
    }
  }
});

test('a daily bar that begins at midnight in New York keeps its date', () => {
  const days = ['2026-03-06T05:00:00Z', '2026-03-09T04:00:00Z'].map(at);
  const scale = timeScale(days, null, NEW_YORK);
  assert.equal(scale.daily, true);
  assert.deepEqual(
    days.map(day => timeText(day, scale)),
    ['Fri, Mar 6, 2026', 'Mon, Mar 9, 2026'],
  );
});

test('months and years are named as such, weeks by their first day', () => {
  assert.equal(read('2026-01-01T00:00:00Z', 'P1M'), 'Jan 2026');
  assert.equal(read('2026-01-01T00:00:00Z', 'P3M'), 'Jan 2026');
  assert.equal(read('2026-01-01T00:00:00Z', 'P1Y'), '2026');
  assert.equal(read('2026-01-04T00:00:00Z', '1969-12-28T00:00:00Z/P1W'), 'Sun, Jan 4, 2026');
  assert.equal(read('2026-01-05T00:00:00Z', 'P1W/1970-01-04T00:00:00Z'), 'Mon, Jan 5, 2026');
});

test('bars of a day are dates even when they are not at midnight', () => {
  assert.equal(read('2026-01-02T14:30:00Z', 'P1D'), 'Fri, Jan 2, 2026');
});

test('intraday bars in UTC, with seconds where there are some', () => {
  assert.equal(read('2026-01-02T14:30:00Z', 'PT1M', 'UTC'), 'Fri, Jan 2, 2026, 14:30 UTC');
  assert.equal(read('2026-01-02T14:30:07Z', 'PT1S'), 'Fri, Jan 2, 2026, 09:30:07 EST');
});

test('the axis writes the clock of the zone', () => {
  const instant = at('2026-07-02T13:30:00Z');
  const scale = timeScale([instant], 'PT5M', NEW_YORK);
  assert.deepEqual(
    [0, 1, 2, 3, 4].map(kind => tickText(instant, kind, scale)),
    ['2026', 'Jul', '2', '09:30', '09:30:00'],
  );
});
