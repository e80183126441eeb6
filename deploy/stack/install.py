"""What this machine lacks for the stack, and how to get it."""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from deploy.stack import kafka, postgres
from deploy.stack.daemon import StackError

OLDEST_JAVA = 17


def missing() -> list[str]:
    lacks = [f"{what} (Debian: {package})" for package, what in _missing_packages().items() if package != "maven"]
    if not kafka.jars().is_dir():
        lacks.append(f"the jars of Kafka {kafka.VERSION} in {kafka.jars()} (python3 -m deploy.stack install)")
    return lacks


def install() -> None:
    packages = _missing_packages()
    if packages:
        install_packages(list(packages))
    if not kafka.jars().is_dir():
        _fetch_jars()


def _missing_packages() -> dict[str, str]:
    wanted = {
        "default-jre-headless": (f"Java {OLDEST_JAVA} or newer", _java_version() >= OLDEST_JAVA),
        "postgresql": ("the PostgreSQL server", postgres.programs() is not None),
        "maven": ("Maven", kafka.jars().is_dir() or shutil.which("mvn") is not None),
    }
    return {package: what for package, (what, present) in wanted.items() if not present}


def _java_version() -> int:
    if not shutil.which("java"):
        return 0
    banner = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False).stderr
    version = re.search(r'version "(\d+)', banner)
    return int(version[1]) if version else 0


def install_packages(packages: list[str]) -> None:
    names = " ".join(packages)
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise StackError(f"This needs the packages {names}: install them as root (Debian: apt-get install {names})")
    print(f"Installing {names}", flush=True)
    for arguments in (["update"], ["install", "--yes", "--no-install-recommends", *packages]):
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        if subprocess.run(["apt-get", "--quiet", *arguments], env=environment, check=False).returncode != 0:
            raise StackError(f"apt-get {arguments[0]} failed: see its messages above")


def _fetch_jars() -> None:
    target = kafka.jars()
    print(f"Fetching Kafka {kafka.VERSION} (about 45 MB) into {target}", flush=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        unfinished = Path(folder) / "jars"
        copy = ["dependency:copy-dependencies", f"-DoutputDirectory={unfinished}"]
        if subprocess.run(["mvn", "--batch-mode", "--quiet", f"--file={kafka.POM}", *copy], check=False).returncode != 0:
            raise StackError("Maven could not fetch the jars: see its messages above")
        if not target.exists():
            unfinished.rename(target)
