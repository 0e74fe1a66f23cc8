#!/usr/bin/python3
"""The benchmark: see scripts/bench. Each part measures holdfast and its peers one after the other
and compares within that run; a bar is the ratio (or figure) that must not be exceeded."""
import argparse
import contextlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import prune_part
import redis_part
import volumes
from measure import GIB, program, shell, size_of

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests/support"))
import s3  # noqa: E402
from s3_peer import Peer, Upstream  # noqa: E402

HOLDFAST = TOP / "build/holdfast"
BENCH_PRUNE = TOP / "build/bench/tests/bench_prune"
BENCH_STORE = TOP / "build/bench/tests/bench_store"
CEPH = TOP / "tests/servers/ceph"
OBJECTS, THREADS = 64, 4  # of 16 MiB, put and got as they are
POSTGRES = TOP / "tests/servers/postgres"
MIB = 1 << 20
SETTINGS = ["fsync=on", "shared_buffers=512MB", "max_wal_size=8GB", "checkpoint_timeout=30min",
            "max_locks_per_transaction=1024", "maintenance_work_mem=256MB", "autovacuum=off"]


def servers(*arguments):
    return subprocess.run([POSTGRES, *map(str, arguments)], check=True, text=True,
                          stdout=subprocess.PIPE).stdout.strip()


class Bench:
    def __init__(self, scale, data, work):
        self.scale, self.work = scale, work
        self.results, self.bars = {}, []
        self.server = data / "server"
        self.bin = servers("client", 15)
        if not (self.server / "data").exists():
            servers("init", self.server, 15)
        servers("start", self.server, *SETTINGS)
        self.port = (self.server / "port").read_text().strip()
        os.environ["PATH"] = f"{self.bin}:{os.environ['PATH']}"
        (work / "passphrase").write_text("a passphrase for measuring")
        shell(f"age-keygen -o {work}/age.key")
        key = (work / "age.key").read_text()
        self.recipient = re.search(r"public key: (\S+)", key).group(1)

    def stop(self):
        servers("stop", self.server)

    def url(self, database):
        return f"postgresql://postgres@/{database}?host={self.server}/s&port={self.port}"

    def sql(self, database, text):
        return shell(f"""psql -Xqtd "{self.url(database)}" -v ON_ERROR_STOP=1""" + f" -c \"{text}\"").out.strip()

    def database(self, name, script, **variables):
        """Made once; kept with --data."""
        if self.sql("postgres", f"SELECT 1 FROM pg_database WHERE datname = '{name}'"):
            return
        say(f"generating {name}")
        options = " ".join(f"-v {k}={v}" for k, v in variables.items())
        self.sql("postgres", f"CREATE DATABASE {name}_new")
        shell(f"psql -Xq -d '{self.url(name + '_new')}' {options} -f {TOP}/tests/bench/{script}")
        self.sql(f"{name}_new", "VACUUM (FREEZE, ANALYZE)")
        self.sql("postgres", f"ALTER DATABASE {name}_new RENAME TO {name}")
        self.sql("postgres", "CHECKPOINT")

    def main_data(self, scale=None):
        name = "app" + str(scale or self.scale).replace(".", "_")
        self.database(name, "data.sql", scale=scale or self.scale)
        return name

    def drop(self, database):
        self.sql("postgres", f"DROP DATABASE IF EXISTS {database}")
        self.sql("postgres", "CHECKPOINT")

    def holdfast(self, *arguments, repository=None, **env):
        cost = program([HOLDFAST, *arguments, "--repository", repository or self.work / "repository",
                        "--passphrase-file", self.work / "passphrase", "--json"], **env)
        events = [json.loads(line) for line in cost.out.splitlines()]
        cost.extra = next((e for e in reversed(events) if e["event"] not in ("progress", "step")), {})
        cost.command = cost.command.replace(str(HOLDFAST), "holdfast")
        return cost

    def fresh_repository(self):
        shutil.rmtree(self.work / "repository", ignore_errors=True)
        self.holdfast("init")
        shell("sync")
        return size_of(self.work / "repository")

    def clear(self, *names):
        for name in names:
            path = self.work / name
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        shell("sync")

    # What is noted: rows of a part's table, and bars.

    def row(self, part, what, cost, stored=None):
        row = {"what": what, "seconds": cost.seconds, "command": self.tidy(cost.command),
               "stored": stored, "own_cpu": cost.own_cpu, "peak": cost.peak}
        self.results.setdefault(part, {"rows": [], "bars": []})["rows"].append(row)
        say(f"  {what}: {cost.seconds:.1f} s" + (f", {stored / MIB:.1f} MiB stored" if stored else "")
            + (f", {cost.own_cpu:.1f} s CPU of its own, {cost.peak / MIB:.0f} MiB peak" if cost.peak else ""))

    def bar(self, part, what, value, limit, unit=""):
        self.results[part]["bars"].append({"what": what, "value": value, "limit": limit, "unit": unit})
        say(f"  {'met   ' if value <= limit else 'MISSED'} {what}: {value:.3g}{unit} (at most {limit}{unit})")

    def tidy(self, command):
        for path, name in ((str(HOLDFAST), "holdfast"), (str(BENCH_STORE), "bench_store"), (str(BENCH_PRUNE), "bench_prune"), (str(self.work), "$W"), (str(self.server), "$S"), (self.recipient, "$R")):
            command = command.replace(path, name)
        return command

    # The parts.

    def backup(self):
        """A full backup into an empty repository, encrypted and deduplicated, default settings. The server
        makes the text of every row on the same processors: two COPYs to nowhere are the floor."""
        app, w, part = self.main_data(), self.work, "backup"
        url = self.url(app)
        nothing = shell(f"(psql -Xqd '{url}' -c 'COPY orders TO STDOUT' -c 'COPY customers TO STDOUT' | wc -c) & "
                        f"psql -Xqd '{url}' -c 'COPY events TO STDOUT' -c 'COPY documents TO STDOUT' | wc -c; wait")
        text = sum(map(int, nothing.out.split()))
        say(f"  {text / GIB:.2f} GiB of COPY text")
        self.row(part, "two COPYs to nowhere, for scale", nothing)

        empty = self.fresh_repository()
        ours = self.holdfast("backup", url, "--name", "app")
        stored = size_of(w / "repository") - empty
        self.row(part, "holdfast backup", ours, stored)

        pipe = shell(f"pg_dump -d '{url}' | zstd -q -3 -T2 | age -r {self.recipient} > {w}/pipe.age")
        self.row(part, "pg_dump, zstd -3 -T2, age", pipe, size_of(w / "pipe.age"))
        pipe_stored = size_of(w / "pipe.age")
        self.clear("pipe.age")
        shell(f"restic -q -r {w}/restic init", RESTIC_PASSWORD="x", XDG_CACHE_HOME=str(w))
        shell("sync")
        restic = shell(f"pg_dump -d '{url}' | restic -q -r {w}/restic backup --stdin",
                       RESTIC_PASSWORD="x", XDG_CACHE_HOME=str(w))
        self.row(part, "pg_dump, restic backup --stdin", restic, size_of(w / "restic"))
        self.clear("restic")
        directory = shell(f"pg_dump -Fd -j2 -f {w}/directory -d '{url}'")
        self.row(part, "pg_dump -Fd -j2", directory, size_of(w / "directory"))
        self.clear("directory")

        self.bar(part, "time, against pg_dump | zstd | age", ours.seconds / pipe.seconds, 0.85)
        self.bar(part, "time, against pg_dump | restic", ours.seconds / restic.seconds, 0.43)
        self.bar(part, "time, against pg_dump -Fd -j2", ours.seconds / directory.seconds, 0.27)
        self.bar(part, "stored bytes, against zstd -3", stored / pipe_stored, 1.05)
        self.bar(part, "CPU of holdfast itself, a GiB of COPY text", ours.own_cpu / (text / GIB), 5.5, " s")
        self.bar(part, "peak memory", ours.peak / MIB, 256, " MiB")

    def repeat(self):
        """A second backup after no change; a third after one percent of the rows changed, in a row. The
        server makes every row's text again each time: two COPYs to nowhere are the floor."""
        app, part = self.main_data(), "repeat"
        copy = "changing"
        self.drop(copy)
        self.sql("postgres", f"CREATE DATABASE {copy} TEMPLATE {app}")
        url = self.url(copy)
        empty = self.fresh_repository()
        sizes, costs = [empty], []
        for what in ("first", "after nothing changed", "after 1% changed"):
            if what == "after 1% changed":
                for table, column in (("orders", "total = total + 1"), ("customers", "newsletter = NOT newsletter"),
                                      ("events", "at = at + interval '1 s'"), ("documents", "title = title || ' (2)'")):
                    self.sql(copy, f"WITH n AS (SELECT max(id) AS n FROM {table}) UPDATE {table} SET {column} "
                                   "FROM n WHERE id > n * 0.40 AND id <= n * 0.41")
                self.sql("postgres", "CHECKPOINT")
            costs.append(self.holdfast("backup", url, "--name", "app"))
            sizes.append(size_of(self.work / "repository"))
            self.row(part, f"holdfast backup, {what}", costs[-1], sizes[-1] - sizes[-2])
        first, second, third = (b - a for a, b in zip(sizes, sizes[1:]))
        self.bar(part, "time of the second, against the first", costs[1].seconds / costs[0].seconds, 0.70)
        self.bar(part, "stored by the second", second / MIB, 1, " MiB")
        self.bar(part, "stored after 1% changed, against the first", third / first, 0.03)
        self.drop(copy)

    def restore(self):
        """Into a new database, without compare. Nearly all of the time is the server's: it parses rows, writes
        them and its log, and sorts indexes on every processor, for holdfast as for pg_restore; psql leaves
        all but one idle. What is left to gain is what holdfast itself needs, and statistics."""
        app, w, part = self.main_data(), self.work, "restore"
        url = self.url(app)
        self.fresh_repository()
        self.holdfast("backup", url, "--name", "app")
        for name in ("restored", "peer"):
            self.drop(name)
        ours = self.holdfast("restore", "app@latest", "--to", self.url("restored"), "--no-compare")
        self.row(part, "holdfast restore --no-compare", ours)
        self.drop("restored")

        shell(f"pg_dump -Fd -j2 -Z0 -f {w}/directory -d '{url}'; sync")
        self.sql("postgres", "CREATE DATABASE peer")
        directory = shell(f"pg_restore -j2 -d '{self.url('peer')}' {w}/directory")
        self.row(part, "pg_restore -j2 of an uncompressed directory", directory)
        analyzed = shell(f"vacuumdb -q --analyze-only -j2 -d '{self.url('peer')}'")
        self.row(part, "and vacuumdb --analyze-only -j2, which holdfast's restore includes", analyzed)
        self.clear("directory")
        self.drop("peer")

        shell(f"pg_dump -d '{url}' | zstd -q -3 -T2 | age -r {self.recipient} > {w}/pipe.age; sync")
        self.sql("postgres", "CREATE DATABASE peer")
        pipe = shell(f"age -d -i {w}/age.key {w}/pipe.age | zstd -q -d | psql -Xq -o /dev/null -d '{self.url('peer')}'")
        self.row(part, "age -d, zstd -d, psql", pipe)
        self.clear("pipe.age")
        self.drop("peer")

        proven = self.holdfast("restore", "app@latest", "--to", self.url("restored"))
        self.row(part, "holdfast restore, compared", proven)
        self.drop("restored")
        self.bar(part, "time, against pg_restore -j2", ours.seconds / directory.seconds, 0.90)
        self.bar(part, "time, against age | zstd | psql", ours.seconds / pipe.seconds, 0.55)
        self.bar(part, "peak memory", max(ours.peak, proven.peak) / MIB, 256, " MiB")

    def small(self):
        """Many small tables."""
        tables, w, part = int(20000 * self.scale), self.work, "small"
        self.database(f"small{tables}", "small_tables.sql", tables=tables)
        url = self.url(f"small{tables}")
        self.fresh_repository()
        backup = self.holdfast("backup", url, "--name", "small")
        self.row(part, f"holdfast backup, {tables} tables", backup)
        dump = shell(f"pg_dump -Fd -j2 -f {w}/directory -d '{url}'")
        self.row(part, "pg_dump -Fd -j2", dump)
        for name in ("restored", "peer"):
            self.drop(name)
        restore = self.holdfast("restore", "small@latest", "--to", self.url("restored"), "--no-compare")
        self.row(part, "holdfast restore --no-compare", restore)
        self.sql("postgres", "CREATE DATABASE peer")
        peer = shell(f"pg_restore -j2 -d '{self.url('peer')}' {w}/directory")
        self.row(part, "pg_restore -j2", peer)
        self.clear("directory")
        for name in ("restored", "peer"):
            self.drop(name)
        self.bar(part, "backup, against pg_dump -Fd -j2", backup.seconds / dump.seconds, 1.2)
        self.bar(part, "restore, against pg_restore -j2", restore.seconds / peer.seconds, 1.2)
        self.bar(part, "peak memory of backup and restore", max(backup.peak, restore.peak) / MIB, 256, " MiB")

    def memory(self):
        """Peak memory at a tenth of the data, and at all of it."""
        part, peaks = "memory", {}
        for scale in (self.scale / 10, self.scale):
            self.fresh_repository()
            self.drop("restored")
            backup = self.holdfast("backup", self.url(self.main_data(scale)), "--name", "app")
            restore = self.holdfast("restore", "app@latest", "--to", self.url("restored"), "--no-compare")
            self.row(part, f"holdfast backup, scale {scale:g}", backup)
            self.row(part, f"holdfast restore, scale {scale:g}", restore)
            peaks[scale] = max(backup.peak, restore.peak)
        self.drop("restored")
        small, large = peaks[self.scale / 10], peaks[self.scale]
        self.bar(part, "peak memory at 10 times the data", large / MIB, 256, " MiB")
        self.bar(part, "peak memory at 10 times the data, against once", large / small, 1.25)

    @contextlib.contextmanager
    def ceph(self):
        """A Ceph of one node on this machine, its objects in a file on the same disk; how to reach it
        for holdfast, and for rclone as the remote C."""
        subprocess.run([CEPH, "start", self.work / "ceph"], check=True)
        try:
            client = s3.Client(self.work / "ceph/settings")
            rclone = {"TYPE": "s3", "PROVIDER": "Ceph", "ENDPOINT": client.settings["endpoint"],
                      "ACCESS_KEY_ID": client.settings["access_key"],
                      "SECRET_ACCESS_KEY": client.settings["secret_key"]}
            yield client, {**s3_environment(client.settings), "XDG_CACHE_HOME": str(self.work / "cache"),
                           "RCLONE_CONFIG": "/dev/null",
                           **{f"RCLONE_CONFIG_C_{name}": value for name, value in rclone.items()}}
        finally:
            subprocess.run([CEPH, "stop", self.work / "ceph"], check=True)
            self.clear("ceph", "cache")

    def with_server(self, part, what, work, stored=None):
        """A row that says what the server took besides."""
        def used():
            return float(subprocess.run([CEPH, "cpu", self.work / "ceph"], check=True, text=True,
                                        stdout=subprocess.PIPE).stdout)
        shell("sync")
        before = used()
        cost = work()
        self.row(part, f"{what} (the server: {used() - before:.1f} s CPU)", cost, stored)
        return cost

    def s3(self):
        """Into a bucket of a Ceph on the same machine, which shares the processor, against a directory; and
        objects of 16 MiB alone, against rclone. holdfast signs the SHA-256 of what it sends; times
        include reading and writing files."""
        app, w, part = self.main_data(), self.work, "s3"
        url = self.url(app)
        self.fresh_repository()
        local = self.holdfast("backup", url, "--name", "app")
        self.row(part, "holdfast backup to a directory", local)
        self.clear("repository")
        with self.ceph() as (client, env):
            repository = f"s3://{client.bucket}/bench"
            self.holdfast("init", repository=repository, **env)
            remote = self.with_server(part, "holdfast backup to Ceph", lambda: self.holdfast(
                "backup", url, "--name", "app", repository=repository, **env))
            with Peer(Upstream(client.settings)) as peer:
                again = self.holdfast("backup", url, "--name", "app", repository=repository,
                                      **{**env, **s3_environment(peer.settings)})
                requests, kinds = len(peer.requests), peer.kinds()
            self.row(part, "holdfast backup to Ceph, nothing changed ("
                     + ", ".join(f"{n} {kind}" for kind, n in kinds.items()) + ")", again)
            client.empty("bench/")
            puts, gets = self.objects_alone(part, client, env)
        self.bar(part, "time of a full backup, against a directory", remote.seconds / local.seconds, 1.35)
        self.bar(part, "requests of a backup after no change", requests, 40)
        for what, (ours, theirs) in (("put", puts), ("get", gets)):
            self.bar(part, f"time to {what} objects, against rclone", ours.seconds / theirs.seconds, 1.11)
            self.bar(part, f"CPU to {what} objects, against rclone", ours.all_cpu / theirs.all_cpu, 1)

    def objects_alone(self, part, client, env):
        """((ours, rclone's) of puts, the same of gets)."""
        w, costs = self.work, []
        (w / "objects").mkdir()
        for number in range(OBJECTS):
            (w / f"objects/{number:04}").write_bytes(os.urandom(16 * MIB))
        what = f"{OBJECTS} × 16 MiB, {THREADS} at once"
        settings = w / "ceph/settings"
        for verb in ("put", "get"):
            for name in ("ours", "theirs"):
                (w / name).mkdir(exist_ok=True)
            folder = w / "objects" if verb == "put" else w / "ours"
            ours = self.with_server(part, f"holdfast's store, {verb} {what}", lambda: program(
                [BENCH_STORE, verb, settings, "raw/ours", folder, THREADS]))
            ends = [w / "objects", f"C:{client.bucket}/raw/theirs"]
            if verb == "get":
                ends = [ends[1], w / "theirs"]
            theirs = self.with_server(part, f"rclone copy, {verb} {what}", lambda: program(
                ["rclone", "copy", "--transfers", THREADS, "--s3-no-check-bucket", *ends], **env))
            costs.append((ours, theirs))
        client.empty("raw/")
        self.clear("objects", "ours", "theirs")
        return costs

    def volume(self):
        """Volumes: 100,000 small files, and one file of 4 GiB; restic compresses as it does by itself."""
        volumes.measure(self, "volume")

    def redis(self):
        """A Redis server with about 1 GiB of mixed types, backed up and restored."""
        redis_part.run(self)

    def prune(self):
        """Repositories of many snapshots of one source with 50 tables, of which each changes two in places
        (tests/bench/bench_prune.c), in a directory: made for this, with chunks of a few bytes, so that ten million
        of them fit a disk; indexes, lists, catalogs and manifests are as they would be. A chunk of 1 MiB would make
        a million of them 1 TB. Seconds and memory begin when the repository is open."""
        prune_part.run(self, BENCH_PRUNE)

    def copy(self):
        """A repository in a directory copied to a bucket of a Ceph on the same machine. holdfast hashes what it
        copies and keeps to the order that makes a killed copy harmless; rclone copies files."""
        w, part = self.work, "copy"
        self.fresh_repository()
        self.holdfast("backup", self.url(self.main_data()), "--name", "app")
        # A passphrase takes a second of computing on purpose; an identity opens at once.
        identity = shell(f"{HOLDFAST} key identity --output {w}/identity").out.split()[-1]
        self.holdfast("key", "add", "--recipient", identity, "--label", "bench")
        stored = size_of(w / "repository")
        with self.ceph() as (client, env):
            replica = f"s3://{client.bucket}/ours"
            self.holdfast("init", "--replica-of", w / "repository", repository=replica, **env)
            ours = self.with_server(part, "holdfast copy", lambda: program(
                [HOLDFAST, "copy", w / "repository", replica, "--identity-file", w / "identity"], **env), stored)
            theirs = self.with_server(part, "rclone copy", lambda: program(
                ["rclone", "copy", "--transfers", THREADS, "--s3-no-check-bucket", w / "repository",
                 f"C:{client.bucket}/theirs"], **env), stored)
        self.bar(part, "time, against rclone", ours.seconds / theirs.seconds, 1.11)
        self.bar(part, "CPU, against rclone", ours.all_cpu / theirs.all_cpu, 1)

    def profile(self):
        """Where holdfast's own processor time goes on a full backup (perf)."""
        self.fresh_repository()
        url = self.url(self.main_data())
        shell(f"perf record -q -F 499 -g -o {self.work}/perf.data {HOLDFAST} backup '{url}' --name app "
              f"--repository {self.work}/repository --passphrase-file {self.work}/passphrase")
        report = shell(f"perf report -i {self.work}/perf.data --comm holdfast --no-children -g none "
                       "--sort dso,symbol --percent-limit 0.7 --stdio 2>/dev/null | grep -v '^#' | grep .").out
        self.results["profile"] = {"rows": [], "bars": [], "text": report}
        print(report)


def s3_environment(settings):
    return {"AWS_ENDPOINT_URL_S3": settings["endpoint"], "AWS_REGION": settings["region"],
            "AWS_ACCESS_KEY_ID": settings["access_key"], "AWS_SECRET_ACCESS_KEY": settings["secret_key"],
            "AWS_CA_BUNDLE": ""}


def say(text):
    print(text, flush=True)


def cell(text):
    return text.replace("|", "\\|")


def head():
    return ["# Benchmarks", "",
            "Written by `scripts/bench`; every ratio is of one run on one otherwise quiet machine. The data",
            "(`tests/bench/data.sql`) is about 2 GiB of COPY text: narrow rows, JSON of 400 bytes,",
            "customers, and documents that live in TOAST, on PostgreSQL 15 with " + ", ".join(SETTINGS) + ".",
            "Repositories and dumps are on the same disk; `$W` is a scratch folder, `$S` the server's.", ""]


def section(part, result):
    about = " ".join(getattr(Bench, part).__doc__.split())
    lines = [f"## {part}", "", f"{about} {result['when']}, {result['machine']}.", ""]
    if result["rows"]:
        lines += ["| command | seconds | stored | CPU of its own | peak memory |",
                  "| --- | ---: | ---: | ---: | ---: |"]
    for r in result["rows"]:
        stored = f"{r['stored'] / MIB:,.1f} MiB" if r["stored"] is not None else ""
        own = (f"{r['own_cpu']:.1f} s", f"{r['peak'] / MIB:.0f} MiB") if r["peak"] else ("", "")
        lines.append(f"| {cell(r['what'])} | {r['seconds']:.1f} | {stored} | {own[0]} | {own[1]} |")
    if result["bars"]:
        lines += ["", "| bar | measured | at most | |", "| --- | ---: | ---: | --- |"]
    for b in result["bars"]:
        lines.append(f"| {cell(b['what'])} | {b['value']:.3g}{b['unit']} | {b['limit']}{b['unit']} | "
                     f"{'met' if b['value'] <= b['limit'] else '**missed**'} |")
    if "text" in result:
        lines += ["```", result["text"].rstrip(), "```"]
    if result["rows"]:
        lines += ["", "```", *[r["command"] for r in result["rows"]], "```"]
    return "\n".join(lines + [""])


def write_page(path, results, parts):
    """What was measured now replaces its sections; the others stay as an earlier run wrote them."""
    sections = {text.split("\n", 1)[0]: "## " + text.rstrip() + "\n"
                for text in path.read_text().split("\n## ")[1:]}
    sections.update({part: section(part, result) for part, result in results.items()})
    path.write_text("\n".join(["\n".join(head()), *[sections[part] for part in parts if part in sections]]))


def main():
    parts = ["backup", "repeat", "restore", "small", "memory", "s3", "copy", "volume", "redis", "prune", "profile"]
    parser = argparse.ArgumentParser(prog="scripts/bench", description="See the head of scripts/bench.")
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--data", type=Path)
    parser.add_argument("parts", nargs="*", metavar="PART", help=" ".join(parts))
    options = parser.parse_args()
    wanted = options.parts or parts[:-1]
    if unknown := set(wanted) - set(parts):
        parser.error(f"no such part: {', '.join(unknown)} (there are {', '.join(parts)})")

    work = Path(tempfile.mkdtemp(prefix="holdfast-bench-"))
    work.chmod(0o755)
    data = (options.data or work).resolve()
    data.mkdir(parents=True, exist_ok=True)
    bench = None
    try:
        bench = Bench(options.scale, data, work)
        for part in wanted:
            say(f"{part}: {getattr(Bench, part).__doc__}")
            getattr(bench, part)()
    finally:
        if bench:
            bench.stop()
        shutil.rmtree(work, ignore_errors=True)

    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    for result in bench.results.values():
        result["when"] = time.strftime("%Y-%m-%d")
        result["machine"] = f"{os.cpu_count()} cores ({model.group(1) if model else platform.machine()})"
    if options.scale == 1:
        write_page(TOP / "docs/benchmarks.md", bench.results, parts)
        say("written to docs/benchmarks.md")
    missed = [b["what"] for r in bench.results.values() for b in r["bars"] if b["value"] > b["limit"]]
    say(f"{len(missed)} bars missed" + (": " + "; ".join(missed) if missed else ""))


if __name__ == "__main__":
    main()
