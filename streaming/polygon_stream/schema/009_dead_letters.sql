-- Messages that could not be understood, with the reason and where they came from.
-- After a crash the sink may have sent the same one twice: the source columns are then equal.
CREATE TABLE IF NOT EXISTS {database}.dead_letters
(
    -- when the message was received
    received_at DateTime64(3, 'UTC') DEFAULT fromUnixTimestamp64Milli(received_ms, 'UTC') CODEC(Delta, ZSTD(1)),
    reason String CODEC(ZSTD(1)),
    -- the program: producer or sink
    source LowCardinality(String) CODEC(ZSTD(1)),
    -- from the sink: topic, partition and offset of the message; empty or null from the producer
    source_topic LowCardinality(String) CODEC(ZSTD(1)),
    source_partition Nullable(UInt16) CODEC(ZSTD(1)),
    source_offset Nullable(UInt64) CODEC(ZSTD(1)),
    -- bytes as they came; a long message is cut, and message_bytes tells how long it was
    message String DEFAULT base64Decode(message_base64) CODEC(ZSTD(1)),
    message_key String DEFAULT base64Decode(key_base64) CODEC(ZSTD(1)),
    message_bytes UInt64 CODEC(T64, ZSTD(1)),
    kafka_partition UInt16 CODEC(T64, ZSTD(1)),
    kafka_offset UInt64 CODEC(Delta, ZSTD(1)),

    received_ms Int64 EPHEMERAL,
    message_base64 String EPHEMERAL,
    key_base64 String EPHEMERAL
)
ENGINE = MergeTree
ORDER BY (received_at, kafka_partition, kafka_offset)
SETTINGS non_replicated_deduplication_window = 10000,
         replicated_deduplication_window = 10000,
         replicated_deduplication_window_seconds = 604800
