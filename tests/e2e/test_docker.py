#!/usr/bin/python3
"""Docker volumes with a real engine: found by name, kept quiet while they are read, restored."""
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

import harness
import trees
from harness import BUSY, FAILED, TestCase, run

ENGINE = harness.TOP / "tests/servers/docker"


class Engine(TestCase):
    """Has a Docker Engine of its own, with a volume and a container that uses it."""

    SERVERS = {}
    NETWORK = ()  # what the engine is started with

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.engine = Path(tempfile.mkdtemp(prefix="hfd-", dir="/tmp"))
        cls.addClassCleanup(shutil.rmtree, cls.engine, ignore_errors=True)
        cls.addClassCleanup(run, [ENGINE, "stop", cls.engine], check=False, timeout=120)
        started = subprocess.run([ENGINE, "start", cls.engine, *cls.NETWORK], stdin=subprocess.DEVNULL,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=300)
        if started.returncode == 77:
            raise unittest.SkipTest(started.stderr.decode().strip())
        if started.returncode:
            raise AssertionError(started.stderr.decode())
        cls.socket = cls.engine / "docker.sock"

    def setUp(self):
        super().setUp()
        self.init()
        self.docker("volume", "create", "data")
        self.addCleanup(self.docker, "volume", "rm", "-f", "data", "fresh", check=False)
        self.container("app", "while :; do sleep 1; done")

    @classmethod
    def docker(cls, *command, check=True):
        return run(["docker", "--host", f"unix://{cls.socket}", *command], check=check,
                   timeout=300).stdout.strip()

    def container(self, name, command, volume="data"):
        found = self.docker("run", "-d", "--network", "none", "--name", name, "-v", f"{volume}:/volume", "--init=false",
                    "--stop-timeout", "1", "tools", "sh", "-c", command)
        setattr(self, name, found)
        self.addCleanup(self.docker, "rm", "-f", name, check=False)

    def state(self, name="app"):
        return self.docker("inspect", "-f", "{{.State.Status}}", name)

    def data(self, volume="data"):
        return Path(self.docker("volume", "inspect", "-f", "{{.Mountpoint}}", volume))

    def config(self, **volume):
        (self.folder / "c.json").write_text(json.dumps({
            "repositories": {"r": {"path": str(self.repo), "identity_file": str(self.base / "identity")}},
            "sources": {"vol": {"volume": {"docker": "data", "docker_socket": str(self.socket),
                                           "state_dir": str(self.folder / "state"), **volume}}}}))

    def run_hf(self, *arguments, **options):
        return self.hf(*arguments, "--config", self.folder / "c.json", repo=False, **options)

    def left(self):
        folder = self.folder / "state"
        return os.listdir(folder) if folder.exists() else []


class Docker(Engine):

    def test_volume_by_name_and_back_into_a_new_one(self):
        trees.zoo(self.data() / "zoo")
        self.config()
        self.run_hf("doctor", expect=None, says="ok .*directory")
        self.run_hf("backup")
        self.run_hf("restore", "vol@latest", "--to", "docker:fresh", says="compared and equal")
        self.assertEqual([], trees.differences(trees.describe(self.data()), trees.describe(self.data("fresh"))))
        self.container("other", "cat /volume/zoo/text; sleep 100", volume="fresh")
        self.run_hf("restore", "vol@latest", "--to", "docker:fresh", "--replace", expect=BUSY, says="stop it first")
        self.docker("rm", "-f", "other")
        self.run_hf("restore", "vol@latest", "--to", "docker:fresh", expect=FAILED, says="--replace")
        trees.write(self.data("fresh") / "mine", b"mine")
        self.run_hf("restore", "vol@latest", "--to", "docker:fresh", "--replace", says="kept as")
        self.assertFalse((self.data("fresh") / "mine").exists())
        self.assertEqual(1, len(list(self.data("fresh").parent.glob("_data.before-*/mine"))))
        self.container("again", "[ -e /volume/zoo/text ] && sleep 100", volume="fresh")
        self.assertEqual("running", self.state("again"))

    def database(self, volume):
        """A container with a PostgreSQL server on the volume, once it answers."""
        self.docker("run", "-d", "--network", "none", "--name", "db", "--stop-signal", "SIGINT",
                    "-v", f"{volume}:/data", "postgres")
        self.addCleanup(self.docker, "rm", "-f", "db", check=False)
        self.answers()

    def answers(self):
        while self.sql("SELECT 1", check=False) != "1":
            self.assertEqual("running", self.state("db"), self.docker("logs", "db"))

    def sql(self, text, check=True):
        return self.docker("exec", "db", "psql", "-h", "/tmp", "-d", "postgres", "-XAtqc", text, check=check)

    def test_database_in_a_container_starts_on_a_restored_volume(self):
        made = run([ENGINE, "postgres", self.engine], check=False, timeout=120)
        if made.returncode == 77:
            self.skipTest(made.stderr)
        self.assertEqual(0, made.returncode, made.stderr)
        self.docker("rm", "-f", "app")
        self.docker("volume", "rm", "data")
        self.docker("volume", "create", "pgdata")
        self.addCleanup(self.docker, "volume", "rm", "-f", "pgdata", check=False)
        self.database("pgdata")
        self.sql("CREATE TABLE t AS SELECT i, md5(i::text) m FROM generate_series(1, 20000) i; CREATE INDEX ON t(m)")
        rows = "SELECT count(*), md5(string_agg(m, ',' ORDER BY i)) FROM t"
        before = self.sql(rows)
        self.config(docker="pgdata")
        self.run_hf("backup", expect=FAILED, says="have the server stopped")
        self.config(docker="pgdata", stop=["all"])
        self.run_hf("backup")
        self.answers()
        self.sql("DROP TABLE t")
        self.docker("rm", "-f", "db")
        self.docker("volume", "rm", "pgdata")
        self.run_hf("restore", "vol@latest", "--to", "docker:pgdata", says="compared and equal")
        self.database("pgdata")
        self.assertEqual(before, self.sql(rows))
        self.assertIn("database system was shut down at", self.docker_logs("db"))

    def docker_logs(self, name):
        return run(["docker", "--host", f"unix://{self.socket}", "logs", name]).stderr

    def test_job_is_restored_beside_its_volumes(self):
        trees.zoo(self.data() / "zoo")
        self.config()
        config = json.loads((self.folder / "c.json").read_text())
        config["jobs"] = {"nightly": {"sources": ["vol"], "repositories": ["r"]}}
        (self.folder / "c.json").write_text(json.dumps(config))
        self.addCleanup(self.docker, "volume", "rm", "-f", "data_restored", check=False)
        self.run_hf("backup")
        self.run_hf("restore", "nightly", "--to", "same", "--replace", expect=BUSY, says="stop it first")
        self.run_hf("restore", "nightly", "--to", "_restored", says="1 of 1 sources restored, 1 proven")
        self.assertEqual([], trees.differences(trees.describe(self.data()),
                                               trees.describe(self.data("data_restored"))))
        self.docker("rm", "-f", "app")
        self.run_hf("restore", "nightly", "--to", "same", "--replace", says="1 proven")

    def test_no_such_volume_or_engine(self):
        self.config(docker="nothing")
        self.run_hf("backup", expect=FAILED, says="no such volume")
        self.config(docker_socket=str(self.folder / "no.sock"))
        self.run_hf("backup", expect=4, says="docker")

    def test_paused_while_it_is_read(self):
        trees.write(self.data() / "x", b"x")
        self.config(pause=["all"])
        self.run_hf("backup")
        self.assertEqual("running", self.state())
        self.assertEqual(["pause", "unpause"], self.actions("pause", "unpause"))
        self.assertEqual([], self.left())

    def actions(self, *wanted):
        """What was done to the container, in order."""
        now = str(int(time.time()) + 1)
        said = self.docker("events", "--since", "1", "--until", now, "--filter", f"container={self.app}",
                           "--format", "{{.Action}}")
        return [a for a in said.split() if a in wanted]

    def test_stopped_while_it_is_read_also_with_a_live_server_in_it(self):
        for name in ("PG_VERSION", "postmaster.pid"):
            trees.write(self.data() / name, b"1\n")
        (self.data() / "global").mkdir()
        self.config(pause=["app"])
        self.run_hf("backup", expect=FAILED, says="postgres source")
        self.assertEqual("running", self.state())
        self.config(stop=["app"])
        self.run_hf("backup")
        self.assertEqual("running", self.state())
        self.assertEqual(["stop", "start"], self.actions("start", "stop")[1:])

    def test_what_was_stopped_before_stays_stopped(self):
        self.docker("stop", "app")
        self.config(stop=["app"])
        self.run_hf("backup")
        self.assertEqual("exited", self.state())

    def test_failure_undoes_it(self):
        trees.write(self.data() / "x", b"x")
        self.config(stop=["app", "no such container"])
        self.run_hf("backup", expect=FAILED, says="no such container")
        self.assertEqual("running", self.state())
        self.config(pause=["app"])
        shutil.rmtree(self.repo / "packs", ignore_errors=True)
        (self.repo / "packs").write_text("in the way")
        self.run_hf("backup", expect=None)
        self.assertEqual("running", self.state())
        self.assertEqual([], self.left())

    def begin_backup(self, **more):
        self.config(**more)
        return self.start("backup", "--config", self.folder / "c.json", repo=False)

    def test_killed_in_between_is_undone_by_the_next_start(self):
        trees.write(self.data() / "large", trees.noise(1, 200_000_000))
        for what, state in (("pause", "paused"), ("stop", "exited")):
            process = self.begin_backup(**{what: ["app"]})
            while self.state() != state:
                self.assertIsNone(process.poll(), "it was too fast to be killed")
            process.send_signal(signal.SIGKILL)
            process.wait()
            self.assertEqual(state, self.state())
            self.assertEqual(1, len(self.left()))
            self.run_hf("backup", says="looked after")
            self.assertEqual("running", self.state())
            self.assertEqual([], self.left())

    def test_interrupted_is_undone_at_once(self):
        trees.write(self.data() / "large", trees.noise(1, 200_000_000))
        process = self.begin_backup(pause=["app"])
        while self.state() != "paused":
            self.assertIsNone(process.poll(), "it was too fast to be interrupted")
        process.send_signal(signal.SIGTERM)
        process.wait()
        self.assertEqual("running", self.state())
        self.assertEqual([], self.left())

    def test_commands_before_and_after_count(self):
        self.config(before=f"echo here > {self.data()}/made", after=["/bin/rm", str(self.data() / "made")])
        self.run_hf("backup")
        self.assertFalse((self.data() / "made").exists())
        self.run_hf("restore", "vol@latest", "--to", self.folder / "out")
        self.assertTrue((self.folder / "out/made").exists())
        self.config(before="echo not today >&2; exit 3")
        self.run_hf("backup", expect=FAILED, says=["before the backup", "not today"])
        self.config(after="exit 4")
        self.run_hf("backup", expect=FAILED, says="after the backup")
        self.assertEqual(1, len(self.snapshots()))

    def test_commands_in_a_container(self):
        self.config(before="echo inside > /volume/inside", commands_in="app")
        self.run_hf("backup")
        self.assertEqual("inside\n", (self.data() / "inside").read_text())
        self.config(before=["sh", "-c", "echo no >&2; exit 5"], commands_in="app")
        self.run_hf("backup", expect=FAILED, says=["container app", "exit code 5: no"])

    def test_time_limit(self):
        self.config(pause=["app"], time_limit=1, before="true")
        trees.write(self.data() / "large", b"")
        with open(self.data() / "large", "wb") as file:
            for n in range(40):
                file.write(trees.noise(n, 50_000_000))
        self.run_hf("backup", expect=FAILED, says="time_limit")
        self.assertEqual("running", self.state())


if __name__ == "__main__":
    harness.main()
