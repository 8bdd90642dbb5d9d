-- When the stream was interrupted, one row per record of the producer.
CREATE TABLE IF NOT EXISTS {database}.gaps
(
    -- on the producer's clock
    disconnected_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    reconnected_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    -- on the vendor's clock; null before the first event
    last_event_at Nullable(DateTime64(3, 'UTC')) CODEC(ZSTD(1)),
    reason String CODEC(ZSTD(1)),
    -- the whole record, as JSON
    record String CODEC(ZSTD(1)),
    kafka_partition UInt16 CODEC(T64, ZSTD(1)),
    kafka_offset UInt64 CODEC(Delta, ZSTD(1)),
    received_at DateTime64(3, 'UTC') DEFAULT fromUnixTimestamp64Milli(received_ms, 'UTC') CODEC(Delta, ZSTD(1)),

    received_ms Int64 EPHEMERAL
)
ENGINE = MergeTree
ORDER BY (disconnected_at, kafka_partition, kafka_offset)
SETTINGS non_replicated_deduplication_window = 10000,
         replicated_deduplication_window = 10000,
         replicated_deduplication_window_seconds = 604800
