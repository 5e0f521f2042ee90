"""Start a real Neo4j 5.26 with the Graph Data Science library on 127.0.0.1, from their jars.

It is empty, and has a fresh password.

    python .ci/neo4j/start.py                  serve until Ctrl-C, printing how to connect
    python .ci/neo4j/start.py -- pytest -m neo4j    run a command with NEO4J_URI and the rest set

Needs Java 17 or later, and Maven the first time: the jars (180 MB, from Maven Central) are kept in
.cache/neo4j, which git ignores.
"""

from __future__ import annotations

import os
import secrets
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
CACHE = HERE.parents[1] / ".cache" / "neo4j"
USER = "neo4j"
HEAP = "1g"


def jars() -> Path:
    """The folder of Neo4j's jars, fetched when it is not there."""
    return _fetched("lib", "pom.xml")


def _fetched(name: str, pom: str) -> Path:
    """A folder of the cache with the jars that a file for Maven names."""
    lib = CACHE / name
    if lib.is_dir():
        return lib
    if shutil.which("mvn") is None:
        sys.exit("fetching Neo4j needs Maven (mvn); install it, or set NEO4J_URI to a server")
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as draft:
        fetched = Path(draft) / name
        subprocess.run(
            [
                "mvn",
                "--quiet",
                "--batch-mode",
                f"--file={HERE / pom}",
                "dependency:copy-dependencies",
                "-DincludeScope=runtime",
                f"-DoutputDirectory={fetched}",
            ],
            check=True,
            stdout=sys.stderr,
        )
        fetched.rename(lib)
    return lib


@contextmanager
def served(home: Path | None = None) -> Iterator[dict[str, str]]:
    """Serve a Neo4j while the block runs; yields the environment by which clients find it.

    It is empty, or has a copy of the databases of another Neo4j's home folder.
    """
    if shutil.which("java") is None:
        sys.exit("Neo4j needs Java 17 or later; install it, or set NEO4J_URI to a server")
    lib, plugins = jars(), _fetched("plugins", "gds.xml")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="medkg-neo4j-") as folder:
        log = CACHE / "server.log"
        classes = f"{lib}/*{os.pathsep}{plugins}/*"
        command = ["java", f"-Xmx{HEAP}", "-cp", classes, str(HERE / "Main.java")]
        with log.open("wb") as output:
            # It ends when its standard input does, so even a killed starter leaves nothing behind.
            process = subprocess.Popen(
                [*command, folder, str(port), str(plugins), *([] if home is None else [str(home)])],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            password = secrets.token_urlsafe(16)
            _set_password(f"bolt://127.0.0.1:{port}", password, process, log)
            yield {
                "NEO4J_URI": f"bolt://127.0.0.1:{port}",
                "NEO4J_USERNAME": USER,
                "NEO4J_PASSWORD": password,
            }
        finally:
            assert process.stdin is not None
            process.stdin.close()
            try:
                process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def imported(files: Path, home: Path) -> str:
    """Import what `medkg export --format neo4j-import` wrote into a new home folder.

    Runs its `import.sh` with the importer of Neo4j's own jars; returns what the importer says.
    """
    with tempfile.TemporaryDirectory(prefix="medkg-neo4j-") as tools:
        tool = Path(tools) / "neo4j-admin"
        every = shlex.quote(f"{jars()}/*")
        tool.write_text(
            f'#!/bin/sh\nexec java -Xmx{HEAP} -cp {every} org.neo4j.cli.AdminTool "$@"\n'
        )
        tool.chmod(0o755)
        (home / "conf").mkdir(parents=True)
        done = subprocess.run(
            [files / "import.sh"],
            env={
                **os.environ,
                "PATH": f"{tools}:{os.environ['PATH']}",
                "NEO4J_HOME": str(home),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    if done.returncode:
        raise RuntimeError(f"neo4j-admin failed with {done.returncode}: {done.stdout}")
    return done.stdout


def _set_password(uri: str, password: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait for the server, and change the first password, which it demands."""
    import neo4j
    from neo4j.exceptions import DriverError

    deadline = time.monotonic() + 120
    while True:
        try:
            with (
                neo4j.GraphDatabase.driver(uri, auth=(USER, "neo4j")) as driver,
                driver.session(database="system") as session,
            ):
                statement = "ALTER CURRENT USER SET PASSWORD FROM 'neo4j' TO $password"
                session.run(statement, password=password).consume()
            return
        except DriverError as error:
            if process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"Neo4j didn't start ({error}); see {log}")
            time.sleep(0.5)


def main() -> int:
    """Serve; run the command after `--` beside it, if there is one."""
    command = sys.argv[2:] if sys.argv[1:2] == ["--"] else []
    if sys.argv[1:] and not command:
        sys.exit(__doc__)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the folder goes too
    if command:  # tests end before code of Java's second, slower compiler pays off
        os.environ.setdefault("JDK_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1")
    with served() as environment:
        if command:
            environment = {**os.environ, **environment}
            return subprocess.run(command, env=environment, check=False).returncode
        for name, value in environment.items():
            print(f"export {name}={value}", flush=True)
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            return 0


if __name__ == "__main__":
    sys.exit(main())
