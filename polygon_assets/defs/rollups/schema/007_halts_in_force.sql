-- Symbols whose trading is halted, one row per symbol.
--
-- Reads {ticks}.halts, which the sink fills with the vendor's LULD events.
-- Indicator 17 is a halt, 18 its end; events with neither only move the price band. In force is
-- a halt after which no end has come; the vendor reports them for stocks listed at Nasdaq only.
--
-- halted_seconds: up to the newest bar of the stream, not up to now on a wall clock.
CREATE OR REPLACE VIEW {rollups}.halts_in_force
(
    symbol String,
    halted_at DateTime64(6, 'UTC'),
    upper_price Float64,
    lower_price Float64,
    tape UInt16,
    halted_seconds Int64
)
AS
WITH
    (
        SELECT max(s.bar_start) FROM {ticks}.bars_1s AS s
        WHERE s.session_date = (SELECT max(l.session_date) FROM {rollups}.live_sessions AS l)
    ) AS newest_bar
SELECT
    h.symbol AS symbol,
    max(h.event_at) AS halted_at,
    argMax(h.upper_price, (h.event_at, h.sequence)) AS upper_price,
    argMax(h.lower_price, (h.event_at, h.sequence)) AS lower_price,
    argMax(h.tape, (h.event_at, h.sequence)) AS tape,
    greatest(dateDiff('second', halted_at, newest_bar), 0) AS halted_seconds
FROM {ticks}.halts AS h
WHERE hasAny(h.indicators, [17, 18])
GROUP BY symbol
HAVING argMax(has(h.indicators, 17), (h.event_at, h.sequence));
