"""What a site refuses, and what hostile text cannot do to it."""

import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import dagster as dg
import pytest
from site_links import broken_links

from polygon_assets.site import api
from polygon_assets.site.catalogue_pages import write_assets, write_tables
from polygon_assets.site.dbt_docs import docs_page
from polygon_assets.site.definitions_read import read_catalogue
from polygon_assets.site.documents import Documents, LinkError, document_files, menu
from polygon_assets.site.folder import MARKER, FolderError, replaced
from polygon_assets.site.markdown import description, first_paragraph, render
from polygon_assets.site.pages import Pages
from polygon_assets.site.search import write_search
from polygon_assets.site.source_pages import SourcePages

HOSTILE = (
    '<script>alert(1)</script> "><img src=x onerror=alert(1)> [a](javascript:alert(1)) '
    "{{ 7 * 7 }} </script><svg onload=alert(1)> ```\n</code> & '"
)
EMPTY_MANIFEST = {"nodes": {}, "macros": {}}


class Dangers(HTMLParser):
    """What a browser would run."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        if tag == "script" and not (told.get("src") or "").endswith("search.js"):
            self.found.append("script")
        self.found += [name for name in told if name.startswith("on")]
        self.found += [value for value in told.values() if (value or "").startswith("javascript:")]


def hostile_definitions() -> dg.Definitions:
    """An asset that says something hostile wherever it can say anything."""

    @dg.asset(
        key=["raw", "polygon", "hostile"],
        description=HOSTILE,
        owners=["team:market-data"],
        metadata={
            "note": HOSTILE,
            "sql": dg.MetadataValue.md(f"```sql\nselect '{HOSTILE}'\n```"),
            "dagster/column_schema": dg.TableSchema(
                [dg.TableColumn(HOSTILE, HOSTILE, description=HOSTILE)]
            ),
        },
    )
    def hostile() -> None: ...

    @dg.asset_check(asset=hostile, description=HOSTILE, metadata={"severity": "ERROR"})
    def tame() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=True)

    job = dg.define_asset_job("all_of_it", selection=[hostile], description=HOSTILE)
    schedule = dg.ScheduleDefinition(
        name="nightly", job=job, cron_schedule="0 0 * * *", description=HOSTILE
    )
    return dg.Definitions([hostile], asset_checks=[tame], jobs=[job], schedules=[schedule])


def test_hostile_text_is_shown_and_does_nothing(tmp_path: Path) -> None:
    catalogue = read_catalogue(hostile_definitions(), EMPTY_MANIFEST)
    pages, sources = Pages(tmp_path), SourcePages()
    assert len(list(write_assets(pages, sources, catalogue))) == 1
    write_tables(pages, catalogue)
    write_search(pages, [], catalogue, [])
    for name in pages.written:
        if name.endswith(".html"):
            page, dangers = (tmp_path / name).read_text(), Dangers()
            dangers.feed(page)
            assert dangers.found == [], name
            assert "49" not in page
            assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page, name


def test_what_would_be_dangerous_is_found() -> None:
    dangers = Dangers()
    dangers.feed(HOSTILE)
    assert dangers.found == ["script", "onerror", "onload"]


def test_links_of_descriptions_lead_outside_or_nowhere() -> None:
    text = "[a](https://example.com/) [b](../x.md) ![c](x.png) [d](javascript:alert(1))"
    assert description(text) == (
        '<p><a href="https://example.com/">a</a> <a>b</a> <img alt="c" /> '
        "[d](javascript:alert(1))</p>\n"
    )


def test_headings_have_the_anchors_that_github_gives_them() -> None:
    document = render("# A `b` c, d!\n\n## Same\n\n## Same\n", lambda _: None, lambda _: None)
    assert [one.anchor for one in document.headings] == ["a-b-c-d", "same", "same-1"]
    assert document.title == "A b c, d!"


def test_a_hostile_manifest_stays_in_its_script() -> None:
    metadata = {
        "dbt_version": "1",
        "user_id": "user-4711",
        "env": {"TOKEN_4711": "x"},
        "invocation_id": "1",
    }
    node = {
        **{
            "unique_id": "model.a.b",
            "resource_type": "model",
            "columns": {},
            "created_at": 4711.25,
        },
        **{"database": "D", "schema": "S", "alias": "b", "description": HOSTILE, "config": {}},
        "root_path": "/home/4711",
    }
    manifest = {"metadata": metadata, "nodes": {"model.a.b": node}, "sources": {}}
    page, empty = docs_page(manifest), docs_page({**manifest, "nodes": {}})
    assert page.count("</script") == empty.count("</script")
    assert "model.a.b" in page
    assert "4711" not in page


def small_site(folder: Path, link: str) -> Path:
    (folder / "a").mkdir(parents=True)
    (folder / "a" / "page.html").write_text('<h1 id="here">x</h1>')
    (folder / "index.html").write_text(f'<a href="{link}">x</a>')
    (folder.parent / "outside.html").write_text("x")
    return folder


@pytest.mark.parametrize(
    ("link", "works"),
    [
        ("a/page.html", True),
        ("a/page.html#here", True),
        ("https://example.com/", True),
        ("a/page.html#there", False),
        ("a/other.html", False),
        ("#there", False),
        ("a", False),
        ("/a/page.html", False),
        ("../outside.html", False),
        ("file:///etc/hosts", False),
        ("javascript:alert(1)", False),
    ],
)
def test_the_link_check_finds_what_leads_nowhere(tmp_path: Path, link: str, works: bool) -> None:
    site = small_site(tmp_path / "site", link)
    assert list(broken_links(site)) == ([] if works else [f"index.html -> {link}"])


def test_the_front_page_takes_a_sentence_and_no_badge() -> None:
    text = "# Name\n\n[![CI](https://example.com/a.svg)](https://example.com) ![b](b.png)\n\n"
    assert first_paragraph(f"{text}What *it* is.\n\nMore.") == "What *it* is."
    assert first_paragraph(text) == ""


def checkout(folder: Path, readme: str) -> Path:
    (folder / ".github").mkdir(parents=True)
    (folder / ".github" / "NOTES.md").write_text("# Notes\n[home](../README.md#top)\n")
    (folder / "program.py").write_text("x = 1\n")
    (folder / "README.md").write_text(readme)
    return folder


def test_documents_link_to_each_other_and_to_files(tmp_path: Path) -> None:
    text = "# Top\n[n](.github/NOTES.md) [p](program.py#L1) [g](.github) [w](https://example.com)\n"
    text += "![badge](https://example.com/badge.svg)\n"
    root = checkout(tmp_path / "checkout", text)
    pages, sources = Pages(tmp_path / "site", menu(root)), SourcePages(root)
    documents = Documents(pages, sources, root)
    assert document_files(root) == ["README.md", ".github/NOTES.md"]
    for entry in menu(root):
        documents.write(entry)
    assert sources.write(pages) == 1
    page = (tmp_path / "site" / "documents" / "readme.html").read_text()
    for target in ("../documents/notes.html", "../source/program.py.html#L1"):
        assert f'href="{target}"' in page
    assert "<a>g</a>" in page
    assert '<img alt="badge" />' in page
    notes = (tmp_path / "site" / "documents" / "notes.html").read_text()
    assert 'href="../documents/readme.html#top"' in notes


@pytest.mark.parametrize("target", ["missing.md", "../outside.md", "/etc/hosts", "images/x.png"])
def test_a_document_that_links_to_nothing_is_an_error(tmp_path: Path, target: str) -> None:
    (tmp_path / "outside.md").write_text("x")
    root = checkout(tmp_path / "checkout", f"# Top\n[x]({target})\n")
    documents = Documents(Pages(tmp_path / "site"), SourcePages(root), root)
    with pytest.raises(LinkError, match=rf"README.md links to {target}, which does not exist"):
        documents.render("README.md")


def test_a_folder_of_an_earlier_build_is_replaced_whole(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "site"
    with replaced(folder) as empty:
        (empty / "old.html").write_text("x")
    with replaced(folder) as empty:
        (empty / "index.html").write_text("y")
    assert sorted(path.name for path in folder.iterdir()) == [MARKER, "index.html"]
    assert list(folder.parent.iterdir()) == [folder]


def test_a_build_that_fails_leaves_the_folder_as_it_was(tmp_path: Path) -> None:
    folder = tmp_path / "site"
    with replaced(folder) as empty:
        (empty / "index.html").write_text("old")
    build = replaced(folder)
    (build.__enter__() / "index.html").write_text("half")
    failure = RuntimeError("no more space")
    assert not build.__exit__(RuntimeError, failure, None)
    assert (folder / "index.html").read_text() == "old"
    assert list(tmp_path.iterdir()) == [folder]


def test_a_folder_with_something_of_others_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "site"
    with replaced(folder) as empty:
        (empty / "index.html").write_text("x")
    (folder / "CNAME").write_text("example.com")
    with pytest.raises(FolderError, match="CNAME, which `polygon site` has not written"):
        replaced(folder).__enter__()
    file = tmp_path / "file"
    file.write_text("x")
    with pytest.raises(FolderError, match="is no folder"):
        replaced(file).__enter__()


def test_the_command_refuses_a_folder_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    polygon = str(Path(sys.executable).with_name("polygon"))
    done = subprocess.run(
        [polygon, "site", "--output", str(tmp_path)], capture_output=True, text=True, env=os.environ
    )
    assert done.returncode == 1
    assert done.stderr.startswith(f"✗ {tmp_path} holds thesis.tex")
    assert done.stderr.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_it_says_what_to_install_without_pdoc(monkeypatch: pytest.MonkeyPatch) -> None:
    api.require_pdoc()
    monkeypatch.setitem(sys.modules, "pdoc", None)
    with pytest.raises(api.MissingError, match="run `uv sync --group dev`"):
        api.require_pdoc()
