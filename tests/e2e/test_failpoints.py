#!/usr/bin/python3
"""The n-th call fails, for every n: disk full, I/O errors, ends half-way through, no memory.

Runs the optimised program (HOLDFAST_RELEASE), as AddressSanitizer would take the allocator's place.
"""
import os
import shutil
import signal
import sys
import unittest

import harness
from harness import BUILD, DONE, FAILED, TOP, TestCase

sys.path.insert(0, str(TOP / "tests/fault"))
from failpoint import Failpoint

PROGRAM = harness.Path(os.environ.get("HOLDFAST_RELEASE", BUILD / "release/holdfast"))


class Failpoints(TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server.create("app")
        cls.server.psql("app", """
            CREATE TABLE t AS SELECT i, md5(i::text) FROM generate_series(1, 2000) i;
            CREATE TABLE u (a integer PRIMARY KEY, b text); INSERT INTO u VALUES (1, 'x')""")
        cls.failpoint = Failpoint(BUILD / "tests/failpoint.so")

    def setUp(self):
        super().setUp()
        self.init()
        self.empty = self.folder / "empty"
        shutil.copytree(self.repo, self.empty)

    def fresh(self):
        shutil.rmtree(self.repo)
        shutil.copytree(self.empty, self.repo)

    def command(self, *arguments):
        return [PROGRAM, *arguments, "--repository", self.repo, "--identity-file", self.base / "identity"]

    def backup_command(self):
        return self.command("backup", self.server.url("app"), "--jobs", "1", "--threads", "1", "--quiet")

    def usable(self, expected):
        """Whatever happened: it opens, it lists, and what it lists is whole."""
        snapshots = self.snapshots()
        self.assertIn(len(snapshots), expected)
        self.hf("check", "--read-data")
        return len(snapshots)

    def test_every_file_call_fails(self):
        for how, text in (("ENOSPC", "no space left"), ("EIO", "input/output error")):
            places = set()
            for n, result in self.failpoint.each(self.backup_command(), "files", how=how, under=self.repo,
                                                 prepare=self.fresh, env=self.environment()):
                with self.subTest(n=n, how=how, where=result.where):
                    places.add(result.where.split()[0])
                    self.assertIn(result.returncode, (DONE, FAILED), result.stderr)
                    if result.returncode == FAILED:
                        self.assertIn(text, result.stderr.lower())
                    if n % 5 == 0 or result.returncode == DONE:
                        self.usable((0, 1) if result.returncode else (1,))
            self.assertLessEqual({"write", "fsync"}, places)
        self.backup(self.server.url("app"))
        self.restore("app@latest", self.server.url("back"))
        self.server.drop("back")

    def test_killed_at_every_file_call(self):
        runs = 0
        for how in ("kill", "kill-after", "tear"):
            for n, result in self.failpoint.each(self.backup_command(), "files", how=how, under=self.repo,
                                                 env=self.environment()):
                # Not fresh: each run finds what the one before left, at times a whole snapshot.
                runs += 1
                with self.subTest(n=n, how=how, where=result.where):
                    self.assertEqual(-signal.SIGKILL, result.returncode, result.stderr)
                    if n % 5 == 0:
                        self.usable(range(runs + 1))
        self.backup(self.server.url("app"))
        self.restore("app@latest", self.server.url("back"))
        self.assert_same_database(self.server, "app", self.server, "back")
        self.server.drop("back")

    def test_no_memory(self):
        for name, command in (("backup", self.backup_command()), ("list", self.command("list")),
                              ("check", self.command("check", "--read-data"))):
            calls = self.failpoint.run(command, "alloc", under=None, env=self.environment()).count
            self.assertGreater(calls, 50)
            for n, result in self.failpoint.each(command, "alloc", how="ENOMEM", first=1,
                                                 step=max(1, calls // 60), prepare=self.fresh,
                                                 env=self.environment()):
                with self.subTest(command=name, n=n, of=calls):
                    self.assertGreaterEqual(result.returncode, 0, f"crashed: {result.stderr}")
                    if result.returncode not in (DONE, FAILED):
                        self.assertRegex(result.stderr, "(?i)memory")
        self.usable((0, 1))

    def test_restore_without_memory(self):
        self.backup(self.server.url("app"))
        command = self.command("restore", "app@latest", "--to", self.server.url("back"), "--jobs", "1",
                               "--threads", "1", "--quiet")
        calls = self.failpoint.run(command, "alloc", env=self.environment()).count
        self.server.drop("back")
        for n, result in self.failpoint.each(command, "alloc", how="ENOMEM", first=3,
                                             step=max(1, calls // 25), env=self.environment()):
            with self.subTest(n=n, of=calls):
                self.assertGreaterEqual(result.returncode, 0, f"crashed: {result.stderr}")
                if result.returncode == 0 or "back" in self.server.databases():
                    self.assert_same_database(self.server, "app", self.server, "back")
                self.server.drop("back")
        self.server.drop("back")


if __name__ == "__main__":
    harness.main()
