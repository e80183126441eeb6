"""python3 -m deploy.stack install|up|status|down: a real Kafka and a real PostgreSQL on this machine."""

import argparse
import sys
from pathlib import Path

from deploy.stack import Stack, StackError, install


def main() -> int:
    arguments = parser().parse_args()
    stack = Stack(arguments.dir, kafka_port=arguments.kafka_port, postgres_port=arguments.postgres_port)
    try:
        match arguments.command:
            case "install":
                install()
            case "up":
                up(stack)
            case "down":
                stack.stop()
        return 0 if arguments.command != "status" or status(stack) else 1
    except StackError as error:
        print(error, file=sys.stderr)
        return 1


def parser() -> argparse.ArgumentParser:
    arguments = argparse.ArgumentParser(prog="python3 -m deploy.stack", description=__doc__)
    arguments.add_argument("command", choices=["install", "up", "status", "down"])
    arguments.add_argument("--dir", type=Path, default=Path("data/stack"), help="data and logs (default: %(default)s)")
    arguments.add_argument("--kafka-port", type=int, default=9092, metavar="N", help="default: %(default)s")
    arguments.add_argument("--postgres-port", type=int, default=5433, metavar="N", help="default: %(default)s")
    return arguments


def up(stack: Stack) -> None:
    stack.start()
    settings = "".join(f"{name}={value}\n" for name, value in stack.environment.items())
    (stack.directory / "env").write_text(settings)
    print(settings, end="")


def status(stack: Stack) -> bool:
    for daemon in stack.daemons:
        state = f"127.0.0.1:{daemon.running_port}  pid {daemon.pid}" if daemon.pid else "stopped"
        print(f"{daemon.name:9} {state}")
    return all(daemon.pid for daemon in stack.daemons)


if __name__ == "__main__":
    sys.exit(main())
