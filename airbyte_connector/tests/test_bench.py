"""The benchmark runs; how long it takes is no test."""

from bench_records import measure, table


def test_it_prints_a_line_for_each_variant() -> None:
    found = measure(records=40, size=20)
    assert {name: count for name, (_, count) in found.items()} == {
        "requests + orjson": 40,
        "CDK without transformations": 40,
        "daily_bars": 40,
        "minute_bars": 40,
        "tickers": 40,
    }
    assert len(table(found)) == 1 + len(found)
