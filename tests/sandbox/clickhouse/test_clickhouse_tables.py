"""What the tick tables and rollups need of the engine, through the gateway."""

from clickhouse_connect.driver.client import Client


def test_the_newest_version_of_a_bar_wins(client: Client) -> None:
    client.command(
        "CREATE TABLE bars (symbol String, s UInt32, volume Float64, version UInt64)"
        " ENGINE = ReplacingMergeTree(version) ORDER BY (symbol, s)"
    )
    for version, volume in ((2, 20.0), (3, 30.0), (1, 10.0)):
        client.insert("bars", [["ZZAA", 1, volume, version]])
    assert client.query("SELECT volume FROM bars FINAL").result_rows == [(30.0,)]
    client.command("OPTIMIZE TABLE bars FINAL")
    assert client.query("SELECT volume FROM bars").result_rows == [(30.0,)]


def test_asof_join_finds_the_quote_before_each_trade(client: Client) -> None:
    client.command("CREATE TABLE trades (symbol String, t UInt32, price Float64) ORDER BY t")
    client.command("CREATE TABLE quotes (symbol String, t UInt32, bid Float64) ORDER BY t")
    client.insert("trades", [["ZZAA", 5, 10.0], ["ZZAA", 10, 11.0], ["ZZAB", 9, 3.0]])
    client.insert("quotes", [["ZZAA", 4, 9.9], ["ZZAA", 9, 10.9], ["ZZAA", 11, 12.0]])
    joined = client.query(
        "SELECT trades.t, price, bid FROM trades ASOF LEFT JOIN quotes"
        " ON trades.symbol = quotes.symbol AND trades.t >= quotes.t ORDER BY trades.symbol, t"
    )
    assert joined.result_rows == [(5, 10.0, 9.9), (10, 11.0, 10.9), (9, 3.0, 0.0)]


def test_a_day_is_replaced_and_the_others_are_not(client: Client) -> None:
    for table in ("bars", "stage"):
        client.command(
            f"CREATE TABLE {table} (session_date Date, symbol String, volume Float64)"
            " ENGINE = MergeTree PARTITION BY session_date ORDER BY symbol"
        )
    days = ["2026-11-18", "2026-11-19", "2026-11-20"]
    for day in days:
        client.command(f"INSERT INTO bars VALUES ('{day}', 'ZZAA', 1), ('{day}', 'ZZAA', 1)")
        client.command(f"INSERT INTO stage VALUES ('{day}', 'ZZAA', 7)")
    for _ in range(2):
        client.command("ALTER TABLE bars REPLACE PARTITION '2026-11-19' FROM stage")
    by_day = "SELECT toString(session_date), sum(volume) FROM bars GROUP BY ALL ORDER BY ALL"
    expected = list(zip(days, [2.0, 7.0, 2.0], strict=True))
    assert client.query(by_day).result_rows == expected
    client.command(
        "ALTER TABLE bars REPLACE PARTITION {day:String} FROM stage",
        parameters={"day": "2026-11-18"},
    )
    assert client.query(by_day).first_row == ("2026-11-18", 7.0)


def test_minute_bars_from_states(client: Client) -> None:
    client.command(
        "CREATE TABLE minutes (symbol String, m UInt32, o AggregateFunction(argMin, Float64,"
        " UInt32), h SimpleAggregateFunction(max, Float64)) ENGINE = AggregatingMergeTree"
        " ORDER BY (symbol, m)"
    )
    for second, opened, high in ((61, 5.0, 6.0), (60, 4.0, 5.0)):
        client.command(
            f"INSERT INTO minutes SELECT 'ZZAA', 60, argMinState({opened}, toUInt32({second})),"
            f" {high} GROUP BY 1, 2"
        )
    merged = client.query("SELECT argMinMerge(o), max(h) FROM minutes GROUP BY symbol, m")
    assert merged.result_rows == [(4.0, 6.0)]


def test_unix_times_and_new_york_days(client: Client) -> None:
    row = client.query(
        "SELECT toString(toDate(fromUnixTimestamp64Milli(1795228200000), 'America/New_York')),"
        " toString(toTimeZone(toDateTime(1795228200), 'America/New_York'))"
    ).first_row
    assert row == ("2026-11-20", "2026-11-20 21:30:00")
