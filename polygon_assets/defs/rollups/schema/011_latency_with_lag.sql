-- The latency of 009, and beside it how far the sink was behind.
--
-- lag: messages in Kafka behind the range that held a bar of the minute, of one partition; the
--   largest of the minute.
CREATE OR REPLACE VIEW {rollups}.latency AS
SELECT
    l.session_date AS session_date,
    toStartOfMinute(l.bar_start) AS minute,
    count() AS bars,
    max(l.lag) AS lag,
    min(l.received) AS feed_delay,
    quantilesExact(0.5, 0.95, 0.99)(l.received) AS received,
    quantilesExact(0.5, 0.95, 0.99)(l.queryable) AS queryable,
    received[1] - feed_delay AS received_p50,
    received[2] - feed_delay AS received_p95,
    received[3] - feed_delay AS received_p99,
    queryable[1] - feed_delay AS queryable_p50,
    queryable[2] - feed_delay AS queryable_p95,
    queryable[3] - feed_delay AS queryable_p99,
    queryable[1] AS gross_p50,
    queryable[2] AS gross_p95,
    queryable[3] AS gross_p99
FROM
(
    SELECT
        t.session_date AS session_date,
        t.bar_start AS bar_start,
        toUnixTimestamp64Milli(t.received_at) - (toUnixTimestamp(t.bar_start) + 1) * 1000 AS received,
        b.lag AS lag,
        toUnixTimestamp64Milli(b.queryable_at) - (toUnixTimestamp(t.bar_start) + 1) * 1000 AS queryable
    FROM
    (
        SELECT
            s.session_date AS session_date, s.bar_start AS bar_start, s.received_at AS received_at,
            s.kafka_partition AS kafka_partition, s.kafka_offset AS kafka_offset,
            max(s.bar_start) OVER (
                PARTITION BY s.session_date, s.kafka_partition ORDER BY s.kafka_offset
            ) AS newest
        FROM {ticks}.bars_1s AS s
        WHERE s.session_date IN (SELECT session_date FROM {rollups}.live_sessions)
    ) AS t
    ASOF JOIN
    (
        SELECT kafka_partition, last_offset, first_offset, queryable_at, lag FROM {ticks}.sink_batches
        WHERE endsWith(topic, 'stocks.agg.1s')
    ) AS b
    ON t.kafka_partition = b.kafka_partition AND t.kafka_offset <= b.last_offset
    WHERE t.newest - t.bar_start < 600 AND t.kafka_offset >= b.first_offset
) AS l
GROUP BY session_date, minute;
