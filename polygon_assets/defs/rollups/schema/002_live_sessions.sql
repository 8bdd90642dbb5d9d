-- Sessions whose live views speak: those that are not yet final in every width, and the newest one,
-- so that its figures stay after its close until the next session begins.
--
-- The live views keep nothing: they are computed from the second bars when they are read, from the
-- latest version of each. So they are exact after every insert, however bars are replaced,
-- repeated, late or split into blocks, and cost an insert nothing.
--
-- What the designs cost, CPU milliseconds side by side in one run (uv run python
-- tests/bench/live_rollups.py --symbols 1000 --seconds 900 --blocks 6 --rows 1000):
--
--                                           insert   1m candles,   movers,        VWAP,
--                                           a block  one symbol    whole market   all symbols
--   views of the seconds (these)            32       23            97             83
--   minutes recomputed by each block        102      10            10             3
--   states of the latest versions           23       23            367            313
--   minutes refreshed every second          23       10            17             17
--
-- To recompute the minutes that a block touches gives the cheapest answers, but with 11,000 symbols
-- every second it took ClickHouse 94 % of a core instead of 27 %, and half of the bars waited for
-- 445 ms instead of 143. A view that is refreshed is late by up to its interval and misses older
-- revisions. Minutes that add up what comes, with repeated seconds told by counting, cost an insert
-- little, but the whole market is read 2.5 times slower from them than from the seconds: to merge
-- states costs more than to read plain rows.
--
-- A symbol's candles cost the same whatever the other symbols do. The whole market is read at 80 ns
-- of CPU time a second bar: 1.4 s for 17 million, near the end of a large session.
CREATE OR REPLACE VIEW {rollups}.live_sessions AS
SELECT DISTINCT toDate(partition) AS session_date
FROM system.parts
WHERE active AND database = '{ticks}' AND table = 'bars_1s'
    AND
    (
        session_date NOT IN
        (
            SELECT toDate(partition) FROM system.parts
            WHERE active AND database = '{rollups}'
                AND table IN ('bars_1m', 'bars_5m', 'bars_1h', 'bars_1d')
            GROUP BY partition
            HAVING uniqExact(table) = 4
        )
        OR session_date =
        (
            SELECT max(toDate(partition)) FROM system.parts
            WHERE active AND database = '{ticks}' AND table = 'bars_1s'
        )
    );
