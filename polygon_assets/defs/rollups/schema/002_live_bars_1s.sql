-- The seconds of the sessions under way, ordered by minute: the working copy from which a touched
-- minute is computed again. The tick table is ordered by symbol; to read one minute of the whole
-- market from it means to read nearly all of it (measured: see 002).
--
-- A higher offset is a later version of a bar, as in the tick table.
CREATE TABLE IF NOT EXISTS {rollups}.live_bars_1s
(
    session_date Date,
    minute DateTime('UTC') CODEC(DoubleDelta, LZ4),
    symbol LowCardinality(String) CODEC(LZ4),
    bar_start DateTime('UTC') CODEC(DoubleDelta, LZ4),
    open Float64 CODEC(LZ4),
    high Float64 CODEC(LZ4),
    low Float64 CODEC(LZ4),
    close Float64 CODEC(LZ4),
    volume Float64 CODEC(LZ4),
    vwap Float64 CODEC(LZ4),
    trade_count UInt32 CODEC(LZ4),
    accumulated_volume Float64 CODEC(LZ4),
    day_open Float64 CODEC(LZ4),
    day_vwap Float64 CODEC(LZ4),
    kafka_offset UInt64 CODEC(LZ4)
)
ENGINE = ReplacingMergeTree(kafka_offset)
PARTITION BY session_date
ORDER BY (minute, symbol, bar_start)
-- Small granules: a block touches single minutes of single symbols. The windows remember insert
-- tokens, so that a batch that is sent again changes nothing here either.
SETTINGS index_granularity = 512,
         non_replicated_deduplication_window = 10000,
         replicated_deduplication_window = 10000,
         replicated_deduplication_window_seconds = 604800;

CREATE MATERIALIZED VIEW IF NOT EXISTS {rollups}.live_bars_1s_feed TO {rollups}.live_bars_1s AS
SELECT
    s.session_date AS session_date,
    toStartOfMinute(s.bar_start) AS minute,
    s.symbol AS symbol,
    s.bar_start AS bar_start,
    s.open AS open,
    s.high AS high,
    s.low AS low,
    s.close AS close,
    s.volume AS volume,
    s.vwap AS vwap,
    s.trade_count AS trade_count,
    s.accumulated_volume AS accumulated_volume,
    s.day_open AS day_open,
    s.day_vwap AS day_vwap,
    s.kafka_offset AS kafka_offset
FROM {ticks}.bars_1s AS s;
