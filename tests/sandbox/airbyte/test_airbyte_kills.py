"""Kills in mid-sync: nothing is half-loaded, and a plain re-run gives exactly the rows."""

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from airbyte_messages import good, record, split, state, status
from airbyte_server import end

pytestmark = [pytest.mark.xdist_group("airbyte"), pytest.mark.slow]

DAYS, PER_DAY = 30, 10_000
ROWS = "select count(*), count(distinct TICKER, T), max(T) from {db}.RAW.BARS"


def write_bars(path: Path) -> None:
    with path.open("w") as file:
        for day in range(1, DAYS + 1):
            for number in range(PER_DAY):
                bar = {"ticker": f"ZZ{number}", "t": day, "c": number / 8, "v": 1}
                file.write(json.dumps(record("bars", bar)) + "\n")
            file.write(json.dumps(state("bars", day, PER_DAY)) + "\n")
        file.write(json.dumps(status("bars")) + "\n")


def wait_for(script: Path, what: str) -> Path:
    """Wait until the connector of a script has written one of its files."""
    path = script.with_name(f"{script.name}.{what}")
    deadline = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < deadline, f"the connector did not write {what}"
        time.sleep(0.02)
    return path


def wait_for_a_load(airbyte: Any) -> None:
    """Wait until the first slices are in the warehouse."""
    deadline = time.monotonic() + 120
    while not airbyte.query("select 1 from {db}.RAW.BARS limit 1"):
        assert time.monotonic() < deadline, "nothing was loaded"
        time.sleep(0.05)


def test_a_killed_connector_fails_the_job_and_a_re_run_completes_it(airbyte: Any) -> None:
    script = airbyte.script([split(1), state("splits", 1, 1), split(2)], tail='{"ty', seconds=60)
    job = airbyte.start_job()
    wait_for(script, "printed")
    os.kill(int(wait_for(script, "pid").read_text()), signal.SIGKILL)
    while airbyte.call("GET", f"/jobs/{job}")["status"] == "running":
        time.sleep(0.02)
    failure = airbyte.attempt(job)["attempt"]["failureSummary"]["failures"][0]
    assert "exit code 137 before these streams were complete" in failure["externalMessage"]
    assert airbyte.states() == {"splits": {"at": 1}}
    airbyte.sync(good([split(1), split(2), split(3)], value=3))
    assert airbyte.query("select count(*), count(distinct ID) from {db}.RAW.SPLITS") == [(3, 3)]
    assert airbyte.states()["splits"] == {"at": 3}


def test_a_server_killed_in_mid_load_leaves_whole_slices(make_airbyte: Any) -> None:
    airbyte = make_airbyte()
    airbyte.make_workspace()
    airbyte.choose("bars")
    file = airbyte.folder / "bars.ndjson"
    write_bars(file)
    for is_loaded, wait in ((False, 0.3), (True, 0.0), (True, 0.5)):
        airbyte.empty()
        script = airbyte.script([], file=str(file))
        airbyte.start_job()
        wait_for(script, "pid")
        if is_loaded:
            wait_for_a_load(airbyte)
        time.sleep(wait)
        airbyte.process.send_signal(signal.SIGKILL)
        end(airbyte.process)
        airbyte.start()
        assert check_slices(airbyte) > 0 or not is_loaded
    report = airbyte.sync([], file=str(file))
    assert report.rows == DAYS * PER_DAY
    assert airbyte.query(ROWS) == [(DAYS * PER_DAY, DAYS * PER_DAY, DAYS)]


def check_slices(airbyte: Any) -> int:
    """Every day that is there is whole, and the state is that of the last one; returns it."""
    [(rows, keys, last)] = airbyte.query(ROWS)
    assert rows == keys == (last or 0) * PER_DAY
    assert airbyte.states() == ({"bars": {"at": last}} if last else {})
    return last or 0


def test_a_full_batch_of_wrong_values_loses_no_record(airbyte: Any) -> None:
    rows = [split(number, split_to="many" if number % 7 == 0 else 2) for number in range(30_000)]
    airbyte.sync(good(rows))
    nulled = "select count(*), count_if(SPLIT_TO is null) from {db}.RAW.SPLITS"
    assert airbyte.query(nulled) == [(30_000, len(range(0, 30_000, 7)))]


def test_a_warehouse_that_is_away_fails_the_job_with_the_reason(airbyte: Any) -> None:
    path = f"/destinations/{airbyte.connection()['destinationId']}"
    airbyte.call("PATCH", path, {"configuration": {"credentials": {"password": "wrong"}}})
    try:
        with pytest.raises(dg.Failure, match=r"(?i)incorrect username or password"):
            airbyte.sync(good([]))
    finally:
        right = {"credentials": {"password": "sandbox"}}
        airbyte.call("PATCH", path, {"configuration": right})
