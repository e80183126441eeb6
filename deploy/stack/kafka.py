"""Apache Kafka in KRaft mode, one node, run from its published jars."""

import base64
import os
import socket
import subprocess
import uuid
from contextlib import ExitStack
from pathlib import Path
from xml.etree import ElementTree

from deploy.stack.daemon import Daemon, StackError

POM = Path(__file__).with_name("pom.xml")
VERSION = ElementTree.parse(POM).findtext("properties/kafka.version")

PROPERTIES = """\
process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
controller.quorum.voters=1@127.0.0.1:{controller_port}
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data}
# A killed broker may register again only when its old session is over (default 9000).
broker.session.timeout.ms=4000
broker.heartbeat.interval.ms=1000
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
"""


class Kafka(Daemon):
    name = "kafka"
    ready_line = "Kafka Server started"

    @property
    def _data(self) -> Path:
        return self.directory.resolve() / "kafka"

    @property
    def _properties(self) -> Path:
        return self.directory / "kafka.properties"

    def prepare(self) -> None:
        properties = PROPERTIES.format(port=self.port, controller_port=free_port(), data=self._data)
        self._properties.write_text(properties)
        if not (self._data / "meta.properties").exists():
            self._format()

    def command(self) -> list[str]:
        memory = ["-Xms256m", "-Xmx512m"]
        return [*java(), *memory, "-Dorg.apache.logging.log4j.level=INFO", "kafka.Kafka", str(self._properties)]

    def _format(self) -> None:
        cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        arguments = ["format", f"--cluster-id={cluster_id}", f"--config={self._properties}", "--ignore-formatted"]
        done = subprocess.run([*java(), "kafka.tools.StorageTool", *arguments], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise StackError(f"Kafka could not format {self._data}:\n{done.stdout}{done.stderr}")


def jars() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "holdfast" / f"kafka-{VERSION}"


def java() -> list[str]:
    return ["java", "-cp", f"{jars()}/*"]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def free_ports() -> int:
    """The first of four in a row: those that `python -m services` listens on."""
    for _ in range(100):
        with ExitStack() as held:
            first = held.enter_context(socket.create_server(("127.0.0.1", 0))).getsockname()[1]
            try:
                for port in range(first + 1, first + 4):
                    held.enter_context(socket.create_server(("127.0.0.1", port)))
            except OSError:
                continue
            return int(first)
    raise RuntimeError("no four free ports in a row")
