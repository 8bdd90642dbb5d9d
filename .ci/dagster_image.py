"""Run the build stage of ``polygon_assets/Dockerfile`` in a plain folder, and what is in it.

Only the instructions that the file uses are known; any other fails. Packages come from uv's cache.
The result is loaded as production and as a branch deployment, without a network.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCKERFILE = ROOT / "polygon_assets" / "Dockerfile"

PROD = {"DAGSTER_CLOUD_DEPLOYMENT_NAME": "prod"}
BRANCH = {
    "DAGSTER_CLOUD_DEPLOYMENT_NAME": "0f3a5c",
    "DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT": "1",
    "DAGSTER_CLOUD_PULL_REQUEST_ID": "12",
}
SETTINGS = {"SNOWFLAKE_ACCOUNT": "myorg-myaccount", "SNOWFLAKE_PASSWORD": "not-used"}

LOAD = """
import json, socket, sys
def refuse(*_):
    raise SystemExit("loading the definitions opened a connection")
socket.socket.connect = socket.socket.connect_ex = refuse
import dagster as dg
from polygon_assets.definitions import defs
from polygon_assets.env import deployment_names
from polygon_assets.resources.ecs import TASK_DEFINITIONS
graph = defs.resolve_asset_graph()
mart = graph.get(dg.AssetKey(["marts", "market", "fct_daily_bars"]))
print(json.dumps({
    "database": deployment_names().snowflake_database,
    "assets": len(list(graph.get_all_asset_keys())),
    "jobs": sorted(job.name for job in defs.get_repository_def().get_all_jobs()),
    "table": mart.metadata["dagster/table_name"],
    "tasks": sorted(path.name for path in TASK_DEFINITIONS.glob("*.json")),
    "root": str(TASK_DEFINITIONS.parents[1]),
}))
"""


def instructions(dockerfile: str) -> Iterator[tuple[str, str]]:
    """The instructions of the first stage: word and rest, without comments."""
    lines = [line for line in dockerfile.splitlines() if not line.startswith("#")]
    stages = 0
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        word, _, rest = line.strip().partition(" ")
        stages += word == "FROM"
        if word and word != "FROM" and stages == 1:
            yield word, " ".join(rest.split())


def ignored(path: str, patterns: Sequence[str]) -> bool:
    """Whether a ``.dockerignore`` keeps a path out: the last pattern that matches decides."""
    parts = path.split("/")
    folders = ["/".join(parts[: count + 1]) for count in range(len(parts))]
    verdict = False
    for pattern in patterns:
        expression = re.escape(pattern.removeprefix("!"))
        expression = expression.replace(r"\*\*/", "(?:.*/)?").replace(r"\*", "[^/]*")
        if any(re.fullmatch(expression, one) for one in folders):
            verdict = not pattern.startswith("!")
    return verdict


def context() -> list[str]:
    """The files that Docker would get: those of the working copy that are not ignored."""
    told = DOCKERFILE.with_name(f"{DOCKERFILE.name}.dockerignore").read_text().splitlines()
    patterns = [line for line in told if line and not line.startswith("#")]
    done = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    files = [file for file in done.stdout.splitlines() if (ROOT / file).is_file()]
    return [file for file in files if not ignored(file, patterns)]


def copy(files: Sequence[str], rest: str, app: Path) -> None:
    """The instruction COPY."""
    *sources, target = shlex.split(rest)
    for source in sources:
        chosen = [file for file in files if source in (".", file) or file.startswith(f"{source}/")]
        if not chosen:
            raise SystemExit(f"COPY {rest}: the build's context has no {source}.")
        for file in chosen:
            alone = app / target / Path(file).name if target.endswith("/") else app / target
            to = app / file if target in (".", "./") or len(chosen) > 1 else alone
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / file, to)


def build(app: Path) -> None:
    """Run the build stage, with a folder in the place of the image's ``/app``."""
    files = context()
    app.mkdir(parents=True)
    environment = {
        name: value
        for name, value in os.environ.items()
        if name in ("PATH", "HOME", "LANG") or name.startswith(("UV_", "PIP_"))
    }
    environment["UV_OFFLINE"] = "1"
    # The image's own Python, into which pip installs.
    subprocess.run([sys.executable, "-m", "venv", str(app.parent / "python")], check=True)
    environment["PATH"] = f"{app.parent / 'python' / 'bin'}:{environment['PATH']}"
    # Hard links and compiled Python make no difference to what is proved, but take minutes.
    only_in_an_image = ("UV_LINK_MODE", "UV_COMPILE_BYTECODE")
    for word, rest in instructions(DOCKERFILE.read_text()):
        if word == "ENV":
            pairs = (one.split("=", 1) for one in shlex.split(rest))
            environment |= {name: value for name, value in pairs if name not in only_in_an_image}
        elif word == "COPY":
            copy(files, rest, app)
        elif word == "RUN":
            command = re.sub(r"--mount=\S+ ", "", rest)
            sys.stderr.write(f"RUN {command}\n")
            subprocess.run(["bash", "-ec", command], cwd=app, env=environment, check=True)
        elif (word, rest) != ("WORKDIR", "/app"):
            raise SystemExit(f"{word} {rest}: teach it to {Path(__file__).name} first.")


def python(app: Path, variables: dict[str, str], *arguments: str) -> str:
    """Run the folder's Python as Dagster+ would, in a folder of no importance."""
    home = app.parent / "home"
    home.mkdir(exist_ok=True)
    done = subprocess.run(
        [str(app / ".venv" / "bin" / arguments[0]), *arguments[1:]],
        cwd=home,
        env={"PATH": "/usr/bin:/bin", "HOME": str(home), **SETTINGS, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(arguments[:2])} failed: {done.stderr or done.stdout}")
    return done.stdout


def written(app: Path) -> dict[str, int]:
    """Every file but compiled Python, and when it was written."""
    return {
        str(path.relative_to(app)): path.stat().st_mtime_ns
        for path in app.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }


def prove(app: Path) -> None:
    """Load the definitions and let dbt read its project, in both deployments."""
    before = written(app)
    for variables, database in ((PROD, "POLYGON"), (BRANCH, "POLYGON_PR_12")):
        told = json.loads(
            python(app, variables, "python", "-W", "ignore", "-c", LOAD).splitlines()[-1]
        )
        expected = {
            "database": database,
            "table": "POLYGON.MARTS.fct_daily_bars",
            "tasks": ["producer.json", "sink.json"],
            "root": str(app),
        }
        wrong = {name: told[name] for name, value in expected.items() if told[name] != value}
        missing = {"clone_deployment", "drop_deployment"} - set(told["jobs"])
        if wrong or missing or told["assets"] < 50:
            raise SystemExit(f"In {database}: {wrong or missing or told['assets']}")
        target = "branch" if variables is BRANCH else "prod"
        project = str(app / "dbt_polygon")
        run = ["--target-path", f"{project}/target/run", "--log-path", f"{project}/target/run"]
        where = ["--project-dir", project, "--profiles-dir", project, "--target", target]
        python(app, variables, "dbt", "ls", "--quiet", "--select", "fct_daily_bars", *where, *run)
        sys.stdout.write(f"{database}: {told['assets']} assets, {len(told['jobs'])} jobs\n")
    after = written(app)
    touched = {name for name, at in after.items() if before.get(name) != at}
    outside = [name for name in touched if not name.startswith("dbt_polygon/target/")]
    if outside:
        raise SystemExit(f"Written outside of dbt's target, where no user may: {outside}")


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    build(folder)
    prove(folder)
