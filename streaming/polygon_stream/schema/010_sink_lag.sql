-- How far the sink was behind when it read a range: messages of the partition in Kafka after it.
ALTER TABLE {database}.sink_batches
    ADD COLUMN IF NOT EXISTS lag UInt64 DEFAULT 0 CODEC(T64, ZSTD(1));
