"""Builds the site in this process, whose environment is the builder's and nobody else's."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from polygon_assets.cli.board import Board
from polygon_assets.manifest import DBT_PROJECT, MANIFEST
from polygon_assets.site import documents as texts
from polygon_assets.site.api import LEFT_OUT, Module, write_modules
from polygon_assets.site.catalogue import Catalogue
from polygon_assets.site.catalogue_pages import write_assets, write_tables
from polygon_assets.site.dbt_docs import docs_page
from polygon_assets.site.front import Parts, write_front
from polygon_assets.site.markdown import code_style, description
from polygon_assets.site.pages import API, DBT, STATIC, Pages
from polygon_assets.site.search import write_search
from polygon_assets.site.source_pages import SourcePages

TARGET_NAME = "prod"
"""dbt's target: the site tells production's names."""


class BuildError(RuntimeError):
    """Something that the site is made from cannot be made."""


def build_site(folder: Path, board: Board) -> None:
    """Build every part.

    Args:
        folder: An empty one.
        board: Where the progress is shown.

    Raises:
        BuildError: dbt cannot read its project.
        LinkError: A document links to something that is not there.
    """
    entries = texts.menu()
    pages, sources = Pages(folder, entries), SourcePages()
    documents = texts.Documents(pages, sources)
    models = build_dbt(board, pages)
    catalogue = build_catalogue(board, pages, sources)
    modules = build_api(board, pages)
    with board.stage("documents", len(entries)) as stage:
        for number, entry in enumerate(entries, start=1):
            documents.write(entry)
            stage.update(number, note=entry.title)
        files = sources.write(pages)
        stage.finish(f"{len(entries)} documents, {files} files that are linked to")
    with board.stage("front", 1) as stage:
        write_front(pages, documents, Parts(catalogue, models, modules))
        names = write_search(pages, entries, catalogue, modules)
        pages.text("style.css", (STATIC / "style.css").read_text() + code_style())
        stage.finish(f"front page, {names} names to search for")


def build_dbt(board: Board, pages: Pages) -> int:
    """Read dbt's project and write its documentation; returns the number of models."""
    with board.stage("dbt", 2) as stage:
        stage.update(0, note="reading the project")
        parse()
        manifest = read_manifest()
        stage.update(1, note="writing its documentation")
        pages.text(DBT, docs_page(manifest))
        nodes = [node["resource_type"] for node in manifest["nodes"].values()]
        stage.finish(f"{nodes.count('model')} models, {nodes.count('test')} tests")
    return nodes.count("model")


def parse() -> None:
    """Let dbt write its manifest, without a connection.

    Raises:
        BuildError: It fails; has its last line.
    """
    dbt = Path(sys.executable).with_name("dbt")
    command = [str(dbt), "parse", "--quiet", "--no-partial-parse", "--target", TARGET_NAME]
    command += ["--project-dir", str(DBT_PROJECT), "--profiles-dir", str(DBT_PROJECT)]
    command += ["--target-path", str(MANIFEST.parent), "--log-path", str(MANIFEST.parent)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        lines = (done.stdout + done.stderr).strip().splitlines()
        raise BuildError(f"dbt cannot read its project: {lines[-1] if lines else 'no output'}")


def read_manifest() -> dict[str, Any]:
    """dbt's manifest, which :func:`parse` has made."""
    return json.loads(MANIFEST.read_text())


def build_catalogue(board: Board, pages: Pages, sources: SourcePages) -> Catalogue:
    """Write the asset catalogue."""
    with board.stage("assets", 1) as stage:
        stage.update(0, note="loading the definitions")
        from polygon_assets.definitions import defs
        from polygon_assets.site.definitions_read import read_catalogue

        catalogue = read_catalogue(defs, read_manifest())
        total = len(catalogue.assets)
        for number, asset in enumerate(write_assets(pages, sources, catalogue), start=1):
            stage.update(number, total, asset.key)
        write_tables(pages, catalogue)
        stage.finish(
            f"{total} assets, {len(catalogue.checks)} checks, {len(catalogue.jobs)} jobs, "
            f"{len(catalogue.triggers)} schedules and sensors"
        )
    return catalogue


def build_api(board: Board, pages: Pages) -> list[Module]:
    """Write the API reference."""
    modules: list[Module] = []
    with board.stage("api", 1) as stage:
        stage.update(0, note="loading the modules")
        for module, total in write_modules(pages):
            modules.append(module)
            stage.update(len(modules), total, module.name)
        summaries = {module.name: description(module.summary) for module in modules}
        pages.write(
            API, "api", "API reference", modules=modules, texts=summaries, left_out=LEFT_OUT
        )
        stage.finish(f"{len(modules)} modules")
    return modules
