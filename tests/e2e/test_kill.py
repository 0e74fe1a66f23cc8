#!/usr/bin/python3
"""Killed at any moment: what was good stays good, and the next run makes use of the rest."""
import os
import random
import signal
import time

import harness
from harness import DONE, TestCase, remove_tree

SEED = int(os.environ.get("HOLDFAST_SEED", "20261121"))
KILLS = 15 if not harness.STORE else 10


class Killed(TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server.create("app")
        cls.server.psql("app", """
            CREATE TABLE a AS SELECT i, decode(md5(i::text) || md5((-i)::text), 'hex') AS b
            FROM generate_series(1, 1000000) i;
            CREATE TABLE b AS SELECT i, md5(i::text) FROM generate_series(1, 50000) i;
            CREATE INDEX ON b (i)""")

    def setUp(self):
        super().setUp()
        self.chance = random.Random(SEED)

    def kill(self, seconds, *arguments):
        """Starts, waits, kills the whole of it; how it ended."""
        process = self.start(*arguments)
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
        return self.finish(process, expect=None)

    def fresh(self, name):
        self.repo = self.place(name)
        self.init()

    def packs(self):
        return sum(p.stat().st_size for p in (self.repo / "packs").rglob("*") if p.is_file())

    def finish_what_was_killed(self, name):
        """The run after: takes over what is there, all of it is right, and nothing is there twice."""
        done = self.backup(self.server.url("app"), "--name", name, "--json").events[-1]
        self.assertLess(self.packs(), 1.1 * self.once, "something was stored twice")
        self.hf("check", "--read-data")
        self.restore(f"{name}@latest", self.server.url("back"))
        self.assertEqual(*(self.server.query(database, "SELECT count(*), sum(hashtext(b::text)) FROM a")
                           for database in ("app", "back")))
        self.server.drop("back")
        return done["adopted_packs"]

    def test_backup_killed_at_random_moments(self):
        print(f"seed {SEED}", flush=True)
        self.fresh("timing")
        took = self.backup(self.server.url("app")).seconds
        self.once = self.packs()
        ended, adopted, finished = 0, 0, 0
        self.fresh("repo0")
        for number in range(KILLS):
            before = self.packs()
            result = self.kill(self.chance.uniform(0, took), "backup", self.server.url("app"),
                               "--name", f"run{number}")
            self.assertIn(result.code, (DONE, -signal.SIGKILL), result)
            # A snapshot is there whole or not at all.
            there = [s["source"] for s in self.snapshots()]
            if result.code == DONE:
                ended += 1
                self.assertIn(f"run{number}", there)
            for name in there:
                self.hf("show", f"{name}@latest")
            left = self.packs() > before  # and so there is something to take over
            if result.code == DONE or left:
                adopted += self.finish_what_was_killed(f"good{number}")
                finished += 1
                remove_tree(self.repo)
                self.fresh(f"repo{number + 1}")
        print(f"{ended} of {KILLS} runs ended before they were killed; {finished} were finished by "
              f"another run; {adopted} packs adopted")
        self.assertLess(ended, KILLS, "none was killed")
        self.assertGreater(adopted, 0, "no killed run left anything that was used")

    def test_init_killed_then_run_again(self):
        for number in range(5):
            self.repo = self.place(f"new{number}")
            process = self.start("init", key=self.passphrase)
            time.sleep(self.chance.uniform(0.05, 1.5))
            process.kill()
            if self.finish(process, expect=None).code != DONE and not (self.repo / "holdfast").exists():
                self.hf("init", key=self.passphrase)
            self.hf("list", key=self.passphrase)

    def test_restore_killed_then_run_again(self):
        self.init()
        self.backup(self.server.url("app"))
        took = self.restore("app@latest", self.server.url("timing")).seconds
        self.server.drop("timing")
        for number in range(8):
            result = self.kill(self.chance.uniform(0.1, took), "restore", "app@latest", "--to",
                               self.server.url("back"))
            if "back" in self.server.databases():  # whole, even if what follows was cut off
                self.assert_same_database(self.server, "app", self.server, "back")
                self.server.drop("back")
            else:
                self.assertNotEqual(DONE, result.code)
        self.restore("app@latest", self.server.url("back"))
        self.assert_same_database(self.server, "app", self.server, "back")
        self.server.drop("back")
        left = [d for d in self.server.databases() if d not in ("app", "postgres")]
        self.assertEqual([], left, "what killed restores left is dropped by the next one")

    def test_restore_interrupted(self):
        self.init()
        self.backup(self.server.url("app"))
        process = self.start("restore", "app@latest", "--to", self.server.url("back"))
        for _ in range(1000):
            if any(".holdfast-" in name for name in self.server.databases()):
                break
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        result = self.finish(process, expect=None, timeout=20)
        self.assertNotEqual(DONE, result.code)
        self.assert_no_leftovers(self.server, "app")


if __name__ == "__main__":
    harness.main()
