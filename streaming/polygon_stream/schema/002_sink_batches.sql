-- One row per Kafka partition and flush. The latency of an event is the join on partition and
-- offset: bars_1s ASOF JOIN sink_batches ON kafka_partition AND kafka_offset <= last_offset.
--
-- A batch that was written again after a crash has its row replaced, and the later queryable_at is
-- the one that is kept: an upper bound.
CREATE TABLE IF NOT EXISTS {database}.sink_batches
(
    topic LowCardinality(String),
    kafka_partition UInt16 CODEC(T64, ZSTD(1)),
    first_offset UInt64 CODEC(Delta, ZSTD(1)),
    last_offset UInt64 CODEC(Delta, ZSTD(1)),
    -- messages of the range that were valid bars
    rows UInt32 CODEC(T64, ZSTD(1)),
    -- when the INSERT of the bars had returned
    queryable_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(queryable_at)
ORDER BY (topic, kafka_partition, last_offset)
