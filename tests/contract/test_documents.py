"""What README and the documents beside it say is there: links, pictures, grants, headings."""

import re
import unicodedata
from pathlib import Path

import pytest
from support.documents import DOCUMENTS, prose

from polygon_assets.doctor.clickhouse import IN_OUR_DATABASES, IN_SYSTEM
from polygon_assets.doctor.snowflake import Grant, lacking
from polygon_assets.env import PROJECT_ROOT
from polygon_assets.resources.snowflake import SCHEMAS

PRODUCTION = PROJECT_ROOT / ".github" / "PRODUCTION.md"
SQL = "\n".join(re.findall(r"```sql\n(.*?)```", PRODUCTION.read_text(), re.DOTALL))
GRANT = re.compile(
    r"^GRANT (.+?) ON (?:(DATABASE|SCHEMA) )?(\S+) TO (?:ROLE )?(\w+);", re.MULTILINE
)


def anchors(document: Path) -> set[str]:
    """What GitHub calls the headings of a document."""
    found = set[str]()
    for heading in re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE):
        kept = "".join(
            c for c in heading.lower() if c in "- _" or unicodedata.category(c)[0] in "LN"
        )
        found.add(kept.replace(" ", "-"))
    return found


def broken_links(document: Path) -> list[str]:
    """Links and pictures of a document that lead nowhere in the repository."""
    text = prose(document.read_text())
    broken: list[str] = []
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        if link.startswith(("https:", "http:", "mailto:")):
            continue
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    return broken


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda one: str(one.relative_to(PROJECT_ROOT)))
def test_every_link_and_picture_is_there(document: Path) -> None:
    assert broken_links(document) == []


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    document = tmp_path / "README.md"
    document.write_text("# One two\n[a](#one-two) [b](#three) [c](gone.md) [d](README.md#one-two)")
    assert broken_links(document) == ["#three", "gone.md"]


def granted(who: str) -> list[Grant]:
    """The privileges that PRODUCTION.md gives to a Snowflake role or a ClickHouse user."""
    return [
        Grant(privilege, kind, name)
        for privileges, kind, name, receiver in GRANT.findall(SQL)
        if receiver == who
        for privilege in privileges.split(", ")
    ]


def test_snowflakes_grants_are_what_the_doctor_asks_for_and_no_more() -> None:
    grants = granted("TRANSFORMER")
    assert lacking(grants, "POLYGON", SCHEMAS) == []
    inside = [one for one in grants if one.kind in ("DATABASE", "SCHEMA")]
    for one in inside:
        rest = [other for other in grants if other != one]
        assert lacking(rest, "POLYGON", SCHEMAS) == [f"{one.privilege} ON {one.kind} {one.name}"]


def test_clickhouses_grants_are_what_the_doctor_asks_for_and_no_more() -> None:
    grants = granted("dagster")
    for database in ("ticks", "rollups"):
        of_it = [one.privilege for one in grants if one.name == f"{database}.*"]
        assert sorted(of_it) == sorted(IN_OUR_DATABASES)
    system = {one.name for one in grants if one.name.startswith("system.")}
    assert system == {f"system.{table}" for table in IN_SYSTEM}
