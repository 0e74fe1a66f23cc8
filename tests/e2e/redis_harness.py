"""Private Redis and Valkey servers for end-to-end tests, and a scripted peer for what no real server
does on demand."""
import contextlib
import os
import shutil
import socket
import sys
import threading
import unittest
from pathlib import Path

import harness
from harness import TOP, run

sys.path.insert(0, str(TOP / "tests/support"))
import redis_zoo  # noqa: E402

SCRIPT = TOP / "tests/servers/redis"
NAMES = ("redis7", "redis8", "valkey8", "valkey9")


def script(*arguments):
    result = run([SCRIPT, *arguments], timeout=600, check=False)
    if result.returncode == 77:
        raise unittest.SkipTest(result.stderr.strip())
    if result.returncode:
        raise AssertionError(f"redis {arguments}: {result.stderr}")
    return result.stdout.strip()


class RedisServer:
    """A server in a folder of its own."""

    def __init__(self, folder, name="redis7", *settings, password=None, user=None):
        self.folder, self.name, self.settings = Path(folder), name, settings
        self.password, self.user = password, user
        self.start()

    def start(self):
        self.port = int(script("start", self.folder, self.name, *self.settings))

    def stop(self):
        script("stop", self.folder)

    def url(self, database="", password=True):
        login = f"{self.user or ''}:{self.password}@" if self.password and password else ""
        return f"redis://{login}127.0.0.1:{self.port}" + (f"/{database}" if database != "" else "")

    def client(self):
        return redis_zoo.Client(self.port, password=self.password, user=self.user)

    def keys(self):
        with self.client() as client:
            return redis_zoo.keys(client)

    def ask(self, *command, database=0):
        with self.client() as client:
            if database:
                client("SELECT", database)
            return client(*command)

    def save(self):
        """Its keys to its disk. A process that sent a dump may not have been reaped yet."""
        self.ask_until_not("in progress", "SAVE")

    def ask_until_not(self, refusal, *command):
        while True:
            try:
                return self.ask(*command)
            except redis_zoo.Error as error:
                if refusal not in str(error):
                    raise

    def load(self, rdb):
        """Starts on a dump, as a server that was stopped would."""
        self.stop()
        shutil.copy(rdb, self.folder / "data/dump.rdb")
        self.start()
        self.ask_until_not("LOADING", "PING")


class TestCase(harness.TestCase):
    SERVERS = {}

    def server(self, name="redis7", *settings, **options):
        made = RedisServer(self.folder / f"s{len(list(self.folder.iterdir()))}", name, *settings, **options)
        self.addCleanup(made.stop)
        return made

    def filled(self, name="redis7", *settings, many=200, limit=10**9, **options):
        made = self.server(name, *settings, **options)
        with made.client() as client:
            redis_zoo.fill(client, many=many, limit=limit)
        return made

    def properties(self, snapshot):
        return self.hf("show", snapshot, "--json").events[-1]["properties"]


class Peer:
    """A server that says what a test tells it to: answers are bytes, by the command's first words (the
    longest that fits), or functions of the connection that return when they are done."""

    def __init__(self, answers):
        self.answers = {b"INFO": bulk(b"redis_version:7.0.15\r\nrole:master\r\nredis_mode:standalone\r\n"),
                        b"REPLCONF": b"+OK\r\n", **answers}
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.seen, self.open = [], []
        self.dies_at = None  # of all commands, the one that gets no answer but the end
        self.thread = threading.Thread(target=self.serve, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for connection in self.open:
            with contextlib.suppress(OSError):
                connection.close()
        self.thread.join(10)

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}"

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.open.append(connection)
            threading.Thread(target=self.talk, args=(connection,), daemon=True).start()

    def talk(self, connection):
        with contextlib.suppress(OSError, EOFError, ValueError), connection, connection.makefile("rb") as lines:
            while True:
                words = command(lines)
                self.seen.append(words)
                if self.dies_at is not None and len(self.seen) > self.dies_at:
                    return None
                line = b" ".join(words).upper()
                fits = [key for key in self.answers if line.startswith(key)]
                answer = self.answers[max(fits, key=len)] if fits else b"-ERR unknown command\r\n"
                if callable(answer):
                    return answer(connection)
                connection.sendall(answer)


def bulk(data):
    return b"$%d\r\n%b\r\n" % (len(data), data)


def command(lines):
    count = lines.readline()
    if not count.startswith(b"*"):
        raise EOFError
    words = []
    for _ in range(int(count[1:])):
        size = int(lines.readline()[1:])
        words.append(lines.read(size + 2)[:-2])
    return words
