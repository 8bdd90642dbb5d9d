"""Tolerance bands of the reconciliation."""

from dataclasses import asdict, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polygon_assets.defs.reconcile.assets import ABOVE, column_lineage
from polygon_assets.defs.reconcile.bands import Bar, compare

OFFICIAL = Bar(open=44.68, high=45.14, low=43.96, close=44.86, volume=23_298_300)


def changed(**values: float) -> Bar:
    return Bar(**({**OFFICIAL.__dict__, **values}))


def test_typical_day_is_ok() -> None:
    found = compare("AAPL", changed(volume=0.81 * OFFICIAL.volume, open=44.70), OFFICIAL)
    assert found.verdict == "ok"
    assert found.volume_share == pytest.approx(0.81)


@pytest.mark.parametrize(
    "stream",
    [
        changed(high=45.14 * 1.006),
        changed(low=43.96 * 0.99),
        changed(open=44.68 * 1.03),
        changed(close=44.86 * 0.97),
        changed(volume=OFFICIAL.volume * 0.5),
        changed(volume=OFFICIAL.volume * 1.01),
    ],
)
def test_outside_a_band(stream: Bar) -> None:
    assert compare("AAPL", stream, OFFICIAL).verdict == "outside_bands"


def test_one_side_only() -> None:
    assert compare("AAPL", None, OFFICIAL).verdict == "only_official"
    assert compare("AAPL", OFFICIAL, None).verdict == "only_stream"


@given(st.floats(0.01, 1e5), st.floats(0.995, 1.005), st.floats(0.98, 1.02), st.floats(0.55, 1.0))
def test_every_day_inside_the_bands_is_ok(
    price: float, extreme: float, edge: float, share: float
) -> None:
    official = Bar(price, price, price, price, 1000.0)
    inner = 1 + (extreme - 1) * 0.999
    outer = 1 + (edge - 1) * 0.999
    stream = Bar(price * outer, price * inner, price * inner, price * outer, 1000.0 * share)
    assert compare("X", stream, official).verdict == "ok"


@pytest.mark.parametrize("name", ["open", "high", "low", "close", "volume"])
def test_the_lineage_says_what_a_column_of_both_sides_changes(name: str) -> None:
    """Another value on either side changes exactly the columns that are said to be made from it."""
    before = asdict(compare("AAPL", replace(OFFICIAL, volume=0.8 * OFFICIAL.volume), OFFICIAL))
    declared = {column for column, above in ABOVE.items() if name in above}
    for side in (0, 1):
        bars = [replace(OFFICIAL, volume=0.8 * OFFICIAL.volume), OFFICIAL]
        bars[side] = replace(bars[side], **{name: 3 * getattr(bars[side], name)})
        after = asdict(compare("AAPL", *bars))
        assert {column for column in after if after[column] != before[column]} == declared
    sides = {dep.asset_key.path[-1] for dep in column_lineage().deps_by_column["verdict"]}
    assert sides == {"bars_1d", "fct_daily_bars"}
