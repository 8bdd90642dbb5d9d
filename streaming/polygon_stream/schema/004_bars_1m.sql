-- The vendor's minute bars (AM), one row per symbol and minute; a later message replaces an earlier
-- one. Columns, constraints and the vendor's fields as in bars_1s.
CREATE TABLE IF NOT EXISTS {database}.bars_1m
(
    -- New York date of bar_start
    session_date Date DEFAULT toDate(bar_start, 'America/New_York') CODEC(Delta, ZSTD(1)),
    symbol LowCardinality(String) DEFAULT sym CODEC(ZSTD(1)),
    bar_start DateTime('UTC')
        DEFAULT toDateTime(if(s >= 1000 AND s < 4102444800000 AND s = floor(s), intDiv(toInt64(s), 1000), 0), 'UTC')
        CODEC(DoubleDelta, ZSTD(1)),
    open Float64 DEFAULT o CODEC(Delta, ZSTD(1)),
    high Float64 DEFAULT h CODEC(Delta, ZSTD(1)),
    low Float64 DEFAULT l CODEC(Delta, ZSTD(1)),
    close Float64 DEFAULT c CODEC(Delta, ZSTD(1)),
    volume Float64 DEFAULT if(dv = -1e300, v, dv) CODEC(ZSTD(1)),
    vwap Float64 DEFAULT vw CODEC(Delta, ZSTD(1)),
    -- estimated from the average trade size
    trade_count UInt32 DEFAULT multiIf(NOT isFinite(z), 4294967295, z > 0 AND v > 0, toUInt32(least(round(v / z), 4294967294)), 0) CODEC(T64, ZSTD(1)),
    accumulated_volume Float64 DEFAULT if(dav = -1e300, av, dav) CODEC(Delta, ZSTD(1)),
    day_open Float64 DEFAULT op CODEC(Delta, ZSTD(1)),
    day_vwap Float64 DEFAULT a CODEC(Delta, ZSTD(1)),
    kafka_partition UInt16 CODEC(T64, ZSTD(1)),
    kafka_offset UInt64 CODEC(Delta, ZSTD(1)),
    -- when the producer had the event: the Kafka timestamp
    received_at DateTime64(3, 'UTC') DEFAULT fromUnixTimestamp64Milli(received_ms, 'UTC') CODEC(Delta, ZSTD(1)),

    received_ms Int64 EPHEMERAL,
    sym String EPHEMERAL,
    v Float64 EPHEMERAL nan,
    dv Float64 EPHEMERAL -1e300,
    av Float64 EPHEMERAL,
    dav Float64 EPHEMERAL -1e300,
    op Float64 EPHEMERAL,
    vw Float64 EPHEMERAL nan,
    o Float64 EPHEMERAL nan,
    c Float64 EPHEMERAL nan,
    h Float64 EPHEMERAL nan,
    l Float64 EPHEMERAL nan,
    a Float64 EPHEMERAL,
    z Float64 EPHEMERAL,
    s Float64 EPHEMERAL -1,

    CONSTRAINT symbol_is_text CHECK symbol != '' AND isValidUTF8(symbol),
    CONSTRAINT time_in_range CHECK bar_start > toDateTime(0, 'UTC'),
    CONSTRAINT prices_positive CHECK open > 0 AND high > 0 AND low > 0 AND close > 0,
    CONSTRAINT quantities_not_negative CHECK volume >= 0 AND vwap >= 0 AND accumulated_volume >= 0,
    CONSTRAINT numbers_finite CHECK isFinite(open + high + low + close)
        AND isFinite(volume) AND isFinite(vwap) AND isFinite(accumulated_volume) AND isFinite(day_open) AND isFinite(day_vwap)
        AND trade_count < 4294967295
)
ENGINE = ReplacingMergeTree(kafka_offset)
PARTITION BY session_date
ORDER BY (symbol, bar_start)
SETTINGS non_replicated_deduplication_window = 10000,
         replicated_deduplication_window = 10000,
         replicated_deduplication_window_seconds = 604800
