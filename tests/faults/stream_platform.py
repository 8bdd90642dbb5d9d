"""The chain under fire: programs that are ended, frozen and started again."""

import json
import random
import signal
import time
import urllib.request
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from faults.stream_market import Market
from support.program import Program, answers, free_port, wait_for
from support.stream_programs import Chain

from polygon_assets.sessions import current_or_previous_session

CRASHING_SINK = "tests/streaming/crashing_sink.py"
CRASH_EXIT = 9
STEPS = ("plan", "insert", "report", "settle")
SESSION_TIMEOUT_SECONDS = 6.0
SINKS = ("one", "two", "three")
IMPATIENT = {
    "POLYGON_STREAM_BACKOFF_INITIAL": "0.05",
    "POLYGON_STREAM_BACKOFF_MAXIMUM": "0.4",
    "POLYGON_STREAM_HEALTHY_SECONDS": "1",
    "POLYGON_STREAM_HANDSHAKE_TIMEOUT": "2",
    "POLYGON_STREAM_IDLE_SECONDS": "3",
    "POLYGON_STREAM_MAX_CONNECTIONS_WAIT": "0.3",
}
SMALL_BATCHES = {
    "SINK_FLUSH_MS": "100",
    "SINK_FLUSH_ROWS": "2000",
    "SINK_RETRY_MAXIMUM": "0.5",
    "SINK_SESSION_TIMEOUT_MS": str(int(SESSION_TIMEOUT_SECONDS * 1000)),
}


@dataclass
class Platform:
    """Programs, when each is due to be started again, and which of them are frozen.

    Attributes:
        chain: Broker and ClickHouse.
        market: What the vendor sends.
        chance: Seeded: the same faults in the same order, though not at the same instants.
        no_tokens: Sinks without insert tokens, as a negative control.
        happened: Faults by kind, those included that a program met by itself.
    """

    chain: Chain
    seed: int
    symbols: int
    no_tokens: bool = False
    happened: Counter[str] = field(default_factory=Counter[str])
    crashes: bool = True
    _due: dict[str, float] = field(default_factory=dict[str, float])
    _thaw: dict[str, float] = field(default_factory=dict[str, float])

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        played = current_or_previous_session(datetime.now(UTC) - timedelta(days=1))
        self.session = played.session_date
        opens = played.open_at + timedelta(minutes=30)
        self.market = Market(self.seed, self.symbols, int(opens.timestamp()) * 1000)
        chain, ws, http = self.chain, free_port(), free_port()
        self.url = f"http://127.0.0.1:{http}"
        arguments = ["tests/faults/stream_vendor.py", "--ws-port", str(ws), "--port", str(http)]
        arguments += ["--seed", str(self.seed), "--symbols", str(self.symbols)]
        arguments += ["--start-ms", str(self.market.start_ms)]
        self.vendor = chain.program("vendor", arguments)
        self.producer = chain.producer(f"ws://127.0.0.1:{ws}/stocks", self.url, **IMPATIENT)
        self.sinks = [self._sink(name, KAFKA_GROUP_INSTANCE_ID=name) for name in SINKS]
        self.fourth = self._sink("four")
        self.running = {chain.broker, chain.clickhouse, self.producer, *self.sinks}

    def _sink(self, name: str, **more: str) -> Program:
        return self.chain.sink(f"sink {name}", **SMALL_BATCHES, **more)

    def start(self) -> None:
        """Start vendor, producer and sinks, and open the market."""
        self.vendor.start()
        wait_for(lambda: answers(f"{self.url}/state"), "the vendor")
        self.producer.start()
        for sink in self.sinks:
            self.start_sink(sink)
        wait_for(lambda: self.state()["clients"], "a subscription of the producer")
        self.began_ms = int(self.post("go")["began"] * 1000)

    def start_sink(self, sink: Program) -> None:
        """Start a sink; most of them are going to crash after one of their steps."""
        variables: dict[str, str] = {}
        if self.no_tokens:
            variables["TEST_NO_TOKEN"] = "1"
        if self.crashes and self.chance.random() < 0.85:
            if self.no_tokens:  # the step after which a token is needed
                variables["TEST_CRASH_AT"] = "insert"
            elif self.chance.random() < 0.5:
                variables["TEST_CRASH_AT"] = self.chance.choice(STEPS)
            else:
                variables["TEST_CRASH_STEP"] = str(self.chance.randint(1, 60))
        if variables:
            sink.start(CRASHING_SINK, **variables)
        else:
            sink.start()

    def post(self, path: str) -> dict:
        """Tell the vendor."""
        request = urllib.request.Request(f"{self.url}/{path}", method="POST")
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read())

    def state(self) -> dict:
        """What the vendor sent so far."""
        return self.post("state")

    def keep(self) -> None:
        """Start again what has ended and is due, wake what has slept enough."""
        now = time.monotonic()
        for program in list(self.running):
            name = program.name
            if name in self._thaw and now >= self._thaw[name]:
                program.signal(signal.SIGCONT)
                del self._thaw[name]
            if program.running or program.process is None:
                continue
            if name not in self._due:
                self._note_end(program)
                self._due[name] = now + self.chance.uniform(0.0, 0.8)
            elif now >= self._due[name]:
                del self._due[name]
                self._thaw.pop(name, None)
                self.start_sink(program) if name.startswith("sink") else program.start()

    def _note_end(self, program: Program) -> None:
        code = program.exit_code
        if code == CRASH_EXIT:
            step = next(
                line.split()[1]
                for line in reversed(program.tail(40).splitlines())
                if line.startswith("CRASH ")
            )
            self.happened[f"sink killed after its step: {step}"] += 1
        elif code not in (-9, 0):
            self.happened[f"(gave up and was restarted: {program.name.split()[0]})"] += 1

    @property
    def faults(self) -> int:
        """How many faults there were; what followed from them is noted in brackets, and not one."""
        return sum(n for kind, n in self.happened.items() if not kind.startswith("("))

    def freeze(self, program: Program, seconds: float) -> None:
        """Stop a program from running for a while; it does not know."""
        program.signal(signal.SIGSTOP)
        self._thaw[program.name] = time.monotonic() + seconds

    def awake(self, program: Program) -> bool:
        """Whether it runs and is not frozen."""
        return program.running and program.name not in self._thaw

    def heal(self) -> None:
        """Let everything run, without further faults."""
        self.crashes = False
        self.post("rest?share=0")
        for program in self.running:
            if program.name in self._thaw:
                program.signal(signal.SIGCONT)
        self._thaw.clear()
        for sink in [*self.sinks, self.fourth]:
            if sink.running:
                sink.kill()
        self.running.discard(self.fourth)
        for program in self.running:
            if not program.running:
                self._due.pop(program.name, None)
                self.start_sink(program) if program in self.sinks else program.start()

    def close_market(self) -> int:
        """Wait until the stream is whole again, let the market trade on for a moment, and end it.

        A gap is told with the first event after it, so there must be one.

        Returns:
            How many seconds were traded.
        """
        wait_for(self.chain.kafka_answers, "Kafka")
        wait_for(self.chain.clickhouse_answers, "ClickHouse")
        for _ in range(2):
            wait_for(lambda: self.state()["clients"], "the producer to be back")
            time.sleep(5)
        seconds = self.post("end")["seconds"]
        self.market.last = seconds - 1
        return seconds

    def drain(self) -> None:
        """Wait until the sinks have settled every message of the topic.

        Raises:
            TimeoutError: They do not; the text has the end of their logs.
        """

        def settled() -> bool:
            self.keep()
            return self.chain.lag(self.chain.topics.agg_1s) == 0

        try:
            wait_for(settled, "the sinks to settle everything", 180)
        except TimeoutError as error:
            logs = "\n".join(f"{sink.name}:\n{sink.tail()}" for sink in self.sinks)
            raise TimeoutError(f"{error}\n{logs}") from None
