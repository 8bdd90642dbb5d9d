-- What a second bar must be, told by the table: the sink passes the vendor's bytes on unread, and a
-- batch with a row that breaks a constraint is refused whole (error 469).
--
-- The vendor's numbers are read as Float64, which does not wrap around as integers do. A required
-- one that is missing or null is NaN, and a time that is none becomes 1970: both break a constraint.
-- `dv` and `dav` are the volumes as decimal strings: where they are sent (-1e300 = they are not),
-- they count.
ALTER TABLE {database}.bars_1s
    ADD COLUMN IF NOT EXISTS dv Float64 EPHEMERAL -1e300,
    ADD COLUMN IF NOT EXISTS dav Float64 EPHEMERAL -1e300,
    MODIFY COLUMN v Float64 EPHEMERAL nan,
    MODIFY COLUMN vw Float64 EPHEMERAL nan,
    MODIFY COLUMN o Float64 EPHEMERAL nan,
    MODIFY COLUMN c Float64 EPHEMERAL nan,
    MODIFY COLUMN h Float64 EPHEMERAL nan,
    MODIFY COLUMN l Float64 EPHEMERAL nan,
    MODIFY COLUMN s Float64 EPHEMERAL -1;
ALTER TABLE {database}.bars_1s
    MODIFY COLUMN bar_start DateTime('UTC')
        DEFAULT toDateTime(if(s >= 1000 AND s < 4102444800000 AND s = floor(s), intDiv(toInt64(s), 1000), 0), 'UTC')
        CODEC(DoubleDelta, ZSTD(1)),
    MODIFY COLUMN volume Float64 DEFAULT if(dv = -1e300, v, dv) CODEC(ZSTD(1)),
    MODIFY COLUMN trade_count UInt32
        DEFAULT multiIf(NOT isFinite(z), 4294967295, z > 0 AND v > 0, toUInt32(least(round(v / z), 4294967294)), 0) CODEC(T64, ZSTD(1)),
    MODIFY COLUMN accumulated_volume Float64 DEFAULT if(dav = -1e300, av, dav) CODEC(Delta, ZSTD(1));
ALTER TABLE {database}.bars_1s
    ADD CONSTRAINT IF NOT EXISTS symbol_is_text CHECK symbol != '' AND isValidUTF8(symbol),
    ADD CONSTRAINT IF NOT EXISTS time_in_range CHECK bar_start > toDateTime(0, 'UTC'),
    ADD CONSTRAINT IF NOT EXISTS prices_positive CHECK open > 0 AND high > 0 AND low > 0 AND close > 0,
    ADD CONSTRAINT IF NOT EXISTS quantities_not_negative CHECK volume >= 0 AND vwap >= 0 AND accumulated_volume >= 0,
    ADD CONSTRAINT IF NOT EXISTS numbers_finite CHECK isFinite(open + high + low + close)
        AND isFinite(volume) AND isFinite(vwap) AND isFinite(accumulated_volume) AND isFinite(day_open) AND isFinite(day_vwap)
        AND trade_count < 4294967295;
