-- VWAP and volume of the session so far, ours against the vendor's, one row per session that is
-- live and symbol.
--
-- vwap: sum of price times volume over sum of volume, of the final versions of all second bars.
-- vendor_vwap, vendor_volume: what the vendor says of the day (its fields a and av) in the symbol's
-- newest bar. It counts trades that no second bar holds (auctions, odd lots, before the stream
-- began), so the two differ: vwap_difference is relative, (ours - vendor's) / vendor's, and
-- volume_covered is ours over the vendor's. Both are NULL where the vendor gave no value.
CREATE OR REPLACE VIEW {rollups}.session_vwap AS
SELECT
    s.session_date AS session_date,
    s.symbol AS symbol,
    max(s.bar_start) AS as_of,
    toFloat64(sum(toDecimal128(s.volume, 9))) AS volume,
    if(
        volume > 0,
        toFloat64(sum(toDecimal128(s.vwap * s.volume, 18))) / volume,
        argMax(s.close, s.bar_start)
    ) AS vwap,
    argMax(s.accumulated_volume, s.bar_start) AS vendor_volume,
    argMax(s.day_vwap, s.bar_start) AS vendor_vwap,
    if(vendor_vwap > 0, vwap / vendor_vwap - 1, NULL) AS vwap_difference,
    if(vendor_volume > 0, volume / vendor_volume, NULL) AS volume_covered
FROM {ticks}.bars_1s AS s FINAL
WHERE session_date IN (SELECT session_date FROM {rollups}.live_sessions)
GROUP BY session_date, symbol
SETTINGS do_not_merge_across_partitions_select_final = 1;
