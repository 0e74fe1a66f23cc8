"""The part of the benchmark that is about Redis: a server with about 1 GiB of mixed types."""
import subprocess
import sys
import time
from pathlib import Path

from measure import shell, size_of

TOP = Path(__file__).resolve().parents[2]
SCRIPT = TOP / "tests/servers/redis"
sys.path.insert(0, str(TOP / "tests/support"))
import redis_zoo  # noqa: E402

# How many of each kind at scale 1, and how many a script makes at a time.
KINDS = {"session": (1_200_000, 5000), "user": (330_000, 5000), "board": (4000, 20), "tags": (2000, 20),
         "queue": (2000, 20), "events": (800, 5), "count": (400_000, 20000)}
MIB = 1 << 20


def start(folder, *settings):
    return int(subprocess.run([SCRIPT, "start", folder, "redis7", *settings], check=True, text=True,
                              stdout=subprocess.PIPE).stdout)


def fill(client, scale):
    script = client("SCRIPT", "LOAD", (TOP / "tests/bench/redis_data.lua").read_text())
    for kind, (count, step) in KINDS.items():
        count = max(1, int(count * scale))
        client.many(("EVALSHA", script, 1, kind, i + 1, min(count, i + step)) for i in range(0, count, step))


def as_commands(client, folder):
    """The data as the commands that make it, by the server itself; the file's path."""
    client("CONFIG", "SET", "aof-use-rdb-preamble", "no")
    client("CONFIG", "SET", "appendonly", "yes")
    while b"aof_rewrite_in_progress:1" in client("INFO", "persistence") or \
            b"aof_rewrite_scheduled:1" in client("INFO", "persistence"):
        time.sleep(0.2)
    client("CONFIG", "SET", "appendonly", "no")
    return next((folder / "data/appendonlydir").glob("*.base.aof"))


def run(bench):
    part, w = "redis", bench.work
    source, target = w / "redis", w / "redis-target"
    port, to = start(source), start(target)
    try:
        with redis_zoo.Client(port) as client, redis_zoo.Client(to) as empty:
            fill(client, bench.scale)
            keys = redis_zoo.keys(client)
            used = dict(line.split(b":", 1) for line in client("INFO", "memory").split(b"\r\n") if b":" in line)
            print(f"  {keys} keys, {int(used[b'used_memory']) / MIB:.0f} MiB", file=sys.stderr)
            # Both wait as long for the server to begin; that is no part of what is compared.
            client("CONFIG", "SET", "repl-diskless-sync-delay", "0")
            backup(bench, part, port)
            restore(bench, part, to, empty, as_commands(client, source), keys)
    finally:
        for folder in (source, target):
            subprocess.run([SCRIPT, "stop", folder], check=True)


def backup(bench, part, port):
    floor = shell(f"redis-cli -p {port} --rdb - > /dev/null")
    bench.row(part, "redis-cli --rdb to nowhere, for scale", floor)
    empty = bench.fresh_repository()
    ours = bench.holdfast("backup", f"redis://127.0.0.1:{port}", "--name", "cache")
    stored = size_of(bench.work / "repository") - empty
    bench.row(part, "holdfast backup", ours, stored)
    pipe = shell(f"redis-cli -p {port} --rdb - | zstd -q -3 -T2 | age -r {bench.recipient} > {bench.work}/pipe.age")
    bench.row(part, "redis-cli --rdb, zstd -3 -T2, age", pipe, size_of(bench.work / "pipe.age"))
    bench.bar(part, "time, against redis-cli | zstd | age", ours.seconds / pipe.seconds, 0.9)
    bench.bar(part, "peak memory", ours.peak / MIB, 256, " MiB")
    bench.clear("pipe.age")


def restore(bench, part, port, client, commands, keys):
    ours = bench.holdfast("restore", "cache@latest", "--to", f"redis://127.0.0.1:{port}", "--no-compare")
    bench.row(part, "holdfast restore --no-compare", ours)
    client("FLUSHALL")
    pipe = shell(f"redis-cli -p {port} --pipe < {commands}")
    bench.row(part, "redis-cli --pipe of the same data as commands", pipe)
    bench.bar(part, "seconds a key, against redis-cli --pipe", (ours.seconds / keys) / (pipe.seconds / keys), 1 / 1.5)
    client("FLUSHALL")
    compared = bench.holdfast("restore", "cache@latest", "--to", f"redis://127.0.0.1:{port}")
    bench.row(part, "holdfast restore, compared", compared)
    bench.bar(part, "peak memory of restore", compared.peak / MIB, 256, " MiB")
