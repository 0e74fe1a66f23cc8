#!/usr/bin/python3
"""The failpoint itself, on small Python programs: test_failpoint.py FAILPOINT.SO"""
import errno
import os
import signal
import sys
import tempfile
import unittest
from pathlib import Path

from failpoint import Failpoint

# What a store does to put one object: nine calls on the folder, one of each kind and two of some.
PUT = """
import os
os.mkdir("d")
f = os.open("d/new", os.O_CREAT | os.O_EXCL | os.O_WRONLY)
os.write(f, b"12345678")
os.pwrite(f, b"abcd", 0)
os.fsync(f)
os.rename("d/new", "d/object")
os.link("d/object", "d/other")
os.unlink("d/other")
os.fsync(os.open("d", os.O_RDONLY))
"""
CALLS = ["mkdir", "open", "write", "pwrite", "fsync", "rename", "link", "unlink", "fsync"]
ELSEWHERE = "import os, tempfile; t = tempfile.TemporaryFile(); os.write(t.fileno(), b'x')\n"


class FailpointTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="hf-failpoint-test-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.runs = 0

    def fresh(self):
        self.runs += 1
        self.place = self.folder / str(self.runs)
        self.place.mkdir()

    def python(self, script, call, **options):
        self.fresh()
        options.setdefault("under", self.place)
        return FAILPOINT.run(["/usr/bin/python3", "-ISc", script], call, cwd=self.place, **options)

    def content(self, name):
        return (self.place / "d" / name).read_bytes()

    def test_run_without_at_only_counts(self):
        result = self.python(ELSEWHERE + PUT, "files")
        self.assertEqual((result.returncode, result.count, result.fired, result.where),
                         (0, len(CALLS), False, ""), result.stderr)
        self.assertEqual(self.content("object"), b"abcd5678")

    def test_run_kinds_are_counted_apart(self):
        for call, count in {"write": 2, "sync": 2, "create": 1, "mkdir": 1, "rename": 1, "link": 1,
                            "unlink": 1, "truncate": 0, "sync,link": 3}.items():
            self.assertEqual(self.python(PUT, call).count, count, call)

    def test_run_every_call_fails_in_its_turn(self):
        for n, call in enumerate(CALLS, 1):
            result = self.python(ELSEWHERE + PUT, "files", at=n, how="ENOSPC")
            self.assertTrue(result.fired)
            self.assertEqual(result.where.split()[0], call)
            self.assertTrue(result.where.split()[1].startswith(str(self.place)), result.where)
            self.assertIn(os.strerror(errno.ENOSPC), result.stderr)
            self.assertEqual(result.returncode, 1)
            self.assertEqual(result.count, n)

    def test_run_plus_fails_all_that_follow(self):
        script = """
import os
f = os.open("f", os.O_CREAT | os.O_WRONLY)
for i in range(5):
    try:
        os.write(f, b"x")
    except OSError:
        pass
"""
        self.python(script, "write", at=2)
        self.assertEqual((self.place / "f").stat().st_size, 4)
        self.python(script, "write", at="2+")
        self.assertEqual((self.place / "f").stat().st_size, 1)

    def test_run_kill_is_before_and_kill_after_behind_the_call(self):
        result = self.python(PUT, "rename", at=1, how="kill")
        self.assertEqual(result.returncode, -signal.SIGKILL)
        self.assertTrue(result.fired)
        self.assertEqual(os.listdir(self.place / "d"), ["new"])
        result = self.python(PUT, "rename", at=1, how="kill-after")
        self.assertEqual(result.returncode, -signal.SIGKILL)
        self.assertEqual(os.listdir(self.place / "d"), ["object"])

    def test_run_tear_leaves_half_a_write(self):
        result = self.python(PUT, "write", at=1, how="tear")
        self.assertEqual(result.returncode, -signal.SIGKILL)
        self.assertEqual(self.content("new"), b"1234")

    def test_run_exit_ends_with_its_own_code(self):
        self.assertEqual(self.python(PUT, "link", at=1, how="exit").returncode, 98)

    def test_run_paths_count_by_where_they_lead(self):
        script = """
import os
os.symlink(".", "way")
for path in ("a", "./b", "way/c", os.getcwd() + "/d", "../%s/e" % os.path.basename(os.getcwd())):
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
here = os.open(".", os.O_RDONLY)
os.close(os.open("f", os.O_CREAT | os.O_WRONLY, dir_fd=here))
os.close(os.open("a", os.O_RDONLY))
os.close(os.open("../outside", os.O_CREAT | os.O_WRONLY))
"""
        self.assertEqual(self.python(script, "create").count, 6)

    def test_run_children_are_left_alone(self):
        script = """
import os, subprocess
subprocess.run(["/usr/bin/python3", "-ISc", "import os; os.mkdir('child')"], check=True)
print([name for name in os.environ if "FAIL" in name or "PRELOAD" in name])
"""
        result = self.python(script, "mkdir", at="1+")
        self.assertEqual((result.returncode, result.fired, result.stdout), (0, False, "[]\n"))

    def test_run_memory_of_the_program_and_of_its_libraries(self):
        own = self.python("pass", "alloc", under=None)
        everything = self.python("pass", "alloc-any", under=None)
        self.assertEqual(own.returncode, 0)
        self.assertGreater(own.count, 10)
        self.assertGreater(everything.count, own.count)
        first = self.python("pass", "alloc", under=None, at=1)
        self.assertTrue(first.fired)
        self.assertNotEqual(first.returncode, 0)
        self.assertEqual(first.where.split()[1], "program")

    def test_run_wrong_settings_are_refused(self):
        for options in ({"call": "sing"}, {"call": "write", "how": "EMUSED"},
                        {"call": "write", "at": "x"}, {"call": "write", "under": "/nonexistent"}):
            with self.assertRaisesRegex(AssertionError, "ended with 2 .*failpoint: HF_FAIL_"):
                self.python("pass", **options)

    def test_each_goes_on_until_nothing_fires(self):
        seen = []
        self.fresh()
        argv = ["/usr/bin/python3", "-ISc", "import os, sys; os.chdir(sys.argv[1])" + PUT]
        for n, result in FAILPOINT.each(argv + [self.place], "files", under=self.place,
                                        prepare=lambda: [p.rmdir() for p in self.place.iterdir()],
                                        how="exit"):
            seen.append((n, result.where.split()[0]))
            for left in (self.place / "d").glob("*"):
                left.unlink()
        self.assertEqual(seen, list(enumerate(CALLS, 1)))


if __name__ == "__main__":
    FAILPOINT = Failpoint(sys.argv.pop(1))
    unittest.main()
