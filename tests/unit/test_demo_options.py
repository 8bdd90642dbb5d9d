"""Options of `polygon demo`."""

import pytest

from polygon_assets.cli.demo import Options


def parse(sessions: str) -> list[str]:
    return [str(day) for day in Options.parse(sessions, "10", 900, keep=False).sessions]


def test_count_of_sessions_ends_on_the_split_day() -> None:
    assert parse("3") == ["2005-02-24", "2005-02-25", "2005-02-28"]
    assert len(parse("10")) == 10


def test_range_and_single_session() -> None:
    assert parse("2005-02-18:2005-02-22") == ["2005-02-18", "2005-02-22"]
    assert parse("2012-05-18") == ["2012-05-18"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("0", "sessions"),
        ("tomorrow", "FIRST:LAST"),
        ("2005-02-21", "not an NYSE session"),
        ("2005-02-28:2005-02-14", "no session"),
        ("1999-01-04", "not an NYSE session"),
    ],
)
def test_wrong_sessions_get_a_clear_sentence(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse(text)
