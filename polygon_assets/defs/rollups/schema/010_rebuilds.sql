-- What the last rebuild of a session saw, one row per rollup and session: the state of its second
-- bars. A session whose second bars differ from it has changed since.
CREATE TABLE IF NOT EXISTS {rollups}.rebuilds
(
    rollup LowCardinality(String),
    session_date Date,
    rows UInt64 COMMENT 'Bars of the session in the rollup',
    received_at DateTime64(3, 'UTC') COMMENT 'The newest receipt among the second bars',
    kafka_offsets Map(UInt16, UInt64) COMMENT 'Kafka partition -> its newest offset',
    updated_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When the rebuild began'
)
ENGINE = ReplacingMergeTree(updated_at)
ORDER BY (rollup, session_date);
