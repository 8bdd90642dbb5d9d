/** Rows as Superset returns them. */

export const FORM = {
  x_axis: 'bar_start',
  open: 'open',
  high: 'high',
  low: 'low',
  close: 'close',
};

export const milliseconds = iso => Date.parse(iso);

/** A rising bar around a price; `more` are further columns. */
export function row(iso, price = 100, more = {}) {
  return {
    bar_start: milliseconds(iso),
    open: price,
    high: price + 2,
    low: price - 1,
    close: price + 1,
    ...more,
  };
}

/** Bars from one instant on, at equal distances. */
export function rows(iso, count, minutes, more = {}) {
  const first = milliseconds(iso);
  return Array.from({ length: count }, (_, number) =>
    row(new Date(first + number * minutes * 60_000).toISOString(), 100 + number, more),
  );
}
