/** Numbers: as a query returns them, and as people read them. */

/** A finite number, also from a text such as "12.50" (databases send decimals so), or null. */
export function finite(value) {
  if (value === null || value === undefined || typeof value === 'boolean') return null;
  if (typeof value === 'string' && value.trim() === '') return null;
  const number = Number(value);
  return Number.isFinite(number) ? number : null;
}

/** Digits after the point that tell prices of this size apart: cents from one dollar on. */
export function decimalsOf(price) {
  const size = Math.abs(price);
  if (size >= 1 || size === 0) return 2;
  return Math.min(8, Math.max(4, Math.ceil(-Math.log10(size)) + 3));
}

/** A function from a price to its text, with at least `decimals` digits after the point. */
export function priceWriter(decimals) {
  return price => {
    const digits = Math.max(decimals, decimalsOf(price));
    return price.toLocaleString('en-US', {
      minimumFractionDigits: digits,
      maximumFractionDigits: digits,
    });
  };
}

const compact = new Intl.NumberFormat('en-US', {
  notation: 'compact',
  maximumSignificantDigits: 4,
});

/** A volume such as 41.23M. */
export function volumeText(volume) {
  return compact.format(volume);
}

/** A fraction as a signed percentage: 0.0123 is "+1.23%". */
export function changeText(change) {
  const percent = (change * 100).toFixed(2);
  if (Number(percent) === 0) return '0.00%';
  return `${change > 0 ? '+' : '−'}${percent.replace('-', '')}%`;
}
