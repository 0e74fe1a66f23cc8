#!/usr/bin/python3
"""Volumes: everything a directory may hold, there and back again."""
import os
import shutil
import stat
import subprocess
import sys
import unittest

import harness
import trees
from harness import FAILED, Background, TestCase, run

sys.setrecursionlimit(5000)


class VolumeCase(TestCase):
    SERVERS = {}

    def setUp(self):
        super().setUp()
        self.init()
        self.top = self.folder / "volume"
        self.addCleanup(subprocess.run, ["rm", "-rf", str(self.folder)], check=False)

    def back_up(self, *options, **more):
        # Two seconds after the files were made: those that are younger are read again next time.
        more.setdefault("env", {"HF_CLOCK_OFFSET": "10"})
        result = self.backup(str(self.top), "--name", "vol", "--json", *options, **more)
        done = [e for e in result.events if e["event"] == "backup"]
        return done[0] if done else result

    def restore_to(self, name="restored", *options, snapshot="vol@latest", **more):
        return self.restore(snapshot, self.folder / name, *options, **more)

    def assert_same(self, one, two, **options):
        found = trees.differences(trees.describe(one, **options), trees.describe(two, **options))
        if found:
            self.fail(f"{len(found)} differences:\n" + "\n".join(found[:40]))

    def properties(self, snapshot="vol@latest"):
        shown = self.hf("show", snapshot, "--json")
        return [e for e in shown.events if e["event"] == "snapshot"][0]["properties"]


class Fidelity(VolumeCase):
    def test_everything_comes_back(self):
        trees.zoo(self.top)
        self.back_up()
        result = self.restore_to(says="compared and equal")
        self.assert_same(self.top, self.folder / "restored")
        self.assertEqual("proven", self.snapshots()[-1]["state"])
        self.assertEqual(1, self.properties()["sockets"]["count"])
        self.assertEqual(["socket"], self.properties()["sockets"]["paths"])
        self.assertNotIn("could not", result.said)

    def test_second_backup_is_whole_and_reads_nothing(self):
        trees.zoo(self.top)
        self.back_up()
        again = self.back_up()
        self.assertEqual(0, self.properties()["read"]["files"], self.properties())
        self.assertLess(again["new_bytes"], 1)
        self.restore_to()
        self.assert_same(self.top, self.folder / "restored")


    def test_file_over_8_gib(self):
        self.top.mkdir()
        with open(self.top / "large", "wb") as file:
            file.write(b"begin")
            file.seek(9 << 30)
            file.write(trees.noise(1, 100_000))
            file.truncate(10 << 30)
        self.back_up()
        self.restore_to(says="compared and equal")
        st = (self.folder / "restored/large").stat()
        self.assertEqual(10 << 30, st.st_size)
        self.assertLess(st.st_blocks * 512, 10 << 20)
        with open(self.folder / "restored/large", "rb") as file:
            self.assertEqual(b"begin", file.read(5))
            file.seek(9 << 30)
            self.assertEqual(trees.noise(1, 100_000), file.read(100_000))
        self.hf("export", "vol@latest", "-o", self.folder / "out.tar")
        self.assertLess((self.folder / "out.tar").stat().st_size, 1 << 20)
        self.assertRegex(run(["tar", "-tvf", self.folder / "out.tar"]).stdout, f" {10 << 30} .* large")

    def test_100_000_files_in_a_directory(self):
        (self.top / "many").mkdir(parents=True)
        for n in range(100_000):
            os.close(os.open(self.top / "many" / f"{n:x}", os.O_CREAT | os.O_WRONLY, 0o600))
        self.back_up()
        self.restore_to(says="100002 entries.*compared and equal")
        self.assertEqual(sorted(os.listdir(self.top / "many")), sorted(os.listdir(self.folder / "restored/many")))


class Incremental(VolumeCase):
    def make(self, count=300):
        for n in range(count):
            folder = self.top / f"f{n % 17}"
            folder.mkdir(parents=True, exist_ok=True)
            trees.write(folder / f"file {n}", trees.noise(n, 2000 + n * 7))
        trees.write(self.top / "large", trees.noise("large", 20_000_000))

    def test_changes_of_all_kinds_are_seen_and_nothing_else_is_read(self):
        self.make()
        self.back_up()
        trees.write(self.top / "f1" / "file 1", b"shorter")
        was = (self.top / "f2" / "file 2").stat()
        trees.write(self.top / "f2" / "file 2", trees.noise("other", was.st_size), mtime=was.st_mtime_ns)
        (self.top / "f3" / "file 3").unlink()
        (self.top / "f4" / "file 4").rename(self.top / "f5" / "moved")
        os.chmod(self.top / "f6" / "file 6", 0o600)
        trees.write(self.top / "new", b"new")
        shutil.rmtree(self.top / "f7")
        (self.top / "f7").symlink_to("f8")
        self.back_up()
        # Moved, or another mode: the change time says that something happened, so it is read.
        self.assertEqual(5, self.properties()["read"]["files"])
        self.restore_to()
        self.assert_same(self.top, self.folder / "restored")
        first = self.snapshots()[0]["id"]
        self.restore_to("before", snapshot=first)
        self.assertTrue((self.folder / "before/f3/file 3").exists())
        self.assertEqual(2049, (self.folder / "before/f7/file 7").stat().st_size)

    def test_many_rounds_stay_whole_and_waste_is_cleared(self):
        self.make(600)
        self.back_up()
        for turn in range(25):
            for n in range(turn % 5, 600, 15):
                trees.write(self.top / f"f{n % 17}" / f"file {n}", trees.noise(f"{turn} {n}", 2000 + n))
            self.back_up()
        self.restore_to()
        self.assert_same(self.top, self.folder / "restored")
        shown = self.hf("show", "vol@latest", "--json").events[-1]
        live = sum(p.stat().st_size for p in self.top.rglob("*") if p.is_file())
        self.assertLess(shown["bytes"], live * 1.35 + (1 << 20))
        self.hf("check", "--read-data")

    def test_writer_key_skips_unchanged_files(self):
        self.make(50)
        writer = self.secret("writer", "may only add")
        self.hf("key", "add", "--writer", "--new-passphrase-file", writer)
        self.back_up(key=writer)
        self.back_up(key=writer)
        self.assertEqual(0, self.properties()["read"]["files"])
        self.restore("vol@latest", self.folder / "refused", key=writer, expect=FAILED, says="reader key")
        self.assertFalse((self.folder / "refused").exists())
        self.assertEqual([], list(self.folder.glob("*.holdfast-*")))
        self.restore_to()
        self.assert_same(self.top, self.folder / "restored")

    def test_lost_pack_is_made_good_by_reading_again(self):
        self.make(50)
        self.back_up()
        packs = sorted((self.repo / "packs").rglob("*/*"), key=lambda p: p.stat().st_size)
        packs[-1].unlink()
        self.back_up()
        self.restore_to()
        self.assert_same(self.top, self.folder / "restored")

    def test_young_file_is_read_again(self):
        self.top.mkdir()
        trees.write(self.top / "file", b"now")
        self.back_up(env={})
        self.back_up(env={})
        self.assertEqual(1, self.properties()["read"]["files"])


class Tar(VolumeCase):
    def extract(self, *command):
        out = self.folder / command[0]
        out.mkdir()
        run([*command, "-xpf", self.folder / "out.tar", "-C", out])
        return out

    @unittest.skipUnless(trees.ROOT, "owners and devices need root")
    def test_gnu_tar_and_bsdtar_extract_the_same_tree(self):
        trees.zoo(self.top)
        run(["rm", "-rf", self.top / ("d" * 200)])  # GNU tar knows no path longer than PATH_MAX
        os.utime(self.top, ns=(5, 1000000000_000000001))
        self.back_up()
        trees.write(self.top / "sub" / "a", b"changed, and so in another bundle")
        os.utime(self.top / "sub", ns=(5, 1111111111_222222222))
        self.back_up()
        self.hf("export", "vol@latest", "-o", self.folder / "out.tar")
        gnu = self.extract("tar", "--xattrs", "--xattrs-include=*", "--acls", "--numeric-owner")
        self.assert_same(self.top, gnu)
        bsd = self.extract("bsdtar", "--xattrs", "--acls", "--numeric-owner")
        # Nor does bsdtar know fractions of a second before 1970, or change the directory it is in.
        self.assert_same(self.top, bsd, skip={b"./old", b"."})

    @unittest.skipUnless(trees.ROOT, "owners and devices need root")
    def test_rescue_makes_the_same_tree_without_holdfast(self):
        trees.zoo(self.top)
        run(["rm", "-rf", self.top / ("d" * 200)])
        os.utime(self.top, ns=(5, 1000000000_000000001))
        self.back_up()
        with open(self.folder / "out.tar", "wb") as out:
            subprocess.run(["/usr/bin/python3", harness.TOP / "scripts/rescue", self.repo, "--identity-file",
                            self.base / "identity", "tar", "vol@latest"], stdout=out, check=True, timeout=120)
        rescued = self.extract("tar", "--numeric-owner")
        # Attributes are in it as the kernel has them, which tar does not take for ACLs.
        one, two = (trees.describe(t, xattrs=False) for t in (self.top, rescued))
        for tree in (one, two):
            for what in tree.values():
                what.pop("holes", None)
                what["mode"] = oct(int(what["mode"], 8) & ~0o77)
        self.assertEqual([], trees.differences(one, two))

    def test_export_of_a_part(self):
        trees.zoo(self.top)
        self.back_up()
        self.hf("export", "vol@latest", "--path", "sub/", "-o", self.folder / "out.tar")
        listed = run(["tar", "-tf", self.folder / "out.tar"]).stdout.splitlines()
        self.assertEqual(["sub/", "sub/a", "sub/hard link", "sub/subsub/", "sub/subsub/b"], sorted(listed))


class Choice(VolumeCase):
    def files(self, top):
        return sorted(str(p.relative_to(top)) for p in top.rglob("*") if not p.is_dir())

    def make(self, *names):
        for name in names:
            (self.top / name).parent.mkdir(parents=True, exist_ok=True)
            trees.write(self.top / name, name.encode())

    def test_exclude_and_include(self):
        self.make("a.txt", "b.log", "tmp/x", "keep/tmp/y", "keep/b.log", "img/1.png", "img/raw/2.png")
        self.back_up("--exclude", "*.log", "--exclude", "!/b.log", "--exclude", "/tmp/")
        self.restore_to("one")
        self.assertEqual(["a.txt", "b.log", "img/1.png", "img/raw/2.png", "keep/tmp/y"],
                         self.files(self.folder / "one"))
        self.back_up("--include", "img/**", "--exclude", "raw/")
        self.restore_to("two")
        self.assertEqual(["img/1.png"], self.files(self.folder / "two"))

    def test_restore_of_a_part_reads_a_part(self):
        for n in range(40):
            self.make(f"d{n}/small")
            trees.write(self.top / f"d{n}" / "data", trees.noise(n, 1_000_000))
        os.link(self.top / "d0" / "data", self.top / "d39" / "linked")
        self.back_up()
        self.restore_to("one", "--path", "d7/**")
        self.assertEqual(["d7/data", "d7/small"], self.files(self.folder / "one"))
        self.assertEqual("stored", self.snapshots()[-1]["state"])
        # The content of the linked file is listed with a name that is not chosen.
        self.restore_to("two", "--path", "linked", "--path", "small")
        self.assertEqual(41, len(self.files(self.folder / "two")))
        self.assertEqual(trees.noise(0, 1_000_000), (self.folder / "two/d39/linked").read_bytes())
        self.restore_to("three", "--path", "nothing like it", expect=FAILED, says="nothing in the snapshot")
        self.assertFalse((self.folder / "three").exists())

    def test_target_that_is_there(self):
        self.make("a")
        self.back_up()
        (self.folder / "empty").mkdir()
        self.restore_to("empty")
        (self.folder / "full").mkdir()
        trees.write(self.folder / "full" / "mine", b"mine")
        self.restore_to("full", expect=FAILED, says="--replace")
        self.assertEqual(["mine"], os.listdir(self.folder / "full"))
        self.restore_to("full", "--replace", says="kept as .*full.before-")
        self.assertEqual(["a"], os.listdir(self.folder / "full"))
        aside = list(self.folder.glob("full.before-*"))
        self.assertEqual(["mine"], os.listdir(aside[0]))
        self.assertEqual([], list(self.folder.glob("*.holdfast-*")))


class Listing(VolumeCase):
    def test_files_of_a_snapshot_with_any_key(self):
        trees.zoo(self.top)
        self.back_up()
        writer = self.secret("writer", "may only add")
        self.hf("key", "add", "--writer", "--new-passphrase-file", writer)
        listed = self.hf("list", "vol@latest", "--json", key=writer).events
        self.assertEqual(len(trees.describe(self.top)), len(listed))
        by_path = {e["path"]: e for e in listed}
        self.assertEqual(("symlink", "text"), (by_path["link"]["type"], by_path["link"]["target"]))
        self.assertEqual(1 << 30, by_path["all hole"]["size"])
        self.assertIn("new\\x0aline", by_path)
        self.hf("list", "vol@latest", "--path", "setuid", says="^-rwsr-xr-x .* 2[0-9-]*T[0-9:]*Z setuid\n$")


class Trouble(VolumeCase):
    def test_live_postgres_is_refused(self):
        (self.top / "pg" / "global").mkdir(parents=True)
        for name in ("PG_VERSION", "postmaster.pid"):
            trees.write(self.top / "pg" / name, b"15\n")
        self.back_up(expect=FAILED, says="postgres source")
        (self.top / "pg" / "postmaster.pid").unlink()
        self.back_up()
        trees.write(self.top / "pg" / "postmaster.pid", b"1\n")
        self.back_up("--exclude", "/pg/")

    def test_file_that_always_changes_is_named_and_kept_whole(self):
        self.top.mkdir()
        trees.write(self.top / "quiet", b"quiet")
        for name, size in (("busy", 60_000_000), ("busy small", 500_000)):
            trees.write(self.top / name, b"x" * size)
        stop = self.folder / "stop"
        writer = subprocess.Popen(["/usr/bin/python3", "-c", """
import os, sys
files = [open(p, "r+b") for p in sys.argv[2:]]
while not os.path.exists(sys.argv[1]):
    for f in files:
        f.seek(100); f.write(os.urandom(8)); f.flush()
""", stop, self.top / "busy", self.top / "busy small"])
        try:
            self.back_up()
        finally:
            stop.write_text("")
            writer.wait()
        changed = self.properties()["changed"]
        self.assertIn("busy", changed["paths"])
        self.restore_to(says="compared and equal")
        self.assertEqual(60_000_000, (self.folder / "restored/busy").stat().st_size)
        self.back_up()
        self.restore_to("later")
        self.assert_same(self.top, self.folder / "later")

    def test_files_and_directories_that_come_and_go_are_no_failure(self):
        for name in ("a", "m", "z"):
            (self.top / name).mkdir(parents=True)
            trees.write(self.top / name / "stays", trees.noise(1, 100_000))

        def churn(round):
            for name in ("a", "m", "z"):
                folder = self.top / name / f"folder{round % 7}"
                folder.mkdir()
                for n in range(20):
                    trees.write(folder / f"file{n}", b"x" * n)
                shutil.rmtree(folder)
        with Background(churn):
            for _ in range(4):
                self.back_up()
                for path in self.properties()["vanished"]["paths"]:
                    self.assertIn("folder", path)
        self.restore_to(says="compared and equal")
        for name in ("a", "m", "z"):
            self.assertEqual(trees.noise(1, 100_000), (self.folder / "restored" / name / "stays").read_bytes())
        self.back_up()
        self.restore_to("later")
        self.assert_same(self.top, self.folder / "later")

    @unittest.skipUnless(trees.ROOT, "needs another user")
    def test_unreadable_fails_unless_told(self):
        self.top.mkdir()
        trees.write(self.top / "mine", b"x")
        trees.write(self.top / "secret", b"x", 0)
        (self.top / "closed").mkdir()
        trees.write(self.top / "closed" / "inside", b"x")
        self.top.chmod(0o755)
        (self.top / "closed").chmod(0)
        user = {"user": 65534, "group": 65534, "extra_groups": []}
        for path in [self.repo, *self.repo.rglob("*"), self.base / "identity"]:
            os.chown(path, 65534, 65534)
        self.base.chmod(0o777)
        self.back_up(expect=FAILED, says="(secret|closed) cannot be read.*skip_unreadable", **user)
        self.back_up("--skip-unreadable", **user)
        self.assertEqual(["closed: Permission denied", "secret: Permission denied"],
                         sorted(self.properties()["unreadable"]["paths"]))

    @unittest.skipUnless(trees.ROOT, "needs another user")
    def test_restore_as_nobody_does_what_tar_does_and_says_so(self):
        trees.zoo(self.top)
        self.back_up()
        for path in [self.repo, *self.repo.rglob("*"), self.base / "identity"]:
            os.chown(path, 65534, 65534)
        out = self.folder / "out"
        out.mkdir()
        out.chmod(0o777)
        result = self.restore("vol@latest", out / "restored", user=65534, group=65534, extra_groups=[],
                              says=["owners could not be set", "devices could not be made"])
        self.assertIn("compared and equal", result.said)
        self.assertEqual(65534, (out / "restored/text").stat().st_uid)
        self.assertEqual(0o755, stat.S_IMODE((out / "restored/setuid").stat().st_mode))
        skip = {b"./null", b"./loop", b"./setuid", b"./capable", b"./setgid sticky"}
        self.assert_same(self.top, out / "restored", owners=False, xattrs=False, skip=skip)

    def test_no_room_is_said_before_anything_is_written(self):
        self.top.mkdir()
        with open(self.top / "data", "wb") as file:
            file.write(trees.noise(1, 30_000_000))
        self.back_up()
        small = self.folder / "small"
        small.mkdir()
        if not trees.ROOT or run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", small],
                                 check=False).returncode:
            self.skipTest("cannot mount a small file system")
        try:
            self.restore("vol@latest", small / "x", expect=FAILED, says="need 28.6 MiB")
            self.assertEqual([], os.listdir(small))
        finally:
            run(["umount", small])

    @unittest.skipUnless(trees.ROOT, "needs root to mount")
    def test_one_file_system_unless_told(self):
        inner = self.top / "mounted"
        inner.mkdir(parents=True)
        if run(["mount", "-t", "tmpfs", "tmpfs", inner], check=False).returncode:
            self.skipTest("cannot mount")
        try:
            trees.write(inner / "inside", b"x")
            self.back_up()
            self.restore_to("one")
            self.assertEqual([], os.listdir(self.folder / "one/mounted"))
            self.back_up("--all-file-systems")
            self.restore_to("two")
            self.assertEqual(["inside"], os.listdir(self.folder / "two/mounted"))
        finally:
            run(["umount", inner])


if __name__ == "__main__":
    harness.main()
