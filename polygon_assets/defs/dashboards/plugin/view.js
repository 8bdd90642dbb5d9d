/** Which bars are in view, as positions of the first and the last one: 0 is the oldest bar. */

const NARROW = 3;
const READABLE = 7;
const MARGIN = 1;
const REMEMBERED = 50;

/** All bars; if they would be narrower than a few pixels, the newest ones at a readable width. */
export function firstView(bars, width) {
  const shown = bars * NARROW <= width ? bars : Math.floor(width / READABLE);
  return { from: bars - Math.max(1, shown), to: bars - 1 + MARGIN };
}

/**
 * A view that survives a refresh, in which bars are added at the end and fall off the start.
 *
 * Null while it is the `untouched` one, so that the chart goes on to show what it shows at first.
 */
export function seenView(range, untouched, bars) {
  if (!range || (untouched && sameBars(range, untouched))) return null;
  const last = bars.length - 1;
  const anchor = Math.max(0, Math.min(last, Math.round(range.to)));
  return {
    span: range.to - range.from,
    followsEnd: range.to >= last,
    beyond: range.to - anchor,
    anchorTime: bars[anchor].time,
  };
}

function sameBars(a, b) {
  return Math.abs(a.from - b.from) < 0.5 && Math.abs(a.to - b.to) < 0.5;
}

/** The positions of an earlier view in newer bars: the same bars, or the end if it was in view. */
export function keptView({ span, followsEnd, beyond, anchorTime }, bars) {
  const found = followsEnd ? -1 : bars.findIndex(bar => bar.time >= anchorTime);
  const to = (found === -1 ? bars.length - 1 : found) + beyond;
  return { from: to - span, to };
}

/**
 * Views by chart and selection. Superset takes a chart off the page while its query runs, so that
 * each refresh of a live dashboard would undo the user's zoom.
 */
export function rememberedViews() {
  const views = new Map();
  return {
    recall: key => views.get(key) ?? null,
    keep(key, view) {
      views.delete(key);
      views.set(key, view);
      if (views.size > REMEMBERED) views.delete(views.keys().next().value);
    },
  };
}
