"""A short version of the fault program, and the proof that it is able to fail.

The long one: ``uv run python tests/faults/stream_faults.py --faults 1000``.
"""

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("stream_faults.py")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200), pytest.mark.xdist_group("stream_faults")]


def run(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(PROGRAM), *options], capture_output=True, text=True, check=False
    )


def test_faults_lose_and_double_nothing() -> None:
    done = run("--faults", "25", "--seed", "7", "--symbols", "40")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "exact: " in done.stdout
    assert "0 contradictions" in done.stdout


def test_without_tokens_and_backfill_the_same_faults_are_seen_to_double_and_lose() -> None:
    """The negative control."""
    options = ("--no-tokens", "--no-backfill")
    done = run("--faults", "20", "--seed", "7", "--symbols", "40", *options)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "rows stored twice" in done.stdout
    assert "final bars lost" in done.stdout
