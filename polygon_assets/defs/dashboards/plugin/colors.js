/** Colours: of candles and lines, and of what is around them from Superset's theme. */

export const UP = '#26a69a';
export const DOWN = '#ef5350';

/** Read on white and on black, and differ from the candles and from each other. */
const LINES = ['#2979ff', '#ff9800', '#ab47bc', '#00acc1', '#8d6e63', '#ec407a', '#7cb342'];
const SOLID = 0;
const DASHED = 2;

/** The colour and the library's line style of an overlay, by its place in the list. */
export function overlayStyle(number) {
  const style = Math.floor(number / LINES.length) % 2 ? DASHED : SOLID;
  return { color: LINES[number % LINES.length], lineStyle: style };
}

/** A colour of six digits, see-through: 0 is invisible, 1 is solid. */
export function faded(color, opacity) {
  return (
    color +
    Math.round(opacity * 255)
      .toString(16)
      .padStart(2, '0')
  );
}

/** What the chart takes from Superset's theme (Ant Design tokens), light if there is none. */
export function themeColors(theme = {}) {
  return {
    background: theme.colorBgContainer ?? '#ffffff',
    text: theme.colorText ?? '#1f1f1f',
    muted: theme.colorTextSecondary ?? '#666666',
    grid: theme.colorBorderSecondary ?? '#f0f0f0',
    border: theme.colorBorder ?? '#d9d9d9',
    crosshair: theme.colorTextTertiary ?? '#8c8c8c',
    crosshairLabel: theme.colorBgSpotlight ?? '#434343',
    fontFamily: theme.fontFamily ?? 'sans-serif',
  };
}
