"""Superset through the command line: installed, started and ended with the sandbox."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.demo import DemoFolder, end, read_until
from support.superset import SupersetApi
from support.superset_alone import FirstStart

from polygon_assets.cli.prepare import missing_superset
from polygon_assets.sandbox.control import SandboxError
from polygon_assets.sandbox.superset import environment

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1200),
    pytest.mark.usefixtures("builds", "superset_environment"),
]


@pytest.fixture
def folder(tmp_path: Path, first_start: FirstStart) -> Iterator[DemoFolder]:
    one = DemoFolder(tmp_path / "sandbox")
    first_start.copy_to(one.layout)
    yield one
    one.run("down")
    assert one.wait_until_clean() == []


def test_up_restarts_a_sandbox_that_has_no_superset(folder: DemoFolder) -> None:
    """The first `up` ends by itself, and leaves the second's processes alone."""
    first = folder.start("up", "--symbols", "3")
    read_until(first, "Ctrl-C stops it")
    refused = folder.run("demo", "--bi", "--symbols", "3")
    assert refused.returncode == 1
    assert "polygon up --bi" in refused.stdout
    second = folder.run("up", "--symbols", "3", "--bi", "--detach")
    assert second.returncode == 0, second.stdout + second.stderr
    assert first.wait(30) == 0
    assert "Daily market (local), Live market (local)" in second.stdout
    assert f"Dashboards: {folder.layout.bi_url} (user admin, password sandbox)" in second.stdout
    shown = folder.run("status").stdout
    assert shown.count("healthy") == 8
    assert SupersetApi(folder.layout.bi_url).get("me/")["result"]["username"] == "admin"
    again = folder.run("up", "--bi")
    assert "Already running" in again.stdout
    assert folder.layout.bi_url in again.stdout


def test_interrupted_demo_ends_superset(folder: DemoFolder) -> None:
    demo = folder.start("demo", "--bi", "--sessions", "2", "--symbols", "3")
    assert "7 services" in read_until(demo, "✓ sandbox")
    assert SupersetApi(folder.layout.bi_url).get("me/")["result"]["username"] == "admin"
    end(demo, signal.SIGINT)
    assert demo.returncode == 130
    assert folder.wait_until_clean() == []


def test_half_an_installation_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "environment"
    monkeypatch.setattr(environment, "ENVIRONMENT", folder)
    monkeypatch.setattr(environment, "_STAMP", folder / "installed")
    (folder / "lib").mkdir(parents=True)
    (folder / "lib" / "half").touch()
    assert not environment.is_installed()
    assert environment.install() == 0
    assert environment.is_installed()
    assert not (folder / "lib" / "half").exists()
    assert 150 < environment.packages_installed() <= environment.packages_locked()
    assert environment.install() == 0


def test_failed_installation_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "is_installed", lambda: False)
    (build,) = missing_superset(tmp_path)
    failing = type(build)(build.name, ["sh", "-c", "echo no such package; exit 1"], build.log)
    process = failing.start()
    process.wait()
    with pytest.raises(SandboxError, match="Superset environment failed: no such package"):
        failing.require(process)
