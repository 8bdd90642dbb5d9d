"""Awkward corporate actions: listed twice, two on one day, announced and not yet effective."""

from collections.abc import Iterator

import pytest
from polygon_vendor import Vendor

pytestmark = pytest.mark.xdist_group("polygon_odd_actions")


@pytest.fixture(scope="module")
def vendor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vendor]:
    running = Vendor(tmp_path_factory.mktemp("odd"), symbols="AAPL,ZZAK,ZZAO,ZZAQ,ZZAT")
    moment = {"now": "2005-03-01T18:00:00-05:00"}
    assert running.http.post("/sandbox/clock", json=moment).status_code == 200
    yield running
    running.stop()


def results(vendor: Vendor, path: str) -> list[dict]:
    return vendor.http.get(path).json()["results"]


def close(vendor: Vendor, ticker: str, day: str, adjusted: bool = False) -> float:
    path = f"/v2/aggs/ticker/{ticker}/range/1/day/{day}/{day}?adjusted={adjusted}"
    return results(vendor, path)[0]["c"]


@pytest.mark.parametrize("path", ["/stocks/v1/splits", "/v3/reference/splits"])
def test_a_split_is_listed_twice_under_two_ids(vendor: Vendor, path: str) -> None:
    first, second = results(vendor, f"{path}?ticker=ZZAK")
    assert first.pop("id") != second.pop("id")
    assert first == second
    assert (first["execution_date"], first["split_from"], first["split_to"]) == ("2005-03-01", 1, 2)


def test_a_split_that_is_listed_twice_happened_once(vendor: Vendor) -> None:
    factors = [
        row["historical_adjustment_factor"]
        for row in results(vendor, "/stocks/v1/splits?ticker=ZZAK")
    ]
    assert factors == [0.5, 0.5]
    raw, adjusted = (close(vendor, "ZZAK", "2005-02-28", value) for value in (False, True))
    assert adjusted == raw / 2
    assert close(vendor, "ZZAK", "2005-03-01") == pytest.approx(adjusted, rel=0.1)


def test_a_special_and_a_regular_dividend_have_the_same_ex_date(vendor: Vendor) -> None:
    regular, special = results(vendor, "/stocks/v1/dividends?ticker=ZZAO")
    assert regular["ex_dividend_date"] == special["ex_dividend_date"] == "2005-02-18"
    assert (regular["distribution_type"], regular["frequency"]) == ("recurring", 4)
    assert (special["distribution_type"], special["frequency"]) == ("special", 0)
    assert regular["id"] != special["id"]
    assert regular["cash_amount"] < special["cash_amount"]
    before = close(vendor, "ZZAO", "2005-02-17")
    both = (1 - regular["cash_amount"] / before) * (1 - special["cash_amount"] / before)
    for row in (regular, special):
        assert row["historical_adjustment_factor"] == pytest.approx(both, rel=1e-12)


@pytest.mark.parametrize("sort", ["ticker.asc", "ex_dividend_date.asc"])
def test_dividends_of_one_day_are_paged_like_any_others(vendor: Vendor, sort: str) -> None:
    asked = f"/stocks/v1/dividends?ex_dividend_date=2005-02-18&sort={sort}"
    whole = results(vendor, asked)
    first = vendor.http.get(f"{asked}&limit=1").json()
    second = vendor.http.get(first["next_url"]).json()
    assert first["results"] + second["results"] == whole
    assert len(whole) == 2
    assert "next_url" not in second
    types = results(vendor, "/v3/reference/dividends?ticker=ZZAO")
    assert [row["dividend_type"] for row in types] == ["CD", "SC"]


def test_a_split_and_a_dividend_take_effect_on_the_same_day(vendor: Vendor) -> None:
    (split,) = results(vendor, "/stocks/v1/splits?ticker=ZZAQ")
    (dividend,) = results(vendor, "/stocks/v1/dividends?ticker=ZZAQ")
    assert split["execution_date"] == dividend["ex_dividend_date"] == "2005-02-23"
    assert split["historical_adjustment_factor"] == 0.5
    # The cash is for a share after the split, so it counts against half of the close before.
    expected = 1 - dividend["cash_amount"] / (close(vendor, "ZZAQ", "2005-02-22") / 2)
    assert dividend["historical_adjustment_factor"] == pytest.approx(expected, rel=1e-12)
    assert dividend["split_adjusted_cash_amount"] == dividend["cash_amount"]


def test_a_dividend_is_announced_without_a_factor(vendor: Vendor) -> None:
    newest, before, *_ = results(vendor, "/stocks/v1/dividends?ticker=ZZAT")
    assert newest["declaration_date"] <= "2005-03-01" < newest["ex_dividend_date"]
    assert newest["historical_adjustment_factor"] is None
    assert before["historical_adjustment_factor"] < 1
