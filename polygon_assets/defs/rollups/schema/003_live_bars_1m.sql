-- Minute bars of the sessions under way, exact after every block.
--
-- A block of seconds makes every minute that it touches be computed again, from the block and the
-- seconds that are stored, by the latest version of each second. The row that results replaces the
-- one before: kafka_offset is the newest offset of the minute, and of two rows with the same offset
-- ClickHouse keeps the one that was inserted later. Replaced, late, repeated and shuffled bars
-- therefore end in the same rows. It relies on this: a symbol lives in one Kafka partition, so
-- that one writer at a time inserts its bars.
--
-- What the designs cost, CPU milliseconds of chDB side by side in one run (uv run python
-- tests/bench/live_rollups.py --symbols 1000 --seconds 900 --blocks 6 --rows 1000):
--
--                                        insert   1m candles,   movers,        VWAP,
--                                        a block  one symbol    whole market   all symbols
--   no rollups                           58
--   plain views with FINAL               37       37            147            150
--   recomputed from the tick table       193      17            17             13
--   this                                 182      30            23             23
--   states of the latest versions        38       27            607            493
--   refreshed every second               28       37            57             23
--
-- Recomputing from the tick table reads more the longer the session is, since that table is
-- ordered by symbol first; the copy by minute (live_bars_1s) does not. The states' merge is slow. A
-- view that is refreshed is late by up to its interval and misses older revisions. A block has a
-- fixed price: fewer and larger blocks are cheaper.
--
-- Read with FINAL; the views candles_* do.
CREATE TABLE IF NOT EXISTS {rollups}.live_bars_1m
(
    session_date Date COMMENT 'New York date of the session',
    symbol LowCardinality(String) COMMENT 'Ticker as the vendor spells it',
    bar_start DateTime('UTC') COMMENT 'Start of the minute, UTC' CODEC(DoubleDelta, ZSTD(1)),
    open Float64 COMMENT 'First price, USD' CODEC(Delta, ZSTD(1)),
    high Float64 COMMENT 'Highest price, USD' CODEC(Delta, ZSTD(1)),
    low Float64 COMMENT 'Lowest price, USD' CODEC(Delta, ZSTD(1)),
    close Float64 COMMENT 'Last price, USD' CODEC(Delta, ZSTD(1)),
    volume Float64 COMMENT 'Shares; may be fractional' CODEC(ZSTD(1)),
    vwap Float64 COMMENT 'Volume-weighted average price, USD' CODEC(Delta, ZSTD(1)),
    trade_count UInt64 COMMENT 'Trades, estimated' CODEC(T64, ZSTD(1)),
    last_bar DateTime('UTC') COMMENT 'Start of the newest second, UTC' CODEC(DoubleDelta, ZSTD(1)),
    accumulated_volume Float64 COMMENT 'The vendor''s volume of the day, as of last_bar' CODEC(ZSTD(1)),
    day_open Float64 COMMENT 'The vendor''s official open, USD; 0 where it gave none' CODEC(Delta, ZSTD(1)),
    day_vwap Float64 COMMENT 'The vendor''s VWAP of the day, as of last_bar, USD' CODEC(Delta, ZSTD(1)),
    kafka_offset UInt64 COMMENT 'Newest offset of the minute: its version' CODEC(Delta, ZSTD(1))
)
ENGINE = ReplacingMergeTree(kafka_offset)
PARTITION BY session_date
-- A filter on the session reaches a table that is read with FINAL by its sorting key only.
ORDER BY (session_date, symbol, bar_start)
SETTINGS non_replicated_deduplication_window = 10000,
         replicated_deduplication_window = 10000,
         replicated_deduplication_window_seconds = 604800;

-- Inside a materialized view the name of its source stands for the inserted block alone. Under
-- another name the same table is the whole of it.
CREATE OR REPLACE VIEW {rollups}.live_bars_1s_stored AS SELECT * FROM {rollups}.live_bars_1s;

CREATE MATERIALIZED VIEW IF NOT EXISTS {rollups}.live_bars_1m_feed TO {rollups}.live_bars_1m AS
SELECT
    z.session_date AS session_date,
    z.symbol AS symbol,
    z.minute AS bar_start,
    argMin(z.last_open, z.second) AS open,
    max(z.last_high) AS high,
    min(z.last_low) AS low,
    argMax(z.last_close, z.second) AS close,
    toFloat64(sum(toDecimal128(z.last_volume, 9))) AS volume,
    -- Sums are decimal: a sum of floating-point numbers depends on the order of its terms.
    if(
        volume > 0,
        toFloat64(sum(toDecimal128(z.last_vwap * z.last_volume, 18))) / volume,
        argMax(z.last_close, z.second)
    ) AS vwap,
    sum(z.last_trades) AS trade_count,
    max(z.second) AS last_bar,
    argMax(z.last_accumulated, z.second) AS accumulated_volume,
    argMax(z.last_day_open, z.second) AS day_open,
    argMax(z.last_day_vwap, z.second) AS day_vwap,
    max(z.newest) AS kafka_offset
FROM
(
    SELECT
        s.session_date AS session_date,
        s.symbol AS symbol,
        s.minute AS minute,
        s.bar_start AS second,
        argMax(s.open, s.kafka_offset) AS last_open,
        argMax(s.high, s.kafka_offset) AS last_high,
        argMax(s.low, s.kafka_offset) AS last_low,
        argMax(s.close, s.kafka_offset) AS last_close,
        argMax(s.volume, s.kafka_offset) AS last_volume,
        argMax(s.vwap, s.kafka_offset) AS last_vwap,
        argMax(s.trade_count, s.kafka_offset) AS last_trades,
        argMax(s.accumulated_volume, s.kafka_offset) AS last_accumulated,
        argMax(s.day_open, s.kafka_offset) AS last_day_open,
        argMax(s.day_vwap, s.kafka_offset) AS last_day_vwap,
        max(s.kafka_offset) AS newest
    FROM
    (
        SELECT * FROM {rollups}.live_bars_1s
        UNION ALL
        SELECT * FROM {rollups}.live_bars_1s_stored
        WHERE (minute, symbol) IN (SELECT minute, symbol FROM {rollups}.live_bars_1s)
    ) AS s
    GROUP BY session_date, symbol, minute, second
) AS z
GROUP BY session_date, symbol, bar_start;
