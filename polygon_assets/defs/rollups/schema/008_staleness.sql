-- Silence of every symbol against its own rhythm, one row per symbol of the newest live session.
--
-- clock: start of the newest bar of the whole stream, not a wall clock: when the market or the
--   stream pauses, nothing becomes stale.
-- silence: seconds from the symbol's last bar to the clock.
-- gap_p50, gap_p95: quantiles of the seconds between the symbol's bars in this session,
--   NULL with fewer than 20 gaps, which is no rhythm yet.
-- ratio_p50, ratio_p95: silence / gap. Above 1 is silent for longer than the typical gap, or
--   than all but one in twenty.
CREATE OR REPLACE VIEW {rollups}.staleness AS
WITH
    (
        SELECT (any(c.session_date), max(c.bar_start))
        FROM {ticks}.bars_1s AS c
        WHERE c.session_date = (SELECT max(l.session_date) FROM {rollups}.live_sessions AS l)
    ) AS newest
SELECT
    g.session_date AS session_date,
    g.symbol AS symbol,
    newest.2 AS clock,
    g.starts[-1] AS last_bar,
    dateDiff('second', last_bar, clock) AS silence,
    length(g.gaps) AS gap_count,
    if(gap_count >= 20, arrayReduce('quantileExact(0.5)', g.gaps), NULL) AS gap_p50,
    if(gap_count >= 20, arrayReduce('quantileExact(0.95)', g.gaps), NULL) AS gap_p95,
    silence / gap_p50 AS ratio_p50,
    silence / gap_p95 AS ratio_p95
FROM
(
    SELECT
        s.session_date AS session_date,
        s.symbol AS symbol,
        arraySort(groupUniqArray(s.bar_start)) AS starts,
        arrayPopFront(arrayDifference(arrayMap(start -> toUnixTimestamp(start), starts))) AS gaps
    FROM {ticks}.bars_1s AS s
    WHERE s.session_date = newest.1
    GROUP BY session_date, symbol
) AS g;
