"""A code version changes with the code that makes rows, and with nothing else."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from polygon_assets.code_versions import code_version, source_of

SOURCE = """'''Makes rows.'''

from made_up.domain.helper import half


def rows(n):
    return half(n)
"""
HELPER = "def half(n):\n    return n / 2\n"


@pytest.fixture
def domain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package `made_up.domain` with a module, what it imports, and one that it does not."""
    folder = tmp_path / "made_up" / "domain"
    folder.mkdir(parents=True)
    for name, text in {"assets": SOURCE, "helper": HELPER, "checks": "A = 1\n"}.items():
        (folder / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield folder
    for name in [name for name in sys.modules if name.startswith("made_up")]:
        del sys.modules[name]


def version(*parts: object) -> str:
    """As a new process would tell it."""
    source_of.cache_clear()
    importlib.invalidate_caches()
    importlib.import_module("made_up.domain.assets")
    return code_version("made_up.domain.assets", *parts)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("assets", SOURCE.replace("half(n)\n", "half(n + 1)\n")),
        ("helper", HELPER.replace("/ 2", "/ 3")),
    ],
    ids=["its own code", "what it imports from its folder"],
)
def test_other_code_is_another_version(domain: Path, file: str, text: str) -> None:
    before = version()
    (domain / f"{file}.py").write_text(text)
    assert version() != before


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("assets", SOURCE.replace("Makes rows.", "Makes very good rows.")),
        ("assets", SOURCE.replace("    return", "    # A comment.\n    return")),
        ("checks", "A = 2\n"),
    ],
    ids=["docstring", "comment", "a module that it does not import"],
)
def test_other_words_are_the_same_version(domain: Path, file: str, text: str) -> None:
    before = version()
    (domain / f"{file}.py").write_text(text)
    assert version() == before


@pytest.mark.usefixtures("domain")
def test_parts_count_in_their_order() -> None:
    assert version("SELECT 1") != version("SELECT 2")
    assert version("a", "b") != version("b", "a")
    assert version("a") == version("a")
    assert len(version()) == 12
