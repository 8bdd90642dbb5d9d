/**
 * Times of bars: as a query returns them, as the chart places them, and as people read them.
 *
 * The library has no time zones: it takes seconds and draws them as UTC. So a bar is placed at its
 * *wall* time, the clock of the chosen zone read as if it were UTC.
 */

const DAY = 86_400;
const HOUR = 3_600;
const UTC = 'UTC';
const ISO = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(:\d\d)?(?:\.\d+)?\s?(Z|UTC|[+-]\d\d:?\d\d)?)?$/;

/** Seconds since 1970 of epoch milliseconds or an ISO 8601 text (UTC without an offset), or null. */
export function epochSeconds(value) {
  if (typeof value === 'number') return Number.isFinite(value) ? Math.floor(value / 1000) : null;
  if (typeof value === 'bigint') return epochSeconds(Number(value));
  if (typeof value !== 'string') return null;
  const text = value.trim();
  if (/^-?\d{9,}$/.test(text)) return epochSeconds(Number(text));
  const [, day, minutes = '00:00', seconds = ':00', offset = 'Z'] = ISO.exec(text) ?? [];
  if (!day) return null;
  const milliseconds = Date.parse(`${day}T${minutes}${seconds}${offset === UTC ? 'Z' : offset}`);
  return Number.isNaN(milliseconds) ? null : Math.floor(milliseconds / 1000);
}

/** A function from seconds since 1970 to wall seconds of a time zone. */
export function wallClock(zone) {
  if (zone === UTC) return seconds => seconds;
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
  });
  // An offset holds for a whole hour of UTC, and asking for it is slow.
  const offsets = new Map();
  return seconds => {
    const hour = Math.floor(seconds / HOUR);
    if (!offsets.has(hour)) offsets.set(hour, wallHour(format, hour) - hour * HOUR);
    return seconds + offsets.get(hour);
  };
}

function wallHour(format, hour) {
  const at = {};
  for (const { type, value } of format.formatToParts(hour * HOUR * 1000)) at[type] = Number(value);
  return Date.UTC(at.year, at.month - 1, at.day, at.hour) / 1000;
}

/**
 * How a chart reads its times.
 *
 * Bars of a day or longer are dates: they come as midnight, of UTC or of the zone, and keep their
 * date whatever the zone.
 *
 * @param {number[]} instants seconds since 1970
 * @param {string|null} grain ISO 8601 duration of a bar, null if unknown
 * @returns {{daily: boolean, zone: string, grain: string|null, wall: (seconds: number) => number}}
 */
export function timeScale(instants, grain, zone) {
  const wall = wallClock(zone);
  const atMidnight = clock => instants.every(instant => clock(instant) % DAY === 0);
  if (atMidnight(wallClock(UTC))) return { daily: true, zone: UTC, grain, wall: wallClock(UTC) };
  if (atMidnight(wall)) return { daily: true, zone, grain, wall };
  const daily = isDayOrLonger(grain);
  return daily ? { daily, zone: UTC, grain, wall: wallClock(UTC) } : { daily, zone, grain, wall };
}

/** P1D, P1W/1970-01-03T00:00:00Z and 1969-12-28T00:00:00Z/P1W are; PT5M is not. */
function isDayOrLonger(grain) {
  return grain !== null && /(^|\/)P\d/.test(grain);
}

/**
 * Where the chart places each instant: wall time, always later than the bar before.
 *
 * The hour that comes twice when daylight saving ends would go backwards; the library refuses that.
 */
export function places(instants, scale) {
  let last = -Infinity;
  return instants.map(instant => {
    last = Math.max(scale.wall(instant), last + 1);
    return last;
  });
}

const text = options => {
  const format = new Intl.DateTimeFormat('en-US', { timeZone: UTC, hourCycle: 'h23', ...options });
  return seconds => format.format(seconds * 1000);
};
const date = text({ weekday: 'short', month: 'short', day: 'numeric', year: 'numeric' });
const monthOfYear = text({ month: 'short', year: 'numeric' });
const year = text({ year: 'numeric' });
const month = text({ month: 'short' });
const day = text({ day: 'numeric' });
const minute = text({ hour: '2-digit', minute: '2-digit' });
const second = text({ hour: '2-digit', minute: '2-digit', second: '2-digit' });

const clockText = wall => (wall % 60 ? second(wall) : minute(wall));

/** A bar's full time: a date, or date, time and the zone's name on that day. */
export function timeText(instant, scale) {
  const wall = scale.wall(instant);
  if (!scale.daily) return `${date(wall)}, ${clockText(wall)} ${zoneName(instant, scale.zone)}`;
  if (/P1Y/.test(scale.grain ?? '')) return year(wall);
  return /P\d+M/.test(scale.grain ?? '') ? monthOfYear(wall) : date(wall);
}

function zoneName(instant, zone) {
  const format = new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'short' });
  return format.formatToParts(instant * 1000).find(part => part.type === 'timeZoneName').value;
}

/** What the time axis writes: years, months, days or clock times, the library's kinds 0 to 4. */
export function tickText(instant, kind, scale) {
  const wall = scale.wall(instant);
  return [year, month, day, minute, second][kind](wall);
}
