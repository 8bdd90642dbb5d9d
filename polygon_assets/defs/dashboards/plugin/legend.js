/** The line above the candles: the bar under the crosshair, or the newest one. */

import { DOWN, UP, overlayStyle } from './colors.js';
import { changeText, volumeText } from './numbers.js';
import { timeText } from './times.js';

/**
 * The parts of the legend, in order: `name` may be empty, `color` is null for the theme's own.
 *
 * @param {object} model of `candles`
 * @param {number} at index of the bar
 * @param {(price: number) => string} price
 * @param {(name: string) => string} shown a metric's label for people
 * @returns {{key: string, name: string, text: string, color: string|null}[]}
 */
export function legendParts(model, at, price, shown = name => name) {
  const bar = model.bars[at];
  const color = bar.close >= bar.open ? UP : DOWN;
  const parts = [];
  const add = (key, name, text, tint) => parts.push({ key, name, text, color: tint });
  if (model.symbol !== null) add('symbol', '', model.symbol, null);
  add('time', '', timeText(bar.instant, model.scale), null);
  add('open', 'O', price(bar.open), color);
  add('high', 'H', price(bar.high), color);
  add('low', 'L', price(bar.low), color);
  add('close', 'C', price(bar.close), color);
  if (bar.change !== null) {
    add('change', '', changeText(bar.change), bar.change >= 0 ? UP : DOWN);
  }
  if (model.hasVolume) {
    add('volume', 'Vol', bar.volume === null ? '–' : volumeText(bar.volume), color);
  }
  model.overlays.forEach((name, number) => {
    const value = bar.overlays[number];
    const text = value === null ? '–' : price(value);
    add(`overlay ${name}`, shown(name), text, overlayStyle(number).color);
  });
  return parts;
}
