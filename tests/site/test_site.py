"""What ``polygon site`` builds from this checkout."""

import html
import json
import re
import sys
from pathlib import Path

import pytest
from site_builds import SECRETS, Built
from site_links import broken_links, outside_resources, read_pages

from polygon_assets.env import PROJECT_ROOT
from polygon_assets.site.api import LEFT_OUT, PACKAGES, module_of, page_of
from polygon_assets.site.documents import document_files
from polygon_assets.site.documents import page_of as page_of_document
from polygon_assets.site.folder import files

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("site"),
    pytest.mark.timeout(1200),
]

DEFINITIONS = (PROJECT_ROOT / "tests" / "contract" / "definitions.txt").read_text()
"""Another test compares this text with the code."""

MOST_MEGABYTES = 30


def assets() -> dict[str, list[str]]:
    """Key of every asset -> names of its checks."""
    found: dict[str, list[str]] = {}
    for paragraph in DEFINITIONS.split("\n\n"):
        if match := re.match(r"asset (\S+)$", paragraph.strip(), re.MULTILINE):
            found[match[1]] = re.findall(r"^  check (\S+):", paragraph, re.MULTILINE)
    return found


def test_the_command_says_what_was_built_and_where(built: Built) -> None:
    assert "87 assets, 417 checks, 12 jobs, 15 schedules and sensors" in built.output
    assert built.output.rstrip().endswith(str(built.site / "index.html"))


def test_every_asset_has_a_page_with_each_of_its_checks(built: Built) -> None:
    assert len(assets()) == 87
    for key, checks in assets().items():
        page = (built.site / "assets" / f"{key}.html").read_text()
        assert f"<code>{key}</code>" in page
        shown = {html.unescape(one) for one in re.findall(r'<tr id="check-([^"]+)"', page)}
        assert shown == set(checks), key


def test_every_check_and_trigger_is_in_the_tables(built: Built) -> None:
    page = (built.site / "assets" / "checks.html").read_text()
    assert "<td></td>" not in page.partition("What it asks")[2].replace("<tr><td></td>", ""), (
        "no text"
    )
    listed = set(re.findall(r'href="\.\./assets/(\S+)\.html#check-([^"]+)"', page))
    assert listed == {(key, check) for key, checks in assets().items() for check in checks}
    automation = (built.site / "assets" / "automation.html").read_text()
    wanted = set(re.findall(r"^(job|schedule|sensor) (\w+):", DEFINITIONS, re.MULTILINE))
    assert set(re.findall(r'<tr id="(job|schedule|sensor)-(\w+)"', automation)) == wanted


def test_an_asset_page_tells_all_of_it(built: Built) -> None:
    page = (built.site / "assets/clickhouse/rollups/movers.html").read_text()
    facts = dict(re.findall(r"<tr><th>([^<]+)</th><td>([^<]*)</td></tr>", page))
    assert facts["Owners"] == "team:streaming"
    assert facts["Partitions"] == "one for each NYSE session since 2003-09-10"
    assert facts["Freshness"] == "WARN after 5 d 8 h, FAIL after 5 d 16 h"
    assert "session" in facts["Made by"]
    assert "bars_1d</a> <small>7 to 1 sessions before</small>" in page
    assert 'href="../../../source/polygon_assets/defs/rollups/live_assets.py.html#L' in page
    model = (built.site / "assets/marts/market/fct_daily_bars.html").read_text()
    assert '<td class="type">date</td><td><p>Session of the NYSE (New York date).</p>' in model
    assert 'href="../../../dbt/index.html#!/model/model.dbt_polygon.fct_daily_bars"' in model
    asks = "<code>status</code>: Every value is one of a list. (values <code>provisional, final"
    assert asks in model
    assert "the high is the highest and the low the lowest of each bar." in model, "its file's"
    seed = (built.site / "assets/marts/market/sic_sectors.html").read_text()
    assert "<td>none: the ranges are a fixed list</td>" in seed
    assert "<td>reference</td>" in seed


def test_every_public_module_has_a_page(built: Built) -> None:
    folders = {PACKAGES[0]: PROJECT_ROOT, PACKAGES[1]: PROJECT_ROOT / "streaming"}
    names: set[str] = set()
    for package, root in folders.items():
        for file in (root / package).rglob("*.py"):
            parts = file.relative_to(root).with_suffix("").parts
            if parts[-1] != "__main__":
                names.add(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    without = {module_of(file) for file in LEFT_OUT}
    assert without < names
    with_page = {name for name in names if (built.site / page_of(name)).exists()}
    assert with_page == names - without
    left_out = (built.site / "api/index.html").read_text().partition("Left out")[2]
    assert all(file in left_out for file in LEFT_OUT)


def test_dbt_docs_know_every_model_with_its_types(built: Built) -> None:
    page = (built.site / "dbt/index.html").read_text()
    assert "INLINE DATA" not in page
    catalog = page[page.rindex('{"metadata":') :]
    data, _ = json.JSONDecoder().raw_decode(catalog)
    models = {name for name in data["nodes"] if name.startswith("model.")}
    sql = (PROJECT_ROOT / "dbt_polygon" / "models").rglob("*.sql")
    assert models == {f"model.dbt_polygon.{file.stem}" for file in sql}
    columns = data["nodes"]["model.dbt_polygon.fct_daily_bars"]["columns"]
    assert columns["session_date"]["type"] == "date"
    assert data["sources"]["source.dbt_polygon.polygon.daily_bars"]["columns"]


def test_every_link_works_and_nothing_is_loaded_from_elsewhere(built: Built) -> None:
    assert len(read_pages(built.site)) > 500
    assert list(broken_links(built.site)) == []
    assert list(outside_resources(built.site)) == []


def test_every_picture_of_the_documents_is_there(built: Built) -> None:
    """In the document that shows it, with the bytes of the file."""
    counted = 0
    for document in document_files():
        text = (PROJECT_ROOT / document).read_text()
        page = (built.site / page_of_document(document)).read_text()
        for name in re.findall(r"^!\[[^\]]*\]\((?!https?:)([^)]+)\)", text, re.MULTILINE):
            picture = (PROJECT_ROOT / document).parent / name
            [shown] = re.findall(rf'<img src="([^"]+/{picture.name})"', page)
            copied = built.site / page_of_document(document) / ".." / shown
            assert copied.resolve().read_bytes() == picture.read_bytes()
            counted += 1
    assert counted > 10


def test_the_search_box_knows_pages_that_exist(built: Built) -> None:
    script = (built.site / "search.js").read_text()
    names, _ = json.JSONDecoder().raw_decode(script.removeprefix("const NAMES = "))
    kinds = {kind for _, kind, _ in names}
    assert kinds == {
        *("document", "asset", "check", "job", "schedule", "sensor"),
        *("module", "API"),
    }
    pages = read_pages(built.site)
    for name, _, path in names:
        page, _, anchor = path.partition("#")
        assert built.site / page in pages, name
        assert not anchor or anchor in pages[built.site / page].anchors, name


def test_a_second_build_on_another_machine_has_the_same_bytes(built: Built) -> None:
    assert files(built.site) == files(built.again)
    differing = [
        name
        for name in files(built.site)
        if (built.site / name).read_bytes() != (built.again / name).read_bytes()
    ]
    assert differing == []


def test_nothing_tells_of_the_machine(built: Built) -> None:
    secrets = ["hunter2", "4711", *SECRETS.values()]
    places = [PROJECT_ROOT, sys.prefix, sys.base_prefix, Path.home(), built.temporary]
    places += [built.site.parent, "POLYGON_LOCAL"]
    for name in files(built.again):
        if Path(name).suffix in (".html", ".js", ".css"):
            text = (built.again / name).read_text()
            # Documents and files are shown as they are.
            as_it_is = name.startswith(("documents/", "source/"))
            told = secrets if as_it_is else [*secrets, *map(str, places)]
            assert [one for one in told if one in text] == [], name


def test_it_is_not_too_large(built: Built) -> None:
    size = sum((built.site / name).stat().st_size for name in files(built.site))
    assert size < MOST_MEGABYTES * 1e6
