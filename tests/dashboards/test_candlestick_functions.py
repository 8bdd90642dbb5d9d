"""The candlestick chart's own functions, tested by Node's test runner."""

import shutil
import subprocess
from pathlib import Path

import pytest

NODE_TESTS = Path(__file__).parent / "plugin"


@pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not installed")
def test_node_tests_pass() -> None:
    files = sorted(map(str, NODE_TESTS.glob("*.test.js")))
    assert files
    run = subprocess.run(
        ["node", "--test", "--test-reporter=spec", *files], capture_output=True, text=True
    )
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not installed")
def test_a_node_test_can_fail(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.test.js"
    functions = NODE_TESTS.parents[2] / "polygon_assets/defs/dashboards/plugin/numbers.js"
    wrong.write_text(
        f"const {{ decimalsOf }} = await import('{functions.as_uri()}');"
        "if (decimalsOf(0.42) !== 2) throw new Error('four digits');"
    )
    run = subprocess.run(["node", "--test", str(wrong)], capture_output=True, text=True)
    assert run.returncode != 0
    assert "four digits" in run.stdout
