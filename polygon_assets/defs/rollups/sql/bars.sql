-- Bars of one session in wider buckets, from the final version of every finer bar.
SELECT
    s.session_date,
    s.symbol,
    {bucket} AS bucket,
    argMin(s.open, s.bar_start),
    max(s.high),
    min(s.low),
    argMax(s.close, s.bar_start),
    sum(s.volume),
    if(sum(s.volume) > 0, sum(s.vwap * s.volume) / sum(s.volume), argMax(s.close, s.bar_start)),
    sum(s.trade_count)
FROM {source} AS s {final}
WHERE s.session_date = {session:Date}
GROUP BY s.session_date, s.symbol, bucket
