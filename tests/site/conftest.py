"""The site, built twice at once: by CI's script, and by the command on another kind of machine."""

import sys
from pathlib import Path

import pytest
from site_builds import OTHER_MACHINE, Build, Built

from polygon_assets.env import PROJECT_ROOT


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("site")
    site, again, temporary = folder / "site", folder / "again", folder / "temporary"
    temporary.mkdir()
    first = Build(["bash", str(PROJECT_ROOT / ".ci" / "site"), str(site)], {})
    polygon = str(Path(sys.executable).with_name("polygon"))
    other = Build(
        [polygon, "site", "--output", str(again)], {**OTHER_MACHINE, "TMPDIR": str(temporary)}
    )
    try:
        output = first.finish()
    finally:
        other.finish()
    return Built(site, again, output, temporary)
