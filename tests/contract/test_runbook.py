"""The runbook has an entry for every alert and every check, and none without one."""

import re

import dagster as dg
import pytest

from polygon_assets.alerts.messages import RUNBOOK
from polygon_assets.alerts.runbook import ALERTS, FAMILIES, entry_of_check
from polygon_assets.env import PROJECT_ROOT

TEXT = (PROJECT_ROOT / RUNBOOK).read_text()
PARTS = ("Means", "Look", "Do", "Over")


def anchor(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    kept = re.sub(r"[^\w\- ]", "", heading.lower())
    return kept.replace(" ", "-")


def entries() -> dict[str, str]:
    """Anchor -> text of each entry."""
    _, *found = re.split(r"^### ", TEXT, flags=re.MULTILINE)
    parts = (one.partition("\n") for one in found)
    return {anchor(heading): text for heading, _, text in parts}


def test_every_entry_is_of_an_alert_or_a_family_of_checks() -> None:
    assert set(entries()) == {*ALERTS, *FAMILIES}


@pytest.mark.parametrize("name", [*ALERTS, *FAMILIES])
def test_an_entry_says_what_it_means_and_what_to_do(name: str) -> None:
    text = entries()[name]
    assert re.findall(r"^\*\*(\w+)\.\*\* \S", text, flags=re.MULTILINE) == list(PARTS)


def test_every_check_has_exactly_one_entry(definitions: dg.Definitions) -> None:
    names = {key.name for key in definitions.resolve_asset_graph().asset_check_keys}
    assert len(names) > 150
    matching = {
        name: [entry for entry, pattern in FAMILIES.items() if re.fullmatch(pattern, name)]
        for name in names
    }
    assert {name: found for name, found in matching.items() if len(found) != 1} == {}
    unused = set(FAMILIES) - {entry for found in matching.values() for entry in found}
    assert unused == set()


def test_an_entry_names_the_checks_that_it_is_about() -> None:
    text = entries()
    for entry, pattern in FAMILIES.items():
        for name in pattern.split("|"):
            shown = name.replace(".+", "...")
            assert f"`{shown}`" in text[entry], f"{entry} does not name {shown}"


def test_links_inside_of_the_runbook_lead_somewhere() -> None:
    links = re.findall(r"\]\(#([\w-]+)\)", TEXT)
    assert links
    assert set(links) <= set(entries())


def test_a_check_that_nobody_knows_has_no_entry() -> None:
    assert entry_of_check("a_check_of_tomorrow") == ""
