#!/usr/bin/python3
"""Drills into containers of PostgreSQL, Redis and Valkey, which are gone afterwards whatever happens."""
import ctypes
import fcntl
import signal
import socket
import struct
import unittest

import harness
from harness import DAMAGED, UNREACHABLE, USAGE, run
from redis_harness import RedisServer
from test_docker import ENGINE, Engine

# What Docker's own image does with its environment, in short.
SERVE = ('umask 077; echo "$POSTGRES_PASSWORD" >/tmp/pw; '
         'initdb -D /data -U postgres -A scram-sha-256 --pwfile=/tmp/pw --no-sync --no-locale -E UTF8 >/dev/null; '
         'echo host all all all scram-sha-256 >>/data/pg_hba.conf; '
         'exec postgres -D /data -k /tmp -h 0.0.0.0')
IMAGES = {"scratch": ("postgres", SERVE), "broken": ("tools", "echo no room for it >&2; exit 3"),
          "deaf": ("tools", "while :; do sleep 1; done")}

CONFIG = """
sources:
  app: {{postgres: {{dsn: "{app}", bin_dir: {clients}}}}}
  cache: {{redis: {{url: "{cache}"}}}}
repositories:
  local: {{path: {repo}, identity_file: {identity}}}
jobs:
  nightly:
    sources: [app, cache]
    repositories: local
    drill:
      scratch:
        postgres: {{image: {postgres}, docker_socket: {socket}, folder: {folder}{more}}}
        redis: {{image: {redis}, docker_socket: {socket}, folder: {folder}{more}}}
      assert:
        - {{sql: "select count(*) = 200 from links"}}
        - {{redis: "GET color", equals: green}}
"""


def own_network():
    """The engine's networks are then in nobody's way, and end with this process."""
    if ctypes.CDLL(None).unshare(0x40000000):  # CLONE_NEWNET
        raise unittest.SkipTest("no network of its own can be had here")
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh14x", b"lo", 1))  # SIOCSIFFLAGS, IFF_UP


class DockerDrill(Engine):
    SERVERS = {"postgres": {}}
    NETWORK = ("bridge",)

    @classmethod
    def setUpClass(cls):
        own_network()
        super().setUpClass()
        for image in (["postgres"], ["redis", "redis7"], ["redis", "valkey8"]):
            made = run([ENGINE, image[0], cls.engine, *image[1:]], check=False, timeout=300)
            if made.returncode == 77:
                raise unittest.SkipTest(made.stderr)
            if made.returncode:
                raise AssertionError(made.stderr)
        for name, (image, command) in IMAGES.items():
            script = command.replace("\\", "\\\\").replace('"', '\\"')
            cls.docker("create", "--name", name, image, "sh")
            cls.docker("commit", "--change", f'ENTRYPOINT ["sh", "-c", "{script}"]', name, name)
            cls.docker("rm", name)
        cls.docker("network", "create", "stack")
        cls.postgres.psql("postgres", "CREATE DATABASE app TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'")
        cls.postgres.psql("app", "CREATE TABLE links (id int PRIMARY KEY);"
                                 "INSERT INTO links SELECT generate_series(1, 200)")
        cls.redis = cls.redis_server("redis7")
        cls.redis.ask("SET", "color", "green")

    @classmethod
    def redis_server(cls, name):
        server = RedisServer(cls.base / name, name)
        cls.addClassCleanup(server.stop)
        return server

    def setUp(self):
        super(Engine, self).setUp()  # without the volume
        self.init()
        self.scratch = self.folder / "scratch"
        self.scratch.mkdir()
        self.configure()
        self.backup()

    def backup(self):
        self.hf("backup", "nightly", "--config", self.folder / "holdfast.yaml", repo=False)

    def configure(self, postgres="scratch", redis="redis", more=", network: host", app=None, cache=None):
        app = app or self.postgres
        (self.folder / "holdfast.yaml").write_text(CONFIG.format(
            app=app.url("app"), clients=app.clients, cache=(cache or self.redis).url(), repo=self.repo,
            identity=self.base / "identity", postgres=postgres, redis=redis, socket=self.socket,
            folder=self.scratch, more=more))

    def drill(self, what="nightly", **options):
        return self.hf("drill", what, "--config", self.folder / "holdfast.yaml", repo=False, **options)

    def containers(self):
        return self.docker("ps", "-aq", "--filter", "label=org.holdfast.drill.folder")

    def assert_nothing_is_left(self):
        self.assertEqual("", self.containers())
        self.assertEqual([], list(self.scratch.iterdir()))
        self.assertEqual("", self.docker("volume", "ls", "-q"))

    # ---- networks ----

    def test_backups_are_proven_on_every_network(self):
        """At a published port, on the network of the host, at an address in the default and in a named network."""
        postgres = "container of scratch with PostgreSQL 15.*compared and equal"
        redis = "container of redis with Redis 7.*compared and equal"
        for network, what, says in (("", "nightly", [postgres, redis]), (", network: host", "nightly", [postgres, redis]),
                                    (", network: bridge", "nightly", [postgres, redis]),
                                    (", network: stack", "cache", redis)):
            with self.subTest(network):
                self.configure(more=network)
                self.drill(what, says=says)
                self.assert_nothing_is_left()

    def test_valkey_proves_a_backup_of_redis(self):
        self.configure(redis="valkey")
        self.drill("cache", says="container of valkey with Valkey 8.*compared and equal")
        self.assert_nothing_is_left()

    def test_holdfast_in_a_container_drills_over_a_network_that_both_are_in(self):
        run([ENGINE, "holdfast", self.engine, harness.HOLDFAST], timeout=300)
        self.configure(more=", network: stack")
        mounts = [f"--volume={path}:{path}" for path in (self.folder, self.base / "identity", self.socket)]
        said = self.docker("run", "--rm", "--network", "stack", *mounts, "holdfast", "holdfast", "drill", "cache",
                           "--config", self.folder / "holdfast.yaml")
        self.assertRegex(said, "container of redis with Redis 7(.|\n)*compared and equal")
        self.assert_nothing_is_left()

    # ---- whose fault it is ----

    def test_environment_is_blamed_for_its_faults(self):
        for what, options, says in (
                ("app", {"postgres": "no-such-image"}, 'no image "no-such-image"'),
                ("cache", {"redis": "no-such-image"}, 'no image "no-such-image"'),
                ("app", {"postgres": "broken"}, "ended before it answered: no room for it"),
                ("cache", {"redis": "broken", "more": ", network: bridge"}, "ended before it answered: no room for it"),
                ("cache", {"redis": "tools"}, "container of tools does not start"),
                ("cache", {"more": ", network: nowhere"}, "network nowhere not found"),
                ("cache", {"more": ", network: none"}, "no address that it can be reached at")):
            with self.subTest(**options):
                self.configure(**options)
                self.drill(what, expect=UNREACHABLE, says=says)
                self.assert_nothing_is_left()

    def test_image_that_is_too_old_is_a_bad_environment(self):
        postgres = harness.Server(self.base / "newer", version=16)
        self.addCleanup(postgres.stop, "immediate")
        redis = self.redis_server("redis8")
        redis.ask("HSET", "hash", "field", "value")
        redis.ask("HEXPIRE", "hash", "1000", "FIELDS", "1", "field")
        postgres.create("app")
        self.configure(app=postgres, cache=redis)
        self.backup()
        self.drill("app", expect=UNREACHABLE, says="PostgreSQL 15, older than the 16 that the snapshot is of")
        self.drill("cache", expect=UNREACHABLE, says="Redis 7.*does not take what the snapshot holds")
        self.assert_nothing_is_left()

    def test_damaged_backup_is_a_bad_backup(self):
        for pack in (self.repo / "packs").rglob("*"):
            if pack.is_file():
                pack.unlink()
        self.drill(expect=DAMAGED, says="BAD BACKUP.*BAD BACKUP")
        self.assert_nothing_is_left()

    # ---- what is left ----

    def begin(self, source):
        """A drill that waits for a container which never answers."""
        self.configure(postgres="deaf", redis="deaf")
        process = self.start("drill", source, "--config", self.folder / "holdfast.yaml", repo=False)
        self.addCleanup(process.kill)
        while not self.docker("ps", "-q", "--filter", "label=org.holdfast.drill.folder"):
            self.assertIsNone(process.poll(), "it ended")
        return process

    def interrupt(self, process):
        process.send_signal(signal.SIGTERM)
        process.communicate()
        self.assertEqual(1, process.returncode)
        self.assert_nothing_is_left()

    def test_interrupted_drill_removes_its_container(self):
        self.interrupt(self.begin("app"))

    def test_password_of_redis_is_not_in_what_the_engine_tells(self):
        process = self.begin("cache")
        self.assertNotRegex(self.docker("inspect", self.containers()), "[^0-9a-f][0-9a-f]{32}[^0-9a-f]")
        self.interrupt(process)

    def test_container_of_a_killed_drill_is_removed_by_the_next(self):
        process = self.begin("cache")
        process.kill()
        process.communicate()
        self.assertNotEqual("", self.containers())
        self.configure()
        self.drill("cache", says="removed container [0-9a-f]{12}, left over from a drill that was killed")
        self.assert_nothing_is_left()


if __name__ == "__main__":
    harness.main()
