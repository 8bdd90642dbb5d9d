"""What users get with the package has licences that let them use it as they like."""

import re
import subprocess
from importlib.metadata import PackageNotFoundError, distribution

import pytest

from polygon_assets.env import PROJECT_ROOT

FREE = re.compile(
    "MIT|BSD|Apache|ISC|PSF|Python Software Foundation|MPL|Mozilla|Zlib|CC0|Unlicense"
)
"""Licences without conditions on the code that uses a package."""

BINDING = re.compile(
    r"\b(A?GPL|General Public|SSPL|BUSL|Commons Clause|Proprietary)", re.IGNORECASE
)

LOOKED_AT = {
    "text-unidecode": "Artistic License or GPL, as its user likes; dbt-core's",
    "picows": "MIT by its LICENSE file; its metadata name none",
    "aiofastnet": "MIT by its LICENSE file; its metadata name none",
}
"""Package -> what a person found where the metadata do not say it."""


def packages() -> list[str]:
    """Everything that the lock installs without the development group."""
    command = ["uv", "export", "--frozen", "--quiet", "--no-dev", "--no-hashes"]
    command += ["--no-emit-workspace", "--no-header", "--no-annotate"]
    done = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=True)
    return [re.split(r"[=;\s\[]", line)[0] for line in done.stdout.splitlines() if line]


def licence(package: str) -> str | None:
    """What a package's metadata say; None where it is for another system and not installed."""
    try:
        told = distribution(package).metadata
    except PackageNotFoundError:
        return None
    classifiers = [one for one in told.get_all("Classifier", []) if one.startswith("License")]
    first_line = (told.get("License") or "").strip().partition("\n")[0]
    return told.get("License-Expression") or " | ".join(classifiers) or first_line


def problem(package: str, found: str | None) -> str:
    """What is wrong with a licence; empty where nothing is."""
    if found is None or package in LOOKED_AT:
        return ""
    if BINDING.search(found):
        return f"{package} binds its users: {found}"
    return "" if FREE.search(found) else f"{package}: look at its licence {found!r}"


def test_no_dependency_binds_its_users() -> None:
    found = {name: licence(name) for name in packages()}
    assert len([one for one in found.values() if one is not None]) > 150
    assert [text for name, one in found.items() if (text := problem(name, one))] == []
    assert {name for name in LOOKED_AT if name not in found} == set()


@pytest.mark.parametrize("one", ["AGPL-3.0-only", "GNU General Public License v3", "", "SSPL-1.0"])
def test_a_licence_that_binds_or_is_unknown_is_a_problem(one: str) -> None:
    assert problem("some-package", one)
