-- Second bars, one row per symbol and second; a later message about the same second replaces it.
--
-- The sink sends the vendor's JSON as it is. The columns under the vendor's names are EPHEMERAL:
-- they exist during the INSERT only and feed the defaults of the stored ones.
--
-- A symbol lives in one Kafka partition, so a higher offset is a later version of its bar.
-- Read with FINAL (or argMax by kafka_offset) where a replaced bar must not count twice.
CREATE TABLE IF NOT EXISTS {database}.bars_1s
(
    -- New York date of bar_start
    session_date Date DEFAULT toDate(bar_start, 'America/New_York') CODEC(Delta, ZSTD(1)),
    symbol LowCardinality(String) DEFAULT sym CODEC(ZSTD(1)),
    bar_start DateTime('UTC') DEFAULT toDateTime(intDiv(s, 1000), 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    open Float64 DEFAULT o CODEC(Delta, ZSTD(1)),
    high Float64 DEFAULT h CODEC(Delta, ZSTD(1)),
    low Float64 DEFAULT l CODEC(Delta, ZSTD(1)),
    close Float64 DEFAULT c CODEC(Delta, ZSTD(1)),
    -- fractional since fractional shares
    volume Float64 DEFAULT v CODEC(ZSTD(1)),
    vwap Float64 DEFAULT vw CODEC(Delta, ZSTD(1)),
    -- estimated: the stream gives the average trade size, not the count; 0 where it gives neither
    trade_count UInt32 DEFAULT toUInt32(if(z > 0, least(round(v / if(z > 0, z, 1)), 4294967295), 0)) CODEC(T64, ZSTD(1)),
    -- of the day so far; 0 where the vendor gave none
    accumulated_volume Float64 DEFAULT av CODEC(Delta, ZSTD(1)),
    day_open Float64 DEFAULT op CODEC(Delta, ZSTD(1)),
    day_vwap Float64 DEFAULT a CODEC(Delta, ZSTD(1)),
    kafka_partition UInt16 CODEC(T64, ZSTD(1)),
    kafka_offset UInt64 CODEC(Delta, ZSTD(1)),
    -- when the producer had the event: the Kafka timestamp
    received_at DateTime64(3, 'UTC') DEFAULT fromUnixTimestamp64Milli(received_ms, 'UTC') CODEC(Delta, ZSTD(1)),

    received_ms Int64 EPHEMERAL,
    sym String EPHEMERAL,
    v Float64 EPHEMERAL,
    av Float64 EPHEMERAL,
    op Float64 EPHEMERAL,
    vw Float64 EPHEMERAL,
    o Float64 EPHEMERAL,
    c Float64 EPHEMERAL,
    h Float64 EPHEMERAL,
    l Float64 EPHEMERAL,
    a Float64 EPHEMERAL,
    z Float64 EPHEMERAL,
    s Int64 EPHEMERAL
)
ENGINE = ReplacingMergeTree(kafka_offset)
PARTITION BY session_date
ORDER BY (symbol, bar_start)
-- How many insert tokens are remembered: a batch is retried with its token until it is in.
SETTINGS non_replicated_deduplication_window = 10000,
         replicated_deduplication_window = 10000,
         replicated_deduplication_window_seconds = 604800
