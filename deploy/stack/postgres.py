"""PostgreSQL, run from the system's own programs."""

import os
import pwd
import shutil
import signal
import subprocess
from pathlib import Path

from deploy.stack.daemon import Daemon, StackError, as_user

DATABASES = Path(__file__).with_name("databases.sql")


class Postgres(Daemon):
    name = "postgres"
    ready_line = "database system is ready to accept connections"
    # PostgreSQL's fast shutdown: SIGTERM would wait for every client to leave.
    stop_signal = signal.SIGINT

    def __init__(self, directory: Path, port: int, *, fsync: bool = True) -> None:
        super().__init__(directory, port)
        self.user = unprivileged_user() if os.geteuid() == 0 else None
        self._fsync = fsync
        self._data = directory.resolve() / "postgres"

    def start(self) -> None:
        super().start()
        run("psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", *self._address(), f"--file={DATABASES}")

    def prepare(self) -> None:
        self._refuse_closed_directory()
        if not self._data.exists():
            self._create()

    def command(self) -> list[str]:
        settings = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "max_connections": 200,
            "timezone": "UTC",
        }
        if not self._fsync:
            # A killed process still loses nothing, only a power cut could.
            settings |= {"fsync": "off", "full_page_writes": "off"}
        return [program("postgres"), "-D", str(self._data), *(f"--{name}={value}" for name, value in settings.items())]

    def _create(self) -> None:
        unfinished = self._data.with_suffix(".new")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        if self.user:
            shutil.chown(unfinished, self.user)
        durability = [] if self._fsync else ["--no-sync"]
        account = ["--username=postgres", "--auth=trust"]
        run("initdb", "-D", str(unfinished), *account, "--encoding=UTF8", "--locale=C", *durability, user=self.user)
        unfinished.rename(self._data)

    def _refuse_closed_directory(self) -> None:
        directory = self._data.parent
        if self.user and subprocess.run(["test", "-x", directory], check=False, **as_user(self.user)).returncode != 0:
            raise StackError(
                f"PostgreSQL refuses to run as root and the user {self.user} cannot enter {directory}: choose another directory, or run as an ordinary user"
            )

    def _address(self) -> list[str]:
        return ["--host=127.0.0.1", f"--port={self.port}", "--username=postgres", "--dbname=postgres"]


def run(name: str, *arguments: str, user: str | None = None) -> None:
    done = subprocess.run([program(name), *arguments], capture_output=True, text=True, check=False, **as_user(user))
    if done.returncode != 0:
        raise StackError(f"{name} failed:\n{done.stdout}{done.stderr}")


def programs() -> Path | None:
    """The newest PostgreSQL; Debian keeps the servers out of the PATH."""
    packaged = Path("/usr/lib/postgresql").glob("*/bin/postgres")
    newest = max(packaged, key=lambda path: int(path.parts[-3]), default=None)
    found = newest or shutil.which("postgres")
    return Path(found).parent if found else None


def program(name: str) -> str:
    folder = programs()
    if folder is None:
        raise StackError("the PostgreSQL server programs are not installed")
    return str(folder / name)


def unprivileged_user() -> str | None:
    accounts = {account.pw_name for account in pwd.getpwall()}
    return next((name for name in ("postgres", "nobody") if name in accounts), None)
