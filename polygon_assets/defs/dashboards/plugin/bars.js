/** From the rows of a query to bars in the order of time, or to the reason why there are none. */

import { PRICES } from './fields.js';
import { finite } from './numbers.js';
import { epochSeconds, places, timeScale, timeText } from './times.js';

const SYMBOLS_NAMED = 3;

/**
 * What the chart draws.
 *
 * @param {object[]} rows of the query, in any order
 * @param {object} fields of `chartFields`
 * @returns {{problem: {title: string, hint: string}} | {bars: object[], scale: object,
 *   symbol: string|null, overlays: string[], hasVolume: boolean, notes: string[]}}
 *   A bar has `instant` (seconds since 1970), `time` (its place on the axis), four prices, `change`
 *   (a fraction of the previous close, null for the first), `volume` and `overlays` (null if
 *   unknown).
 */
export function candles(rows, fields) {
  const problem = badSettings(fields) ?? badRows(rows, fields);
  if (problem) return { problem };
  const whole = rows.map(row => bar(row, fields)).filter(Boolean);
  if (whole.length === 0) {
    return trouble(
      'No complete bar',
      `Each of the ${rows.length} rows lacks its time or a price: check the chosen metrics.`,
    );
  }
  whole.sort((a, b) => a.instant - b.instant);
  const scale = timeScale(
    whole.map(one => one.instant),
    fields.grain,
    fields.zone,
  );
  const repeated = whole.find((one, at) => at > 0 && one.instant === whole[at - 1].instant);
  const symbols = [...new Set(whole.map(one => one.symbol))];
  if (symbols.length > 1) return { problem: severalSymbols(symbols) };
  if (repeated) return { problem: severalBars(timeText(repeated.instant, scale)) };
  const times = places(
    whole.map(one => one.instant),
    scale,
  );
  return {
    bars: whole.map((one, at) => ({ ...one, time: times[at], change: change(whole, at) })),
    scale,
    symbol: symbols[0],
    overlays: fields.overlays,
    hasVolume: fields.volume !== null,
    notes: notes(rows.length, whole.length, fields.rowLimit),
  };
}

function trouble(title, hint) {
  return { problem: { title, hint } };
}

function badSettings({ time, missing }) {
  if (!time) return { title: 'No time column', hint: 'Choose the column that holds the time.' };
  if (missing.length === 0) return null;
  return { title: 'Prices are missing', hint: `Choose a metric for: ${missing.join(', ')}.` };
}

function badRows(rows, fields) {
  if (rows.length === 0) {
    return {
      title: 'No bars for this selection',
      hint: 'Choose another symbol or a longer period.',
    };
  }
  const { time, symbol, volume, overlays } = fields;
  const needed = [time, symbol, ...PRICES.map(price => fields[price]), volume, ...overlays];
  const absent = needed.filter(name => name && !Object.hasOwn(rows[0], name));
  if (absent.length === 0) return null;
  return {
    title: 'Columns are missing',
    hint: `The result has no ${absent.map(name => `"${name}"`).join(', ')}: update the chart.`,
  };
}

function severalSymbols(symbols) {
  const named = symbols.slice(0, SYMBOLS_NAMED).join(', ');
  const end = symbols.length > SYMBOLS_NAMED ? ' …' : '.';
  return {
    title: 'Several symbols: choose one',
    hint: `The selection holds ${symbols.length} symbols: ${named}${end}`,
  };
}

function severalBars(when) {
  return {
    title: 'Several symbols: choose one',
    hint: `${when} has more than one bar. A filter on one symbol usually helps.`,
  };
}

function bar(row, fields) {
  const instant = epochSeconds(row[fields.time]);
  const [open, high, low, close] = PRICES.map(price => finite(row[fields[price]]));
  if ([instant, open, high, low, close].includes(null)) return null;
  return {
    instant,
    open,
    high,
    low,
    close,
    volume: fields.volume === null ? null : finite(row[fields.volume]),
    overlays: fields.overlays.map(name => finite(row[name])),
    symbol: fields.symbol === null ? null : String(row[fields.symbol]),
  };
}

function change(bars, at) {
  const before = at > 0 ? bars[at - 1].close : 0;
  return before === 0 ? null : bars[at].close / before - 1;
}

/** What the picture does not show, since nothing may be left out silently. */
function notes(rows, bars, rowLimit) {
  const said = [];
  if (rows > bars) said.push(`${rows - bars} of ${rows} bars are incomplete and left out`);
  if (rowLimit !== null && rows >= rowLimit) said.push(`newest ${rows} bars (row limit)`);
  return said;
}
