"""What is in git holds no secret. (Dangerous calls are found by ruff's rules S.)"""

import json
import secrets
import subprocess
from pathlib import Path

import pytest
from detect_secrets import SecretsCollection
from detect_secrets.core import baseline
from detect_secrets.settings import transient_settings

from polygon_assets.env import PROJECT_ROOT

BASELINE = PROJECT_ROOT / ".secrets.baseline"


def tracked(*patterns: str) -> list[str]:
    """Files in git."""
    command = ["git", "-C", str(PROJECT_ROOT), "ls-files", *patterns]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\n")
    return [one for one in found if (PROJECT_ROOT / one).is_file()]


def secrets_in(root: Path, *files: str) -> set[tuple[str, str, str]]:
    """File, kind and hash of what looks like a secret, by the settings of the baseline."""
    told = json.loads(BASELINE.read_text())
    chosen = {name: told[name] for name in ("plugins_used", "filters_used")}
    with transient_settings(chosen):
        found = SecretsCollection(root=str(root))
        found.scan_files(*files)
        return {(file, one.type, one.secret_hash) for file, one in found}


@pytest.mark.slow
def test_git_holds_no_secret() -> None:
    told = json.loads(BASELINE.read_text())
    known = {
        (file, one["type"], one["hashed_secret"])
        for file, entries in told["results"].items()
        for one in entries
    }
    assert all(not one["is_secret"] for entries in told["results"].values() for one in entries)
    assert baseline.load(told)  # also for detect-secrets' own commands
    found = secrets_in(PROJECT_ROOT, *tracked())
    assert found - known == set(), "look at it; audit it with `detect-secrets audit` if it is none"
    assert known - found == set(), "no longer there: scan again with --baseline .secrets.baseline"


PLANTED = {
    "a cloud's secret": f'aws_secret_access_key = "{secrets.token_hex(20)}Az"',
    "a cloud's key": f'key = "AKIA{secrets.token_hex(8).upper()}"',
    "the vendor's key": f'POLYGON_API_KEY = "{secrets.token_hex(12)}Zz9"',
    "a private key": f"-----BEGIN {'RSA'} PRIVATE KEY-----",
    "a webhook": f'u = "https://hooks.slack.com/services/T0A1B2C/B0A1B2C/{secrets.token_hex(12)}"',
}
"""Made up anew each time: a constant here would be found, too."""


@pytest.mark.parametrize("what", PLANTED)
def test_a_planted_key_is_found(tmp_path: Path, what: str) -> None:
    (tmp_path / "planted.py").write_text(f"{PLANTED[what]}\n")
    assert secrets_in(tmp_path, "planted.py")


def test_no_file_in_git_may_be_written_by_everybody() -> None:
    assert [file for file in tracked() if (PROJECT_ROOT / file).stat().st_mode & 0o002] == []
