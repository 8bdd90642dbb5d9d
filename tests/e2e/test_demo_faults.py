"""A demo that is killed leaves no process and no broken state."""

import signal
import time

import pytest
from support.demo import SMALL, DemoFolder, end, read_until, tables

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.xdist_group("faults"),
    pytest.mark.usefixtures("builds"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> DemoFolder:
    return DemoFolder(tmp_path_factory.mktemp("faults") / "sandbox")


@pytest.mark.parametrize(
    ("after", "seconds", "number"),
    [
        ("", 0.7, signal.SIGKILL),
        ("✓ sandbox", 0.5, signal.SIGINT),
        ("✓ bootstrap", 6.0, signal.SIGKILL),
        ("✓ bootstrap", 14.0, signal.SIGINT),
        ("✓ batch", 5.0, signal.SIGKILL),
    ],
    ids=["start-kill", "import-interrupt", "sync-kill", "dbt-interrupt", "stream-kill"],
)
def test_killed_demo_leaves_no_process(
    folder: DemoFolder, after: str, seconds: float, number: signal.Signals
) -> None:
    demo = folder.start("demo", *SMALL)
    if after:
        read_until(demo, after)
    time.sleep(seconds)
    assert demo.poll() is None, "the demo was over before it was killed"
    rest = end(demo, number)
    assert folder.wait_until_clean() == []
    if number is signal.SIGINT:
        assert demo.returncode == 130
        assert "Interrupted" in rest
        assert "Traceback" not in rest


def test_next_demo_succeeds_and_repeats_itself(folder: DemoFolder) -> None:
    first = folder.run("demo", *SMALL)
    assert first.returncode == 0, first.stdout
    assert folder.wait_until_clean() == []
    shown = folder.run("status", "--tables")
    assert tables(shown.stdout) == tables(first.stdout)
    assert len(tables(first.stdout)) == 21
    assert folder.wait_until_clean() == []


def test_killed_supervisor_takes_everything_with_it(folder: DemoFolder) -> None:
    up = folder.start("demo", *SMALL)
    read_until(up, "✓ bootstrap")
    supervisor = next(
        process
        for process in folder.processes()
        if process.cmdline()[-1:] != [] and "supervisor" in " ".join(process.cmdline())
    )
    supervisor.kill()
    rest = end(up, signal.SIGTERM)
    assert folder.wait_until_clean() == []
    assert "Traceback" not in rest
