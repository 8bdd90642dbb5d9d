-- Trades (T), one row per message: nothing replaces a trade, a cancelled one comes as another.
-- The vendor's fields are EPHEMERAL, as in bars_1s. A number that its column cannot hold becomes
-- the column's highest value, which a constraint refuses.
--
-- 10.3 bytes a row (400,000 simulated trades of 800 symbols, penny prices): times 1.9 + 1.7, size 1.4,
-- offset 1.3, sequence 1.0, price 0.9, conditions 0.9, id 0.7. DoubleDelta instead of Delta for the
-- time: 10.9; ORDER BY (traded_at, symbol): 18.6.
CREATE TABLE IF NOT EXISTS {database}.trades
(
    -- New York date of traded_at
    session_date Date DEFAULT toDate(traded_at, 'America/New_York') CODEC(Delta, ZSTD(1)),
    symbol LowCardinality(String) DEFAULT sym CODEC(ZSTD(1)),
    -- the exchange's time
    traded_at DateTime64(3, 'UTC')
        DEFAULT fromUnixTimestamp64Milli(if(t >= 1000 AND t < 4102444800000 AND t = floor(t), toInt64(t), 0), 'UTC')
        CODEC(Delta, ZSTD(1)),
    price Float64 DEFAULT p CODEC(Delta, ZSTD(1)),
    -- shares; `ds`, the decimal string, counts where it is sent (-1e300 = it is not)
    size Float64 DEFAULT if(ds = -1e300, s, ds) CODEC(ZSTD(1)),
    exchange UInt16 DEFAULT if(x >= 0 AND x < 65535 AND x = floor(x), toUInt16(x), 65535) CODEC(T64, ZSTD(1)),
    -- 1 = A (NYSE), 2 = B (NYSE Arca and others), 3 = C (Nasdaq)
    tape UInt16 DEFAULT if(z >= 0 AND z < 65535 AND z = floor(z), toUInt16(z), 65535) CODEC(T64, ZSTD(1)),
    conditions Array(UInt16)
        DEFAULT arrayMap(n -> if(n >= 0 AND n < 65535 AND n = floor(n), toUInt16(n), 65535), c) CODEC(ZSTD(1)),
    -- of the symbol, increasing but with holes
    sequence UInt64
        DEFAULT if(q >= 0 AND q < 9007199254740992 AND q = floor(q), toUInt64(q), 18446744073709551615)
        CODEC(Delta, ZSTD(1)),
    trade_id String DEFAULT i CODEC(ZSTD(1)),
    -- trade reporting facility; 0 = none
    facility UInt16 DEFAULT if(trfi >= 0 AND trfi < 65535 AND trfi = floor(trfi), toUInt16(trfi), 65535) CODEC(T64, ZSTD(1)),
    kafka_partition UInt16 CODEC(T64, ZSTD(1)),
    kafka_offset UInt64 CODEC(Delta, ZSTD(1)),
    -- when the producer had the event: the Kafka timestamp
    received_at DateTime64(3, 'UTC') DEFAULT fromUnixTimestamp64Milli(received_ms, 'UTC') CODEC(Delta, ZSTD(1)),

    received_ms Int64 EPHEMERAL,
    sym String EPHEMERAL,
    x Float64 EPHEMERAL,
    i String EPHEMERAL,
    z Float64 EPHEMERAL,
    p Float64 EPHEMERAL nan,
    s Float64 EPHEMERAL nan,
    ds Float64 EPHEMERAL -1e300,
    c Array(Float64) EPHEMERAL,
    t Float64 EPHEMERAL -1,
    q Float64 EPHEMERAL,
    trfi Float64 EPHEMERAL,

    CONSTRAINT symbol_is_text CHECK symbol != '' AND isValidUTF8(symbol),
    CONSTRAINT time_in_range CHECK traded_at > toDateTime64(0, 3, 'UTC'),
    CONSTRAINT price_positive CHECK price > 0 AND isFinite(price),
    CONSTRAINT size_not_negative CHECK size >= 0 AND isFinite(size),
    CONSTRAINT codes_in_range CHECK exchange < 65535 AND tape < 65535 AND facility < 65535
        AND sequence < 9007199254740992 AND NOT has(conditions, 65535),
    CONSTRAINT id_is_text CHECK isValidUTF8(trade_id)
)
ENGINE = MergeTree
PARTITION BY session_date
ORDER BY (symbol, traded_at, sequence)
SETTINGS non_replicated_deduplication_window = 10000,
         replicated_deduplication_window = 10000,
         replicated_deduplication_window_seconds = 604800,
         ttl_only_drop_parts = 1
