-- Limit up, limit down (LULD), one row per message: price bands, halts and resumptions.
-- Indicator 17 is a halt, 18 a resumption (Nasdaq listings only).
CREATE TABLE IF NOT EXISTS {database}.halts
(
    -- New York date of event_at
    session_date Date DEFAULT toDate(event_at, 'America/New_York') CODEC(Delta, ZSTD(1)),
    symbol LowCardinality(String) DEFAULT T CODEC(ZSTD(1)),
    -- the vendor documents milliseconds and sends microseconds: its size tells which
    event_at DateTime64(6, 'UTC')
        DEFAULT fromUnixTimestamp64Micro(
            multiIf(t != floor(t), 0,
                    t >= 1000 AND t < 4102444800000, toInt64(t) * 1000,
                    t >= 100000000000000 AND t < 4102444800000000, toInt64(t),
                    0), 'UTC')
        CODEC(Delta, ZSTD(1)),
    upper_price Float64 DEFAULT h CODEC(Delta, ZSTD(1)),
    lower_price Float64 DEFAULT l CODEC(Delta, ZSTD(1)),
    indicators Array(UInt16)
        DEFAULT arrayMap(n -> if(n >= 0 AND n < 65535 AND n = floor(n), toUInt16(n), 65535), i) CODEC(ZSTD(1)),
    tape UInt16 DEFAULT if(z >= 0 AND z < 65535 AND z = floor(z), toUInt16(z), 65535) CODEC(T64, ZSTD(1)),
    sequence UInt64
        DEFAULT if(q >= 0 AND q < 9007199254740992 AND q = floor(q), toUInt64(q), 18446744073709551615)
        CODEC(Delta, ZSTD(1)),
    kafka_partition UInt16 CODEC(T64, ZSTD(1)),
    kafka_offset UInt64 CODEC(Delta, ZSTD(1)),
    -- when the producer had the event: the Kafka timestamp
    received_at DateTime64(3, 'UTC') DEFAULT fromUnixTimestamp64Milli(received_ms, 'UTC') CODEC(Delta, ZSTD(1)),

    received_ms Int64 EPHEMERAL,
    T String EPHEMERAL,
    h Float64 EPHEMERAL,
    l Float64 EPHEMERAL,
    i Array(Float64) EPHEMERAL,
    z Float64 EPHEMERAL,
    t Float64 EPHEMERAL -1,
    q Float64 EPHEMERAL,

    CONSTRAINT symbol_is_text CHECK symbol != '' AND isValidUTF8(symbol),
    CONSTRAINT time_in_range CHECK event_at > toDateTime64(0, 6, 'UTC'),
    CONSTRAINT prices_not_negative CHECK upper_price >= 0 AND lower_price >= 0
        AND isFinite(upper_price) AND isFinite(lower_price),
    CONSTRAINT codes_in_range CHECK tape < 65535 AND sequence < 9007199254740992 AND NOT has(indicators, 65535)
)
ENGINE = MergeTree
PARTITION BY session_date
ORDER BY (symbol, event_at, sequence)
SETTINGS non_replicated_deduplication_window = 10000,
         replicated_deduplication_window = 10000,
         replicated_deduplication_window_seconds = 604800
