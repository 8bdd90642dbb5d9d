-- Bars of closed sessions: one table per width, with the same columns. A session is one partition, so that it can be
-- replaced in one step.
CREATE TABLE IF NOT EXISTS {rollups}.bars_1m
(
    session_date Date COMMENT 'New York date of the session',
    symbol LowCardinality(String) COMMENT 'Ticker as the vendor spells it',
    bar_start DateTime('UTC') COMMENT 'Start of the bar, UTC' CODEC(DoubleDelta, ZSTD(1)),
    open Float64 COMMENT 'First price, USD' CODEC(Delta, ZSTD(1)),
    high Float64 COMMENT 'Highest price, USD' CODEC(Delta, ZSTD(1)),
    low Float64 COMMENT 'Lowest price, USD' CODEC(Delta, ZSTD(1)),
    close Float64 COMMENT 'Last price, USD' CODEC(Delta, ZSTD(1)),
    volume Float64 COMMENT 'Shares; may be fractional' CODEC(ZSTD(1)),
    vwap Float64 COMMENT 'Volume-weighted average price, USD' CODEC(Delta, ZSTD(1)),
    trade_count UInt64 COMMENT 'Trades, estimated from the average trade size' CODEC(T64, ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY session_date
ORDER BY (symbol, bar_start);

CREATE TABLE IF NOT EXISTS {rollups}.bars_5m AS {rollups}.bars_1m;

CREATE TABLE IF NOT EXISTS {rollups}.bars_1h AS {rollups}.bars_1m;

CREATE TABLE IF NOT EXISTS {rollups}.bars_1d AS {rollups}.bars_1m;
