"""The image of the stream: how it is written, and its steps taken in a plain folder."""

import json
import shutil
import subprocess
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from image_streaming import Streaming, ask, broken
from log_filters import matches
from stack import Stack
from support.dockerfile import Image, Instruction, build, read
from support.program import free_port, wait_for
from support.servers import server
from support.stream_programs import Chain

from polygon_assets.env import PROJECT_ROOT

DOCKERFILE = PROJECT_ROOT / "streaming" / "Dockerfile"
STAGES = read(DOCKERFILE.read_text())
FINAL = STAGES[-1]

taken = [pytest.mark.slow, pytest.mark.timeout(1200), pytest.mark.xdist_group("image")]


def dockerfiles() -> list[Path]:
    listed = subprocess.check_output(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*Dockerfile"],
        cwd=PROJECT_ROOT,
        text=True,
    )
    return [PROJECT_ROOT / name for name in listed.split()]


def lint(file: Path) -> str:
    done = subprocess.run(["hadolint", file], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


@pytest.mark.parametrize("file", dockerfiles(), ids=lambda file: file.parent.name)
def test_the_linter_has_nothing_to_say(file: Path) -> None:
    assert lint(file) == ""


def test_the_linter_would_say_something(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM python\nRUN pip install uv\nCMD python\n")
    found = lint(tmp_path / "Dockerfile")
    assert {"DL3006", "DL3013", "DL3025"} <= set(found.replace("\n", " ").split())


@pytest.mark.parametrize("file", dockerfiles(), ids=lambda file: file.parent.name)
def test_every_base_is_pinned_by_its_digest(file: Path) -> None:
    stages = read(file.read_text())
    outside = [one.base for one in stages if one.base not in {stage.name for stage in stages}]
    assert outside
    assert [base for base in outside if "@sha256:" not in base] == []
    assert len(set(outside)) == 1


def test_nothing_comes_from_an_image_that_is_not_pinned() -> None:
    stages = {stage.name for stage in STAGES}
    copied = [one for stage in STAGES for one in stage.all("COPY")]
    assert {one.flags["from"] for one in copied if "from" in one.flags} <= stages


def test_it_runs_as_nobody_in_particular() -> None:
    user, group = FINAL.last("USER").text.split(":")
    assert int(user) > 0
    assert int(group) > 0
    last_copy = max(i for i, one in enumerate(FINAL.instructions) if one.name == "COPY")
    assert last_copy < FINAL.instructions.index(FINAL.last("USER"))


def test_commands_are_in_exec_form() -> None:
    assert FINAL.last("CMD").command() == ["python", "-m", "polygon_stream.producer"]
    assert FINAL.last("HEALTHCHECK").command() == ["python", "-m", "polygon_stream.probe"]
    assert FINAL.all("ENTRYPOINT") == []
    with pytest.raises(ValueError, match="exec form"):
        Instruction("CMD", "python -m polygon_stream.producer", {}).command()


def test_no_secret_is_built_in() -> None:
    words = ("KEY", "SECRET", "PASSWORD", "TOKEN")
    given = [one for stage in STAGES for name in ("ENV", "ARG") for one in stage.all(name)]
    assert given
    assert [one.text for one in given if any(word in one.text.upper() for word in words)] == []


def test_labels_say_what_it_is() -> None:
    labels = FINAL.last("LABEL").pairs()
    wanted = ("title", "description", "licenses", "version", "revision", "source")
    assert [name for name in wanted if f"org.opencontainers.image.{name}" not in labels] == []
    arguments = dict(one.text.split("=") for one in FINAL.all("ARG"))
    project = tomllib.loads((PROJECT_ROOT / "streaming" / "pyproject.toml").read_text())["project"]
    assert arguments["VERSION"] == project["version"]
    assert labels["org.opencontainers.image.licenses"] == project["license"]


def test_the_context_is_what_is_copied_and_no_more() -> None:
    ignore = DOCKERFILE.with_name("Dockerfile.dockerignore").read_text().split()
    assert ignore[0] == "*"
    admitted = {line[1:] for line in ignore if line.startswith("!")}
    copied = [one for stage in STAGES for one in stage.all("COPY") if "from" not in one.flags]
    assert admitted == {name for one in copied for name in one.text.split()[:-1]}


def test_every_tool_of_the_build_is_pinned_by_its_hash() -> None:
    lines = DOCKERFILE.with_name("build-requirements.txt").read_text().splitlines()
    pins = [line for line in lines if line[:1].isalpha()]
    assert {"uv", "hatchling"} <= {line.partition("==")[0] for line in pins}
    assert all("==" in line for line in pins)
    for stage in STAGES:
        for step in stage.all("RUN"):
            if "pip install" in step.text and "--no-deps polygon-stream" not in step.text:
                assert "--require-hashes" in step.text


# ---- The steps, taken


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    """What the steps lead to."""
    folder = Path(tempfile.mkdtemp(prefix="image_"))
    yield build(DOCKERFILE, PROJECT_ROOT, folder)
    shutil.rmtree(folder)


class Taken:
    pytestmark = taken


class TestSteps(Taken):
    def test_the_wheels_are_those_of_the_lock_and_installed_offline(self, image: Image) -> None:
        asked = (image.folder / "wheels" / "requirements.txt").read_text().splitlines()
        here = [line for line in asked if "==" in line and "win32" not in line]
        wheels = list((image.folder / "wheels").glob("*.whl"))
        assert len(wheels) == len(here) + 1
        (offline,) = image.offline
        assert "uv pip install --offline --no-index" in offline
        lock = tomllib.loads((PROJECT_ROOT / "uv.lock").read_text())["package"]
        locked = {(one["name"], one["version"]) for one in lock}
        assert {tuple(line.split(" ")[0].split("==")) for line in here} <= locked

    def test_the_parts_list_names_every_wheel(self, image: Image) -> None:
        label = FINAL.last("LABEL").pairs()["polygon-stream.sbom"]
        parts = json.loads((image.folder / label[1:]).read_text())
        assert parts["bomFormat"] == "CycloneDX"
        names = {one["name"].replace("_", "-") for one in parts["components"]}
        wheels = {
            file.name.split("-")[0].replace("_", "-").lower()
            for file in (image.folder / "wheels").glob("*.whl")
        }
        assert wheels - {"polygon-stream"} <= names

    def test_every_module_is_compiled(self, image: Image) -> None:
        (package,) = (image.folder / "app").glob("lib/*/site-packages/polygon_stream")
        compiled = {file.name.split(".")[0] for file in package.glob("__pycache__/*.pyc")}
        assert {file.stem for file in package.glob("*.py")} == compiled

    def test_the_root_cannot_be_written_to(self, image: Image) -> None:
        """The negative control of what stands for a read-only root."""
        code, output = image.run(["python", "-c", "open('written', 'w')"])
        assert code == 1
        assert "Read-only file system" in output


class TestEntryPoints(Taken):
    @pytest.mark.parametrize("program", ["producer", "sink"])
    def test_a_wrong_setting_is_one_sentence(self, image: Image, program: str) -> None:
        wrong = {"POLYGON_STREAM_QUEUE_EVENTS": "0", "SINK_FLUSH_ROWS": "0"}
        code, output = image.run(["python", "-m", f"polygon_stream.{program}"], **wrong)
        assert code == 1
        assert "greater than 0" in json.loads(output)["message"]
        assert matches('{ $.level = "ERROR" || $.level = "CRITICAL" }', output)

    def test_the_backfill_tells_its_arguments(self, image: Image) -> None:
        code, output = image.run(["python", "-m", "polygon_stream.backfill", "--help"])
        assert code == 0
        assert "--session" in output

    def test_the_probe_of_a_port_where_nobody_answers(self, image: Image) -> None:
        code, output = image.run(image.probe, STREAM_HEALTH_PORT=str(free_port()))
        assert code == 1
        assert "refused" in output

    def test_the_probe_without_a_port(self, image: Image) -> None:
        code, output = image.run(image.probe, STREAM_HEALTH_PORT="0")
        assert code == 1
        assert "there is no /healthz" in output


class TestSmoke(Taken):
    def test_a_session_goes_through_and_the_alarms_see_what_is_wrong(
        self, image: Image, stack: Stack, tmp_path: Path
    ) -> None:
        """With the simulated vendor and the embedded Kafka; the probe says that both are well."""
        with server("polygon", tmp_path, "--symbols", "5") as port, Chain(tmp_path) as chain:
            streaming = Streaming(image, chain, f"http://127.0.0.1:{port}")
            order = {"session": "2005-02-28", "speed": 600}
            ask(f"{streaming.vendor}/sandbox/replay", order)
            try:
                streaming.start()
                count = "SELECT count() FROM {db}.bars_1s"
                wait_for(lambda: sum(chain.ends(chain.topics.agg_1s).values()) > 1000, "events")
                wait_for(lambda: chain.query(count)[0][0] > 1000, "rows")
                for port in streaming.ports.values():
                    assert image.run(image.probe, STREAM_HEALTH_PORT=port) == (0, "")
                broken(streaming)
            finally:
                ended = streaming.stop()
        assert [code for code, _ in ended.values()] == [0, 0], ended
        text = "".join(text for _, text in ended.values())
        assert "Read-only" not in text
        counted = {
            one["metricTransformations"][0]["metricName"]: [
                line for line in text.splitlines() if matches(one["filterPattern"], line)
            ]
            for one in stack.facts["filters"]
        }
        assert {name for name, found in counted.items() if found} == {
            "DeadLetters", "FailedWrites", "Silences",
        }  # fmt: skip

    def test_a_producer_without_a_stream_is_unhealthy(self, image: Image, tmp_path: Path) -> None:
        with server("kafka", tmp_path) as kafka:
            port = str(free_port())
            process = image.start(
                image.command,
                KAFKA_BOOTSTRAP_SERVERS=f"127.0.0.1:{kafka}",
                POLYGON_WS_URL="ws://127.0.0.1:1/stocks",
                POLYGON_STREAM_UNHEALTHY_SECONDS="1",
                STREAM_HEALTH_PORT=port,
            )
            try:
                probe = lambda: image.run(image.probe, STREAM_HEALTH_PORT=port)  # noqa: E731
                code, told = wait_for(
                    lambda: found if "503" in (found := probe())[1] else None, "an unhealthy one"
                )
            finally:
                process.terminate()
                process.communicate(timeout=60)
            assert code == 1
            assert "no stream for" in told
