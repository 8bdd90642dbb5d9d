-- One name for every session: bars of the final tables where the session has been rebuilt, live
-- bars where it has not. A session changes from the one to the other in the moment in which its
-- final partition appears. Filter by session_date and symbol: both reach the tables.
--
-- The columns are those of the final tables; coarser bars are computed from minutes as there.
CREATE OR REPLACE VIEW {rollups}.minutes_of_seconds AS
SELECT
    s.session_date AS session_date,
    s.symbol AS symbol,
    toStartOfMinute(s.bar_start) AS bar_start,
    argMin(s.open, s.bar_start) AS open,
    max(s.high) AS high,
    min(s.low) AS low,
    argMax(s.close, s.bar_start) AS close,
    toFloat64(sum(toDecimal128(s.volume, 9))) AS volume,
    -- Sums are decimal: a sum of floating-point numbers depends on the order of its terms.
    if(
        volume > 0,
        toFloat64(sum(toDecimal128(s.vwap * s.volume, 18))) / volume,
        argMax(s.close, s.bar_start)
    ) AS vwap,
    sum(s.trade_count) AS trade_count
FROM {ticks}.bars_1s AS s FINAL
GROUP BY session_date, symbol, bar_start
SETTINGS do_not_merge_across_partitions_select_final = 1;

CREATE OR REPLACE VIEW {rollups}.candles_1m AS
SELECT session_date, symbol, bar_start, open, high, low, close, volume, vwap, trade_count
FROM {rollups}.bars_1m
UNION ALL
SELECT session_date, symbol, bar_start, open, high, low, close, volume, vwap, trade_count
FROM {rollups}.minutes_of_seconds
WHERE session_date NOT IN (
    SELECT toDate(partition) FROM system.parts
    WHERE active AND database = '{rollups}' AND table = 'bars_1m'
);

CREATE OR REPLACE VIEW {rollups}.candles_5m AS
SELECT session_date, symbol, bar_start, open, high, low, close, volume, vwap, trade_count
FROM {rollups}.bars_5m
UNION ALL
SELECT
    m.session_date AS session_date,
    m.symbol AS symbol,
    toStartOfFiveMinutes(m.bar_start) AS bar_start,
    argMin(m.open, m.bar_start) AS open,
    max(m.high) AS high,
    min(m.low) AS low,
    argMax(m.close, m.bar_start) AS close,
    toFloat64(sum(toDecimal128(m.volume, 9))) AS volume,
    if(
        volume > 0,
        toFloat64(sum(toDecimal128(m.vwap * m.volume, 18))) / volume,
        argMax(m.close, m.bar_start)
    ) AS vwap,
    sum(m.trade_count) AS trade_count
FROM {rollups}.minutes_of_seconds AS m
WHERE m.session_date NOT IN (
    SELECT toDate(partition) FROM system.parts
    WHERE active AND database = '{rollups}' AND table = 'bars_5m'
)
GROUP BY session_date, symbol, toStartOfFiveMinutes(m.bar_start);

CREATE OR REPLACE VIEW {rollups}.candles_1h AS
SELECT session_date, symbol, bar_start, open, high, low, close, volume, vwap, trade_count
FROM {rollups}.bars_1h
UNION ALL
SELECT
    m.session_date AS session_date,
    m.symbol AS symbol,
    toStartOfHour(m.bar_start) AS bar_start,
    argMin(m.open, m.bar_start) AS open,
    max(m.high) AS high,
    min(m.low) AS low,
    argMax(m.close, m.bar_start) AS close,
    toFloat64(sum(toDecimal128(m.volume, 9))) AS volume,
    if(
        volume > 0,
        toFloat64(sum(toDecimal128(m.vwap * m.volume, 18))) / volume,
        argMax(m.close, m.bar_start)
    ) AS vwap,
    sum(m.trade_count) AS trade_count
FROM {rollups}.minutes_of_seconds AS m
WHERE m.session_date NOT IN (
    SELECT toDate(partition) FROM system.parts
    WHERE active AND database = '{rollups}' AND table = 'bars_1h'
)
GROUP BY session_date, symbol, toStartOfHour(m.bar_start);

CREATE OR REPLACE VIEW {rollups}.candles_1d AS
SELECT session_date, symbol, bar_start, open, high, low, close, volume, vwap, trade_count
FROM {rollups}.bars_1d
UNION ALL
SELECT
    m.session_date AS session_date,
    m.symbol AS symbol,
    toTimeZone(toDateTime(m.session_date, 'America/New_York'), 'UTC') AS bar_start,
    argMin(m.open, m.bar_start) AS open,
    max(m.high) AS high,
    min(m.low) AS low,
    argMax(m.close, m.bar_start) AS close,
    toFloat64(sum(toDecimal128(m.volume, 9))) AS volume,
    if(
        volume > 0,
        toFloat64(sum(toDecimal128(m.vwap * m.volume, 18))) / volume,
        argMax(m.close, m.bar_start)
    ) AS vwap,
    sum(m.trade_count) AS trade_count
FROM {rollups}.minutes_of_seconds AS m
WHERE m.session_date NOT IN (
    SELECT toDate(partition) FROM system.parts
    WHERE active AND database = '{rollups}' AND table = 'bars_1d'
)
GROUP BY session_date, symbol, toTimeZone(toDateTime(m.session_date, 'America/New_York'), 'UTC');
