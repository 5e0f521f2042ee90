"""What `medkg serve --ui` serves under load: the site's HTTP API, and Bolt.

    python benchmarks/serving.py FOLDER [--seconds 600] [--clients 1 8 32 128]

FOLDER is the embedded server's, with a graph that has drugs. It is served by the command itself;
this process asks as many clients at once, each its next request as soon as it has the last answer.
Drugs are drawn anew for each request, from a seed.

HTTP: two thirds of the requests ask for a drug's facts with their evidence, one third for its
targets by the query library. Search: a drug's name, which is looked for in all names and synonyms.
Bolt: four fifths ask for a drug's relationships, one fifth for the diseases that its targets are
associated with.

A row has the requests a second, the percentiles of their time in milliseconds, how many failed, the
memory of the serving processes (medkg's, and the embedded server's) before and after, and their
processor seconds and those of the clients, which run on the same cores.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any

import neo4j
import numpy as np

Ask = Callable[[random.Random], Awaitable[None]]
_DRUGS = "MATCH (d:Drug) RETURN d.id AS id, d.name AS name ORDER BY id LIMIT 1000"
_AROUND = "MATCH (d:Drug {id: $id})-[r]-(n) RETURN type(r) AS type, n.id AS id LIMIT 50"
_DISEASES = (
    "MATCH (:Drug {id: $id})-[:TARGETS]->(t:Target)<-[:ASSOCIATED_WITH]-(e:Disease)"
    " RETURN e.id AS id, count(t) AS shared ORDER BY shared DESC, id LIMIT 20"
)


class Served:
    """`medkg serve --ui` on a folder, within a `with` block."""

    def __init__(self, folder: Path):
        code = "from medkg.cli import main; main()"
        command = [sys.executable, "-c", code, "serve", str(folder), "--ui"]
        environment = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1"}
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env=environment, start_new_session=True
        )
        printed = ""
        assert self.process.stdout is not None
        while "Ctrl-C" not in printed:
            line = self.process.stdout.readline()
            if not line:
                sys.exit("medkg serve ended")
            printed += line
        self.site = re.findall(r"http://127\.0\.0\.1:(\d+)/", printed)[0]
        self.uri = re.findall(r"bolt://[\d.:]+", printed)[0]
        # The site's token, and then Bolt's password.
        self.token, self.password = re.findall(r"reader\W+([\w-]{20,})", printed)
        java = json.loads((folder / "server.json").read_text())["pid"]
        self.processes = {"medkg": self.process.pid, "server": java}

    def __enter__(self) -> Served:
        return self

    def __exit__(self, *exception: object) -> None:
        # A shell lets what it runs in the background ignore SIGINT, and so does what that starts.
        self.process.terminate()
        self.process.wait(60)

    def memory(self) -> str:
        """Resident megabytes of both processes."""
        pages = os.sysconf("SC_PAGE_SIZE")
        sizes = (
            int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * pages / 1e6
            for pid in self.processes.values()
        )
        return " + ".join(f"{size:,.0f}" for size in sizes)

    def cpu(self) -> list[float]:
        """Processor seconds of both processes until now."""
        fields = (
            Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            for pid in self.processes.values()
        )
        return [(int(f[11]) + int(f[12])) / os.sysconf("SC_CLK_TCK") for f in fields]


async def over_http(
    served: Served, drugs: list[dict[str, str]], stack: AsyncExitStack, *, searches: bool = False
) -> Ask:
    """A client with a connection of its own that it keeps."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(served.site))
    stack.callback(writer.close)

    async def ask(chance: random.Random) -> None:
        drug = chance.choice(drugs)
        address: str
        body: dict[str, Any]
        if searches:
            address, body = "search", {"text": drug["name"][:200]}
        elif chance.random() < 2 / 3:
            address, body = "entity", {"kind": "Drug", "id": drug["id"]}
        else:
            address = "query"
            body = {"name": "targets_of_drug", "parameters": {"drug": drug["id"]}}
        content = json.dumps(body).encode()
        head = (
            f"POST /api/{address} HTTP/1.1\r\nHost: 127.0.0.1:{served.site}\r\n"
            f"Authorization: Bearer {served.token}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(content)}\r\n\r\n"
        )
        writer.write(head.encode() + content)
        answer = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        await reader.readexactly(int(re.findall(r"content-length: (\d+)", answer)[0]))
        status = answer.split()[1]
        if status != "200":
            raise RuntimeError(f"HTTP {status}")

    return ask


async def over_bolt(served: Served, drugs: list[dict[str, str]], stack: AsyncExitStack) -> Ask:
    """A client with a connection of its own that it keeps."""
    driver = neo4j.AsyncGraphDatabase.driver(
        served.uri, auth=("reader", served.password), max_connection_pool_size=1
    )
    await stack.enter_async_context(driver)

    async def ask(chance: random.Random) -> None:
        drug = chance.choice(drugs)
        cypher = _AROUND if chance.random() < 0.8 else _DISEASES
        async with driver.session() as session:
            await (await session.run(cypher, id=drug["id"])).consume()

    return ask


_CONNECTED: dict[str, Callable[..., Awaitable[Ask]]] = {
    "HTTP": over_http,
    "search": partial(over_http, searches=True),
    "Bolt": over_bolt,
}


async def loaded(
    served: Served, protocol: str, drugs: list[dict[str, str]], clients: int, seconds: float
) -> tuple[list[float], list[str]]:
    """Milliseconds of each request that was answered, and what each other failed by."""
    taken: list[float] = []
    failed: list[str] = []
    connected = _CONNECTED[protocol]

    async def client(number: int, stack: AsyncExitStack) -> None:
        chance = random.Random(number)
        ask = None
        while time.monotonic() < end:
            began = time.perf_counter()
            try:
                ask = ask or await connected(served, drugs, stack)
                await ask(chance)
            except Exception as error:  # whatever it is, it is an error of the load
                failed.append(f"{type(error).__name__}: {error}"[:100])
                ask = None
                await asyncio.sleep(0.1)
            else:
                taken.append(1000 * (time.perf_counter() - began))

    async with AsyncExitStack() as stack:
        end = time.monotonic() + seconds
        await asyncio.gather(*(client(number, stack) for number in range(clients)))
    return taken, failed


def row(served: Served, protocol: str, drugs: list[dict[str, str]], clients: int, s: float) -> str:
    """The table's row of one protocol and number of clients."""
    memory, cpu, own = served.memory(), served.cpu(), time.process_time()
    began = time.perf_counter()
    taken, failed = asyncio.run(loaded(served, protocol, drugs, clients, s))
    lasted = time.perf_counter() - began
    spent = [now - before for now, before in zip(served.cpu(), cpu, strict=True)]
    shares = " + ".join(f"{each:.0f}" for each in (*spent, time.process_time() - own))
    percentiles = " | ".join(f"{value:,.0f}" for value in np.percentile(taken, (50, 95, 99, 100)))
    for reason in sorted(set(failed)):
        print(f"  {failed.count(reason)} × {reason}", file=sys.stderr)
    return (
        f"| {protocol} | {clients} | {len(taken) / lasted:,.0f} | {percentiles} | {len(failed)} |"
        f" {memory} → {served.memory()} | {shares} |"
    )


def drugs_of(served: Served) -> list[dict[str, Any]]:
    """Some drugs of the graph."""
    with neo4j.GraphDatabase.driver(served.uri, auth=("reader", served.password)) as driver:
        records, _, _ = driver.execute_query(_DRUGS)
        return [record.data() for record in records]


def main() -> None:
    """Print the table, as Markdown."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 32, 128])
    parser.add_argument("--what", nargs="+", choices=_CONNECTED, default=list(_CONNECTED))
    given = parser.parse_args()
    load = f"load average {os.getloadavg()[0]:.1f} at the start"
    print(f"{os.cpu_count()} cores, {given.seconds:.0f} seconds each; {load}\n")
    print(
        "| asked | clients | requests a second | p50, ms | p95 | p99 | slowest | errors |"
        " memory (medkg + server), MB | processor seconds (medkg + server + clients) |"
    )
    print("|---|---:|---:|---:|---:|---:|---:|---:|---|---|")
    with Served(given.folder) as served:
        drugs = drugs_of(served)
        for protocol in given.what:
            with suppress(ValueError):  # what is loaded once
                row(served, protocol, drugs, 1, 3)
            for clients in given.clients:
                print(row(served, protocol, drugs, clients, given.seconds), flush=True)
    print(f"\nload average {os.getloadavg()[0]:.1f} at the end")


if __name__ == "__main__":
    main()
