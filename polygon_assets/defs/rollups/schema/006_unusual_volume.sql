-- Volume up to this time of day against what is usual for the symbol at this time, one row per
-- live session and symbol.
--
-- until: the start of the five minutes in which the newest bar of the whole stream lies, New York
--   minutes since midnight: only whole five minutes are compared.
-- volume: shares of the session before until.
-- usual_volume: mean over the symbol's trailing sessions, of the shares before the same time of
--   day. Trailing are the last 20 sessions before this one that are final; a session in which the
--   symbol did not trade is none of its sessions. NULL below five sessions.
-- ratio: volume / usual_volume; NULL where nothing is usual at this time.
CREATE OR REPLACE VIEW {rollups}.unusual_volume AS
WITH
    (
        SELECT (any(c.session_date), toStartOfFiveMinutes(max(c.bar_start)))
        FROM {ticks}.bars_1s AS c
        WHERE c.session_date = (SELECT max(l.session_date) FROM {rollups}.live_sessions AS l)
    ) AS clock,
    toHour(clock.2, 'America/New_York') * 60 + toMinute(clock.2, 'America/New_York') AS minutes
SELECT
    t.session_date AS session_date,
    t.symbol AS symbol,
    minutes AS until,
    t.volume AS volume,
    u.sessions AS sessions,
    if(u.sessions >= 5, u.volume / u.sessions, NULL) AS usual_volume,
    if(u.sessions >= 5 AND u.volume > 0, t.volume * u.sessions / u.volume, NULL) AS ratio
FROM
(
    SELECT
        s.session_date AS session_date,
        s.symbol AS symbol,
        toFloat64(sumIf(toDecimal128(s.volume, 9), s.bar_start < clock.2)) AS volume
    FROM {ticks}.bars_1s AS s FINAL
    WHERE s.session_date = clock.1
    GROUP BY session_date, symbol
) AS t
LEFT JOIN
(
    SELECT
        f.symbol AS symbol,
        uniqExact(f.session_date) AS sessions,
        toFloat64(sumIf(
            toDecimal128(f.volume, 9),
            toHour(f.bar_start, 'America/New_York') * 60 + toMinute(f.bar_start, 'America/New_York')
            < minutes
        )) AS volume
    FROM {rollups}.bars_5m AS f
    WHERE f.session_date IN (
        SELECT DISTINCT toDate(partition) AS day FROM system.parts
        WHERE active AND database = '{rollups}' AND table = 'bars_5m' AND day < clock.1
        ORDER BY day DESC LIMIT 20
    )
    GROUP BY symbol
) AS u ON t.symbol = u.symbol
SETTINGS join_use_nulls = 0, do_not_merge_across_partitions_select_final = 1;
