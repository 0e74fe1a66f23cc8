#!/usr/bin/python3
"""The local store and a repository's keys at every call that can fail:
test_storage.py FAILPOINT.SO STORAGE_CALLS"""
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from failpoint import Failpoint

ENDS = ("kill", "kill-after", "tear")
FAULTS = (("ENOSPC", "no space left"), ("EIO", "input/output error"), ("EROFS", "not permitted"))


class StorageTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="hf-storage-calls-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name) / "store"

    def calls(self, what):
        return subprocess.run([STORAGE_CALLS, self.folder, what], text=True, check=False,
                              stdout=subprocess.PIPE)

    def each(self, what, call, how, prepare):
        return FAILPOINT.each([STORAGE_CALLS, self.folder, what], call, how=how, prepare=prepare,
                              under=self.folder.parent if call == "files" else None)

    def empty(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def with_objects(self):
        self.empty()
        (self.folder / "there").mkdir(parents=True)
        (self.folder / "there/replaced").write_text("old")
        (self.folder / "there/removed").write_text("old")

    def with_repository(self):
        self.empty()
        self.assertEqual(self.calls("init").returncode, 0)

    def content(self, key):
        path = self.folder / key
        return path.read_text() if path.exists() else None

    def assert_objects_whole(self, n):
        self.assertIn(self.content("made/here"), (None, "new"), n)
        self.assertIn(self.content("there/replaced"), ("old", "new"), n)
        self.assertIn(self.content("there/removed"), (None, "old"), n)

    def test_put_failing_at_every_file_call_says_why_and_leaves_whole_objects(self):
        for how, words in FAULTS:
            seen = 0
            for n, result in self.each("put", "files", how, self.with_objects):
                # That a file in tmp/ cannot be removed does not matter: it goes after a day.
                if f"{self.folder}/tmp/" not in result.where or "unlink" not in result.where:
                    self.assertTrue(result.stdout.startswith(words + "|"),
                                    (how, n, result.where, result.stdout))
                    self.assertIn(f"directory {self.folder.parent}", result.stdout)
                    self.assertEqual(os.listdir(self.folder / "tmp")
                                     if (self.folder / "tmp").exists() else [], [])
                self.assert_objects_whole((how, n, result.where))
                seen += 1
            self.assertGreater(seen, 10)

    def test_put_ended_at_every_file_call_leaves_whole_objects(self):
        for how in ENDS:
            for n, result in self.each("put", "files", how, self.with_objects):
                self.assertEqual(result.returncode, -signal.SIGKILL)
                self.assert_objects_whole((how, n, result.where))
                again = self.calls("put")
                self.assertTrue(again.returncode == 0 or "exists already" in again.stdout,
                                again.stdout)

    def test_init_failing_or_ended_at_every_file_call_can_be_repeated(self):
        for how in ENDS + ("ENOSPC", "EIO"):
            for n, result in self.each("init", "files", how, self.empty):
                again = self.calls("init")
                self.assertTrue(again.returncode == 0 or again.stdout.startswith("exists already"),
                                (how, n, result.where, again.stdout))
                self.assertEqual(self.calls("open").stdout, "first 1\n", (how, n, result.where))

    def test_rotate_failing_or_ended_at_every_file_call_can_be_repeated(self):
        for how in ("kill", "EIO"):
            for n, result in self.each("rotate", "files", how, self.with_repository):
                self.assertEqual(self.calls("open").returncode, 0, (how, n, result.where))
                for lease in (self.folder / "leases").glob("*"):
                    os.utime(lease, (0, 0))
                again = self.calls("rotate")
                self.assertEqual(again.returncode, 0, (how, n, result.where, again.stdout))
                generations = {line.split()[-1] for line in self.calls("open").stdout.splitlines()}
                self.assertEqual(len(generations), 1, (how, n, result.where, generations))

    def test_every_allocation_without_memory_is_said_to_be_that(self):
        for what, prepare in (("put", self.with_objects), ("init", self.empty),
                              ("rotate", self.with_repository), ("open", self.with_repository)):
            for call in ("alloc", "alloc-any"):
                seen = 0
                for n, result in self.each(what, call, "ENOMEM", prepare):
                    self.assertIn(result.returncode, (0, 1), (what, n, result.stdout))
                    if result.returncode != 0:
                        self.assertRegex(result.stdout, "out of memory|Cannot allocate memory|"
                                         "of memory|cannot be started",
                                         (what, call, n, result.where))
                    seen += 1
                self.assertGreater(seen, 3)


if __name__ == "__main__":
    STORAGE_CALLS = sys.argv.pop()
    FAILPOINT = Failpoint(sys.argv.pop())
    unittest.main()
