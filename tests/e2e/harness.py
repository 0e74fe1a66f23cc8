"""What the end-to-end tests share: private servers, repositories, the program itself.

Every test file runs on its own: `python3 tests/e2e/test_roundtrip.py [Class.test]`. HOLDFAST_BUILD
names the build folder (default: build). HOLDFAST_TEST_STORE=s3:SETTINGS has the repositories in a
bucket instead of a directory, that of a server which tests/servers/ceph or swift started and wrote
SETTINGS for. Exit status: 0, 1, or 77 where something in the file could not run on this machine and
nothing failed.
"""
import contextlib
import difflib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

import psycopg2

from bucket import BucketPath, copy_tree, move_tree, remove_tree, s3  # noqa: F401

TOP = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("HOLDFAST_BUILD", TOP / "build")).resolve()
HOLDFAST = BUILD / "holdfast"
POSTGRES = TOP / "tests/servers/postgres"
ZOO = TOP / "tests/e2e/zoo.sql"
PASSPHRASE = "correct horse battery staple"
STORE = os.environ.get("HOLDFAST_TEST_STORE", "")
SANITIZER = 99  # what a sanitizer's report ends with: never an exit code that a test expects

# Exit codes of the program.
DONE, FAILED, USAGE, DAMAGED, UNREACHABLE, BUSY = range(6)


def open_bucket():
    """That of HOLDFAST_TEST_STORE; None where repositories are in directories."""
    kind, _, settings = STORE.partition(":")
    if not STORE:
        return None
    if kind != "s3":
        sys.exit(f"HOLDFAST_TEST_STORE={STORE}: s3:SETTINGS was expected")
    if not Path(settings).exists():
        print(f"no server: {settings} is not there")
        sys.exit(77)
    return s3.Client(settings)


BUCKET = open_bucket()


def run(argv, timeout=60, check=True, **options):
    """A helper program, not the one under test."""
    options.setdefault("stdout", subprocess.PIPE)
    result = subprocess.run([str(a) for a in argv], timeout=timeout, encoding="utf-8",
                            errors="surrogateescape",
                            stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, **options)
    if check and result.returncode:
        raise AssertionError(f"{argv[0]} ended with {result.returncode}: {result.stderr[-2000:]}")
    return result


def servers(*arguments, check=True):
    result = run([POSTGRES, *arguments], timeout=600, check=False)
    if result.returncode == 77:
        raise unittest.SkipTest(result.stderr.strip())
    if check and result.returncode:
        raise AssertionError(f"postgres {arguments}: {result.stderr}")
    return result.stdout.strip()


class Server:
    """A PostgreSQL server in a folder of its own."""

    def __init__(self, folder, version=15, settings=(), initdb=(), replica_of=None):
        self.folder, self.version = Path(folder), version
        self.settings = list(settings)
        self.clients = Path(servers("client", str(version)))
        if replica_of:
            servers("replica", self.folder, replica_of.folder)
        else:
            servers("init", self.folder, str(version), *initdb)
        self.start()

    def start(self, *settings):
        servers("start", self.folder, *self.settings, *settings)
        self.port = int((self.folder / "port").read_text())

    def stop(self, mode="fast"):
        servers("stop", self.folder, mode)

    @property
    def password(self):
        return (self.folder / "password").read_text().strip()

    def url(self, database="postgres", user="postgres"):
        """By the socket, without a password."""
        return (f"postgresql://{quote(user)}@/{quote(database)}"
                f"?host={quote(str(self.folder / 's'))}&port={self.port}")

    def server_url(self, user="postgres"):
        """Without a database: the whole server."""
        return f"postgresql://{quote(user)}@/?host={quote(str(self.folder / 's'))}&port={self.port}"

    def tcp_url(self, database="postgres", user="postgres", password=None):
        secret = f":{quote(password)}" if password else ""
        return f"postgresql://{quote(user)}{secret}@127.0.0.1:{self.port}/{quote(database)}"

    def connect(self, database="postgres", user="postgres", autocommit=True):
        connection = psycopg2.connect(self.url(database, user))
        connection.autocommit = autocommit
        return connection

    def query(self, database, text, *values, user="postgres"):
        with contextlib.closing(self.connect(database, user)) as connection:
            with connection.cursor() as cursor:
                cursor.execute(text, values or None)
                return cursor.fetchall() if cursor.description else None

    def value(self, database, text, *values):
        return self.query(database, text, *values)[0][0]

    def create(self, database, options=""):
        self.query("postgres", f"CREATE DATABASE {identifier(database)} {options}")
        return database

    def drop(self, database):
        self.query("postgres", f"DROP DATABASE IF EXISTS {identifier(database)}")

    def databases(self):
        return [row[0] for row in self.query(
            "postgres", "SELECT datname FROM pg_database WHERE NOT datistemplate ORDER BY 1")]

    def psql(self, database, script, check=True, encoding="UTF8"):
        """A script file, or text; stops at the first error."""
        what = ["-f", script] if isinstance(script, Path) else ["-c", script]
        return run([self.clients / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1",
                    "-d", self.url(database), *what], check=check, timeout=120,
                   env={**os.environ, "PGCLIENTENCODING": encoding})

    def zoo(self, database="zoo"):
        self.create(database)
        self.psql(database, ZOO)
        return database

    def dump(self, database, *options, clients=None):
        """pg_dump's text, with the rows of each table sorted and without what changes by itself."""
        text = run([(clients or self.clients) / "pg_dump", "-d", self.url(database), *options],
                   timeout=120).stdout
        return normal_dump(text)

    def table(self, database, name, order="1"):
        return self.query(database, f"SELECT * FROM {name} ORDER BY {order}")


def normal_dump(text):
    lines, rows, copying = [], [], False
    for line in text.split("\n"):
        if copying:
            if line == "\\.":
                lines += sorted(rows) + [line]
                rows, copying = [], False
            else:
                rows.append(line)
            continue
        copying = line.startswith("COPY ") and line.endswith("FROM stdin;")
        # Roles are listed in an order that each server has for itself.
        if line.startswith("CREATE POLICY "):
            line = re.sub(" TO (.*?)(?= USING| WITH CHECK|;)",
                          lambda match: " TO " + ", ".join(sorted(match[1].split(", "))), line)
        if not re.match(r"\\(un)?restrict |-- Dumped (from|by) ", line):
            lines.append(line)
    return lines


def quote(text):
    return "".join(c if c.isalnum() and c.isascii() or c in "-._~" else
                   "".join(f"%{b:02X}" for b in c.encode()) for c in text)


def identifier(name):
    return '"' + name.replace('"', '""') + '"'


class Result:
    """How a run of the program ended."""

    def __init__(self, code, out, err, seconds):
        self.code, self.out, self.err, self.seconds = code, out, err, seconds

    @property
    def said(self):
        return self.out + self.err

    @property
    def events(self):
        return [json.loads(line) for line in self.out.splitlines() if line.strip()]

    def __repr__(self):
        return f"exit {self.code}\n--- stdout\n{self.out[-4000:]}\n--- stderr\n{self.err[-6000:]}"


class TestCase(unittest.TestCase):
    """Has a folder, a repository with its passphrase, and runs the program.

    A class that needs a server of its own says which: SERVERS = {"server": {"version": 15}}.
    """

    SERVERS = {"server": {}}
    maxDiff = 4000

    @classmethod
    def setUpClass(cls):
        # Short, as the path of a socket must be, and open to the user that servers run as.
        cls.base = Path(tempfile.mkdtemp(prefix="hf-", dir="/tmp"))
        cls.base.chmod(0o755)
        cls.addClassCleanup(shutil.rmtree, cls.base, ignore_errors=True)
        for name, options in cls.SERVERS.items():
            server = Server(cls.base / name, **options)
            cls.addClassCleanup(server.stop, "immediate")
            setattr(cls, name, server)

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="t-", dir=self.base))
        self.folder.chmod(0o755)
        self.repo = self.place("repo")
        self.passphrase = self.secret("passphrase", PASSPHRASE)
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def place(self, name):
        """For a repository: a directory, or a folder of the bucket, where there is nothing yet."""
        path = self.folder / name
        if not BUCKET:
            return path
        found = BucketPath(BUCKET, str(path).lstrip("/"))
        self.addCleanup(remove_tree, found)
        return found

    def where(self):
        """The repository's place, as a configuration has it."""
        if not BUCKET:
            return f"path: {self.repo}"
        return f"s3: {{bucket: {BUCKET.bucket}, prefix: {self.repo.key}}}"

    def secret(self, name, text):
        path = self.folder / name
        path.write_text(text + "\n")
        path.chmod(0o600)
        return path

    def environment(self, env=None):
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("PG", "HOLDFAST_", "AWS_"))}
        clean.update(LC_ALL="C.UTF-8", XDG_CACHE_HOME=str(self.base / "cache"),
                     HOLDFAST_STATE=str(self.base / "state"),
                     ASAN_OPTIONS=f"exitcode={SANITIZER}:detect_leaks=1:abort_on_error=0",
                     LSAN_OPTIONS=f"exitcode={SANITIZER}", UBSAN_OPTIONS="print_stacktrace=1")
        if BUCKET:
            s = BUCKET.settings
            clean.update(AWS_ENDPOINT_URL_S3=s["endpoint"], AWS_REGION=s["region"],
                         AWS_ACCESS_KEY_ID=s["access_key"], AWS_SECRET_ACCESS_KEY=s["secret_key"])
        clean.update({k: str(v) for k, v in (env or {}).items()})
        return clean

    def start(self, *arguments, env=None, repo=None, key=None, **options):
        """The running program. key: a passphrase file, None for the identity that init made, False
        for none; repo=False leaves --repository out as well."""
        command = [str(a) for a in arguments]
        if repo is not False:
            command += ["--repository", str(repo or self.repo)]
            if key is None:
                command += ["--identity-file", str(self.base / "identity")]
            elif key:
                command += ["--passphrase-file", str(key)]
        for stream in ("stdin", "stdout", "stderr"):
            options.setdefault(stream, subprocess.DEVNULL if stream == "stdin" else subprocess.PIPE)
        process = subprocess.Popen([str(HOLDFAST), *command], env=self.environment(env),
                                   cwd=options.pop("cwd", self.folder), **options)
        self.addCleanup(self.end, process)
        return process

    @staticmethod
    def end(process):
        """Nothing that a failed test left runs on."""
        if process.poll() is None:
            process.kill()
        process.wait()
        for stream in (process.stdout, process.stderr):
            if stream:
                stream.close()

    def finish(self, process, expect=DONE, timeout=300, began=None):
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGABRT)
            out, err = process.communicate()
            self.fail(f"{process.args} did not end within {timeout} s: {err.decode()[-4000:]}")
        result = Result(process.returncode, (out or b"").decode(errors="replace"),
                        (err or b"").decode(errors="replace"), time.monotonic() - (began or 0))
        if "Sanitizer" in result.err or "runtime error:" in result.err:
            self.fail(f"{' '.join(process.args)}: {result}")
        if expect is not None and result.code != expect:
            self.fail(f"{' '.join(process.args)}\nexpected exit {expect}, got {result}")
        return result

    def hf(self, *arguments, expect=DONE, says=(), timeout=300, **options):
        """Runs the program to its end; says: texts (regular expressions) of its messages."""
        began = time.monotonic()
        process = self.start(*arguments, **options)
        result = self.finish(process, expect, timeout, began)
        for text in [says] if isinstance(says, str) else says:
            self.assertRegex(result.said, re.compile(text, re.IGNORECASE | re.DOTALL), repr(result))
        return result

    def init(self, repo=None):
        """A repository with the passphrase and an identity, which opens it at once (a passphrase
        takes a second of computing, on purpose). Made once a class, then copied."""
        made = self.base / "made"
        if not made.exists():
            self.hf("init", repo=made, key=self.passphrase)
            identity = self.hf("key", "identity", "--output", self.base / "identity", repo=False)
            self.hf("key", "add", "--recipient", identity.out.strip().split()[-1], "--label", "tests",
                    repo=made, key=self.passphrase)
        copy_tree(made, repo or self.repo)

    def backup(self, *arguments, **options):
        return self.hf("backup", *arguments, **options)

    def restore(self, snapshot, to, *arguments, **options):
        return self.hf("restore", snapshot, "--to", to, *arguments, **options)

    def bin_dir(self, server, **programs):
        """A folder with PostgreSQL's programs, some of them replaced by a script (None: missing)."""
        folder = self.folder / "bin"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for path in server.clients.iterdir():
            if path.name not in programs:
                (folder / path.name).symlink_to(path)
        for name, script in programs.items():
            if script is not None:
                (folder / name).write_text("#!/bin/sh\n" + script)
                (folder / name).chmod(0o755)
        return folder

    def snapshots(self, source=None, **options):
        """What list says, oldest first."""
        result = self.hf("list", *([source] if source else []), "--json", **options)
        return [e for e in result.events if e.get("event", e.get("type")) == "snapshot"]

    def objects(self, prefix=""):
        return sorted(str(p.relative_to(self.repo)) for p in self.repo.rglob("*")
                      if p.is_file() and str(p.relative_to(self.repo)).startswith(prefix))

    def stored(self, repo=None):
        return sum(p.stat().st_size for p in (repo or self.repo).rglob("*") if p.is_file())

    def assert_same_database(self, server, database, server2, database2, *options):
        """Both dumped by the newer one's pg_dump: equal but for the database's name."""
        clients = max((server, server2), key=lambda s: s.version).clients
        one = server.dump(database, *options, clients=clients)
        two = server2.dump(database2, *options, clients=clients)
        if one != two:
            different = [f for f in difflib.unified_diff(one, two, database, database2, lineterm="", n=1)]
            self.fail("\n".join(line[:200] for line in different[:60]))

    def assert_no_leftovers(self, server, *databases):
        """Only these databases, besides postgres: nothing half restored stays."""
        self.assertEqual(sorted(databases + ("postgres",)), server.databases())


class Background:
    """A function in a thread, called again and again until stopped; its failure is ours."""

    def __init__(self, work):
        self.work, self.ending, self.error, self.rounds = work, threading.Event(), None, 0
        self.thread = threading.Thread(target=self.loop)

    def loop(self):
        try:
            while not self.ending.is_set():
                self.work(self.rounds)
                self.rounds += 1
        except Exception as error:
            self.error = error

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ending.set()
        self.thread.join()
        if self.error:
            raise self.error


def main():
    program = unittest.main(exit=False, verbosity=2)
    if not program.result.wasSuccessful():
        sys.exit(1)
    if program.result.testsRun == 0 and not program.result.skipped:
        sys.exit("no test ran")
    sys.exit(77 if program.result.skipped else 0)
