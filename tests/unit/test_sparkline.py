"""The small lines in Dagster's UI: every value has its point, and nothing else is drawn."""

import base64
from xml.etree import ElementTree

import pytest

from polygon_assets.defs.marts.chart import growth
from polygon_assets.sparkline import HEIGHT, MARGIN, TOP, WIDTH, Point, markdown_line

SPACE = "{http://www.w3.org/2000/svg}"


def drawn(text: str) -> ElementTree.Element:
    """The SVG document inside the markdown."""
    encoded = text.partition("data:image/svg+xml;base64,")[2].removesuffix(")")
    return ElementTree.fromstring(base64.b64decode(encoded))


def places(text: str) -> list[tuple[float, float]]:
    [line] = drawn(text).iter(f"{SPACE}polyline")
    pairs = (place.split(",") for place in line.get("points", "").split())
    return [(float(x), float(y)) for x, y in pairs]


def words(text: str) -> list[str]:
    return [str(one.text) for one in drawn(text).iter(f"{SPACE}text")]


def test_a_point_for_each_value_from_edge_to_edge() -> None:
    text = markdown_line("A", [Point(f"0{at}:00", value) for at, value in enumerate([3, 1, 2])])
    found = places(text)
    assert [x for x, _ in found] == [MARGIN, WIDTH / 2, WIDTH - MARGIN]
    highest, lowest, middle = (y for _, y in found)
    assert TOP == highest < middle < lowest < HEIGHT, "the y axis points down"
    assert words(text) == ["A", "1 to 3, last 2", "00:00", "02:00"]


@pytest.mark.parametrize("hole", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number_is_left_out(hole: float) -> None:
    text = markdown_line("A", [Point("a", 1.5), Point("b", hole), Point("c", 2.25)])
    assert len(places(text)) == 2
    assert words(text)[1] == "1.50 to 2.25, last 2.25"


@pytest.mark.parametrize("values", [[], [1.0], [1.0, float("nan")]])
def test_fewer_than_two_values_are_no_line(values: list[float]) -> None:
    assert markdown_line("A", [Point("a", value) for value in values]) == ""


def test_equal_values_are_a_flat_line() -> None:
    assert len({y for _, y in places(markdown_line("A", [Point("a", 0.0)] * 5))}) == 1


def test_words_cannot_break_the_document() -> None:
    text = markdown_line("<A> & B", [Point("<", 1), Point("&", 12_345.6)])
    assert words(text) == ["<A> & B", "1 to 12,346, last 12,346", "<", "&"]


def test_growth_is_of_one_dollar() -> None:
    assert growth([0.5, -0.5, 0.25]) == [1.5, 0.75, 0.9375]
    assert growth([]) == []
