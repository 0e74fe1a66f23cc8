#!/usr/bin/python3
"""base/ at every call that can fail: test_base.py FAILPOINT.SO BASE_CALLS"""
import os
import signal
import sys
import tempfile
import unittest
from pathlib import Path

from failpoint import Failpoint


class BaseTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="hf-base-calls-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def fresh(self):
        for left in self.folder.iterdir():
            left.unlink()
        (self.folder / "file").write_text("old")

    def each(self, call, how):
        return FAILPOINT.each([BASE_CALLS, self.folder], call, how=how, prepare=self.fresh,
                              under=self.folder if call == "files" else None)

    def assert_old_or_new(self, n):
        self.assertIn((self.folder / "file").read_text(), ("old", "new"), n)

    def test_every_allocation_without_memory_is_said_to_be_that(self):
        for call in ("alloc", "alloc-any"):
            seen = 0
            for n, result in self.each(call, "ENOMEM"):
                # A thread that cannot be made for want of memory has an errno of its own.
                self.assertRegex(result.stdout, r"^out of memory\||\|thread . of . cannot be started",
                                 (call, n, result.where, result.stderr))
                self.assertEqual(result.returncode, 1)
                self.assert_old_or_new(n)
                seen += 1
            self.assertGreater(seen, 30)

    def test_every_file_call_that_fails_is_reported_and_leaves_nothing_behind(self):
        for how, words in (("ENOSPC", "no space left"), ("EIO", "input/output error")):
            seen = []
            for n, result in self.each("files", how):
                seen.append(result.where.split()[0])
                self.assertEqual(result.returncode, 1)
                self.assertTrue(result.stdout.startswith(words + "|" + str(self.folder)),
                                result.stdout)
                self.assert_old_or_new(n)
                self.assertEqual(os.listdir(self.folder), ["file"])
            self.assertEqual(seen, ["open", "write", "fsync", "rename", "fsync"])

    def test_every_file_call_an_end_leaves_the_old_or_the_new_file(self):
        for how in ("kill", "kill-after", "tear"):
            for n, result in self.each("files", how):
                self.assertEqual(result.returncode, -signal.SIGKILL)
                self.assert_old_or_new((how, n))


if __name__ == "__main__":
    BASE_CALLS = sys.argv.pop()
    FAILPOINT = Failpoint(sys.argv.pop())
    unittest.main()
