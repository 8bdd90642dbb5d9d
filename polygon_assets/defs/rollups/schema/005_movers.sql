-- How far every symbol has moved in a live session, one row per session and symbol. The top N is
-- the reader's: ORDER BY change DESC LIMIT 10, with a least volume.
--
-- last_price: close of the newest second bar, USD.
-- day_open: the vendor's official open (op) of the newest bar; where it gave none, the first price
--   of the session in the stream.
-- previous_close: close of the newest earlier session of the symbol that is final and at most
--   ten days older, as the stream saw it: unadjusted, so a split shows as a move. NULL without one.
-- change_open, change: relative, last_price / day_open - 1 and last_price / previous_close - 1.
CREATE OR REPLACE VIEW {rollups}.movers AS
SELECT
    d.session_date AS session_date,
    d.symbol AS symbol,
    d.as_of AS as_of,
    d.last_price AS last_price,
    d.day_open AS day_open,
    d.volume AS volume,
    if(p.close > 0, p.close, NULL) AS previous_close,
    if(p.close > 0, p.session_date, NULL) AS previous_session,
    d.last_price / d.day_open - 1 AS change_open,
    if(p.close > 0, d.last_price / p.close - 1, NULL) AS change
FROM
(
    SELECT
        s.session_date AS session_date,
        s.symbol AS symbol,
        max(s.bar_start) AS as_of,
        argMax(s.close, s.bar_start) AS last_price,
        if(
            argMax(s.day_open, s.bar_start) > 0,
            argMax(s.day_open, s.bar_start),
            argMin(s.open, s.bar_start)
        ) AS day_open,
        toFloat64(sum(toDecimal128(s.volume, 9))) AS volume
    FROM {ticks}.bars_1s AS s FINAL
    WHERE session_date IN (SELECT session_date FROM {rollups}.live_sessions)
    GROUP BY session_date, symbol
) AS d
ASOF LEFT JOIN
(
    SELECT f.symbol AS symbol, f.session_date AS session_date, f.close AS close
    FROM {rollups}.bars_1d AS f
    WHERE f.session_date >= (
        SELECT min(l.session_date) - 10 FROM {rollups}.live_sessions AS l
    )
) AS p
ON d.symbol = p.symbol AND d.session_date > p.session_date
-- 0 for a missing right side, whatever the reader's setting: told by the price, which is positive.
SETTINGS join_use_nulls = 0, do_not_merge_across_partitions_select_final = 1;
