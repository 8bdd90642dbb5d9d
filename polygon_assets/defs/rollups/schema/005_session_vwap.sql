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
    m.session_date AS session_date,
    m.symbol AS symbol,
    max(m.last_bar) AS as_of,
    toFloat64(sum(toDecimal128(m.volume, 9))) AS volume,
    if(
        volume > 0,
        toFloat64(sum(toDecimal128(m.vwap * m.volume, 18))) / volume,
        argMax(m.close, m.bar_start)
    ) AS vwap,
    argMax(m.accumulated_volume, m.bar_start) AS vendor_volume,
    argMax(m.day_vwap, m.bar_start) AS vendor_vwap,
    if(vendor_vwap > 0, vwap / vendor_vwap - 1, NULL) AS vwap_difference,
    if(vendor_volume > 0, volume / vendor_volume, NULL) AS volume_covered
FROM {rollups}.live_bars_1m AS m FINAL
GROUP BY session_date, symbol;
