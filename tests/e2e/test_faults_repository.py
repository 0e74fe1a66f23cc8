#!/usr/bin/python3
"""What goes wrong with the repository or its disk: the message says it, and nothing is lost."""
import os
import stat
import unittest

import harness
from harness import FAILED, USAGE, TestCase, run


class RepositoryFaults(TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server.create("app")
        cls.server.psql("app", """
            CREATE TABLE t AS SELECT i, decode(md5(i::text) || md5((-i)::text), 'hex') AS b
            FROM generate_series(1, 300000) i""")

    def test_init_where_something_is(self):
        self.init()
        before = self.objects()
        self.hf("init", key=self.passphrase, expect=FAILED, says="exists|already")
        self.assertEqual(before, self.objects())
        other = self.folder / "photos"
        other.mkdir()
        (other / "holiday.jpg").write_text("not ours")
        self.hf("init", repo=other, key=self.passphrase, expect=USAGE, says="photos")
        self.assertEqual(["holiday.jpg"], os.listdir(other))

    def test_no_repository(self):
        for path, says in ((self.folder / "absent", "absent"), (self.base, "no repository|not a repository")):
            self.hf("list", repo=path, key=self.passphrase, expect=FAILED, says=says)
            self.backup(self.server.url("app"), repo=path, key=self.passphrase, expect=FAILED, says=says)
        self.assertFalse((self.folder / "absent").exists())

    def test_newer_format(self):
        self.init()
        header = (self.repo / "holdfast").read_text()
        self.assertRegex(header, r'"format": ?1')
        (self.repo / "holdfast").write_text(header.replace('"format":1', '"format":2')
                                            .replace('"format": 1', '"format": 2'))
        before = self.objects()
        for command in (["list"], ["backup", self.server.url("app")], ["check"]):
            self.hf(*command, expect=FAILED, says=["format", "newer|2"])
        self.assertEqual(before, self.objects())

    def test_private_modes(self):
        os.umask(0)
        self.addCleanup(os.umask, 0o022)
        self.init(self.folder / "unused")
        repo = self.folder / "private"
        self.hf("init", repo=repo, key=self.passphrase)
        self.backup(self.server.url("app"), repo=repo, key=self.passphrase)
        for path in repo.rglob("*"):
            mode = stat.S_IMODE(path.stat().st_mode)
            self.assertEqual(0o700 if path.is_dir() else 0o600, mode, path)

    @unittest.skipIf(os.getuid() != 0, "mounting needs root")
    def test_full_disk_next_run_uses_what_the_failed_one_stored(self):
        self.server.create("large")
        self.addCleanup(self.server.drop, "large")
        # Some 40 MB stored: two packs and a half. With little memory they are written one by one,
        # so that the first is there whole when the second finds the disk full.
        self.server.psql("large", """
            CREATE TABLE t AS SELECT i, decode(md5(i::text) || md5((-i)::text), 'hex') AS b
            FROM generate_series(1, 900000) i""")
        mount = self.mount("size=26m")
        repo = mount / "repo"
        self.init(repo)
        backup = ("--memory", "128MiB", "--json")
        self.backup(self.server.url("large"), *backup, repo=repo, expect=FAILED, says=["no space left"])
        self.assertEqual([], self.snapshots(repo=repo))
        packs = {p.name: p.stat().st_size for p in (repo / "packs").rglob("*") if p.is_file()}
        self.assertEqual([True], [size > 15 << 20 for size in packs.values()], packs)
        run(["mount", "-o", "remount,size=200m", mount])
        done = self.backup(self.server.url("large"), *backup, repo=repo).events[-1]
        self.assertEqual(1, done["adopted_packs"])
        self.assertLess(done["new_bytes"], done["read_bytes"] - (20 << 20))
        self.assertLessEqual(packs.keys(), {p.name for p in (repo / "packs").rglob("*")})
        self.hf("check", "--read-data", repo=repo)

    @unittest.skipIf(os.getuid() != 0, "mounting needs root")
    def test_read_only_disk(self):
        mount = self.mount("size=200m")
        repo = mount / "repo"
        self.init(repo)
        self.backup(self.server.url("app"), repo=repo)
        run(["mount", "-o", "remount,ro", mount])
        self.hf("list", repo=repo)
        self.backup(self.server.url("app"), repo=repo, expect=FAILED, says=["read-only"])
        self.restore("app@latest", self.server.url("back"), repo=repo)
        self.server.drop("back")

    def mount(self, options):
        """A disk of its own."""
        mount = self.folder / "disk"
        mount.mkdir()
        run(["mount", "-t", "tmpfs", "-o", options, "holdfast-test", mount])
        self.addCleanup(run, ["umount", "-l", mount])
        return mount

    def test_two_backups_at_once(self):
        self.init()
        self.server.create("second")
        self.addCleanup(self.server.drop, "second")
        self.server.psql("second", "CREATE TABLE s AS SELECT i FROM generate_series(1, 50000) i")
        both = [self.start("backup", self.server.url(name), "--name", source)
                for name, source in (("app", "one"), ("second", "two"), ("app", "three"))]
        for process in both:
            self.finish(process)
        self.assertEqual(["one", "three", "two"], sorted(s["source"] for s in self.snapshots()))
        self.hf("check", "--read-data")
        for source, original in (("one", "app"), ("two", "second"), ("three", "app")):
            self.restore(f"{source}@latest", self.server.url("back"))
            self.assert_same_database(self.server, original, self.server, "back")
            self.server.drop("back")


if __name__ == "__main__":
    harness.main()
