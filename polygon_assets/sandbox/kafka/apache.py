"""Apache Kafka itself in the place of the embedded broker.

``python -m polygon_assets.sandbox.kafka.apache --port N --data DIR``: one node, KRaft, on 127.0.0.1
only. Needs Java 17 or later and Maven, which fetches Kafka's jars before the first start.
"""

import argparse
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

from polygon_assets.sandbox import run
from polygon_assets.sandbox.server_start import HOST, StartError, take_port

POM = Path(__file__).with_name("apache_pom.xml")
OLDEST_JAVA = 17

PROPERTIES = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller_port}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}
advertised.listeners=PLAINTEXT://{host}:{port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs={logs}
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
broker.heartbeat.interval.ms=200
broker.session.timeout.ms=1000
"""


@cache
def version() -> str:
    """Kafka's version, as the POM has it."""
    found = ElementTree.parse(POM).findtext(".//{*}dependency/{*}version")  # noqa: S314 - ours
    if found is None:
        raise StartError(f"{POM} names no version of Kafka.")
    return found


def main(arguments: list[str] | None = None) -> int:
    """Start Kafka and stay with it.

    Returns:
        Kafka's exit code; 1 where it cannot be started.
    """
    parser = argparse.ArgumentParser(
        prog="python -m polygon_assets.sandbox.kafka.apache",
        description=f"Apache Kafka {version()} as a single node on 127.0.0.1.",
    )
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--data", type=Path, required=True)
    options = parser.parse_args(arguments)
    try:
        java = [*_java(), "-cp", classpath()]
        properties = write_properties(options.data, options.port)
        _format(java, properties)
    except StartError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return run.main([*java, "kafka.Kafka", str(properties)])


def classpath() -> str:
    """Kafka's jars, which Maven fetches where they are missing.

    Raises:
        StartError: There is no Maven, or it cannot fetch them.
    """
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    known = folder / "polygon-assets" / f"apache-kafka-{version()}.classpath"
    if known.exists():
        paths = known.read_text()
        if all(Path(path).exists() for path in paths.split(os.pathsep)):
            return paths
    maven = _program("mvn", "Maven")
    known.parent.mkdir(parents=True, exist_ok=True)
    fresh = known.with_name(f"{known.name}.{os.getpid()}")
    goal = ["dependency:build-classpath", f"-Dmdep.outputFile={fresh}", "-DincludeScope=runtime"]
    found = subprocess.run(
        [maven, "-q", "-B", "-f", str(POM), *goal], capture_output=True, text=True, check=False
    )
    if found.returncode != 0:
        last = (found.stdout + found.stderr).strip().splitlines() or ["no output"]
        raise StartError(f"Maven could not fetch Apache Kafka {version()}: {last[0]}")
    fresh.replace(known)
    return known.read_text()


def write_properties(data: Path, port: int) -> Path:
    """Kafka's settings, anew for each start: the controller's port is any free one."""
    data.mkdir(parents=True, exist_ok=True)
    path = data / "server.properties"
    with take_port(0) as free:
        controller_port = free.getsockname()[1]
    path.write_text(
        PROPERTIES.format(
            host=HOST, port=port, controller_port=controller_port, logs=data.resolve() / "logs"
        )
    )
    return path


def _format(java: list[str], properties: Path) -> None:
    """Prepare the data folder; one that is prepared stays as it is."""
    if (properties.parent / "logs" / "meta.properties").exists():
        return
    tool = [*java, "kafka.tools.StorageTool"]
    identifier = _output([*tool, "random-uuid"]).strip().splitlines()[-1]
    _output([*tool, "format", "-t", identifier, "-c", str(properties)])


def _java() -> list[str]:
    java = _program("java", f"Java {OLDEST_JAVA} or later")
    options = ["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dlog4j2.level=WARN"]
    described = _output([java, "-XshowSettings:properties", "-version"])
    specification = described.partition("java.specification.version = ")[2].split("\n")[0]
    if int(specification.rpartition(".")[2] or 0) < OLDEST_JAVA:
        raise StartError(
            f"Apache Kafka {version()} needs Java {OLDEST_JAVA} or later; {java} is Java "
            f"{specification or 'of an unknown version'}."
        )
    return [java, *options]


def _program(name: str, what: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise StartError(
            f"Apache Kafka needs {what}: install it so that `{name}` is on the PATH, or use the "
            "embedded broker."
        )
    return found


def _output(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    text = done.stdout + done.stderr
    if done.returncode != 0:
        raise StartError(f"{Path(command[0]).name} failed: {text.strip()[-500:]}")
    return text


if __name__ == "__main__":
    sys.exit(main())
