/** The chart's picture in the gallery. */

import { DOWN, UP } from './colors.js';

/** Of each candle, from the left: distance of high, body and low from the top. */
const CANDLES = [
  [46, 56, 92, 100, UP],
  [40, 48, 70, 80, UP],
  [44, 50, 76, 90, DOWN],
  [56, 62, 88, 96, DOWN],
  [36, 42, 78, 84, UP],
  [20, 28, 50, 62, UP],
  [26, 32, 46, 58, DOWN],
  [12, 18, 42, 50, UP],
];
const STEP = 20;

export function thumbnail() {
  const candles = CANDLES.map(([high, top, bottom, low, color], number) => {
    const x = 20 + number * STEP;
    const volume = 8 + ((number * 7) % 16);
    return (
      `<path d="M${x} ${high}V${low}" stroke="${color}" stroke-width="2"/>` +
      `<rect x="${x - 6}" y="${top}" width="12" height="${bottom - top}" fill="${color}"/>` +
      `<rect x="${x - 6}" y="${136 - volume}" width="12" height="${volume}" fill="${color}" ` +
      'opacity="0.5"/>'
    );
  });
  const svg =
    '<svg xmlns="http://www.w3.org/2000/svg" width="360" height="288" viewBox="0 0 180 144">' +
    `${candles.join('')}<path d="M14 84Q90 84 166 38" fill="none" stroke="#2979ff" ` +
    'stroke-width="2"/></svg>';
  return `data:image/svg+xml,${encodeURIComponent(svg)}`;
}
