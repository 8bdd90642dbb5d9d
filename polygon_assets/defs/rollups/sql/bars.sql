-- Bars of one session in wider buckets, from the final version of every finer bar. Sums are
-- decimal: a sum of floating-point numbers depends on the order in which threads add them.
SELECT
    s.session_date,
    s.symbol,
    {bucket} AS bucket,
    argMin(s.open, s.bar_start),
    max(s.high),
    min(s.low),
    argMax(s.close, s.bar_start),
    toFloat64(sum(toDecimal128(s.volume, 9))) AS shares,
    if(
        shares > 0,
        toFloat64(sum(toDecimal128(s.vwap * s.volume, 18))) / shares,
        argMax(s.close, s.bar_start)
    ),
    sum(s.trade_count)
FROM {source} AS s {final}
WHERE s.session_date = {session:Date}
GROUP BY s.session_date, s.symbol, bucket
