#!/usr/bin/python3
"""How many requests each command makes of a bucket, counted before a real server: the table of
docs/operating.md. HOLDFAST_TEST_S3 names the server's settings (tests/servers/)."""
import json
import os
import shutil
import signal
import sys
import time
import uuid
from pathlib import Path

import harness  # and with it the path of tests/support
from harness import BucketPath, TestCase, remove_tree, s3
from s3_peer import Peer, Upstream

SETTINGS = Path(os.environ.get("HOLDFAST_TEST_S3", "/nowhere"))
if not SETTINGS.exists():
    print(f"skipped: no server ({SETTINGS})")
    sys.exit(77)


class Requests(TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server.create("app")
        cls.server.psql("app", """
            CREATE TABLE t AS SELECT i, md5(i::text) AS b FROM generate_series(1, 100000) i;
            CREATE TABLE u AS SELECT i FROM generate_series(1, 1000) i""")

    def setUp(self):
        super().setUp()
        self.peer = Peer(Upstream(s3.read_settings(SETTINGS)))
        self.enterContext(self.peer)
        place = BucketPath(s3.Client(SETTINGS), f"requests-{uuid.uuid4()}")
        self.addCleanup(remove_tree, place)
        self.init(place)
        self.cache = self.folder / "cache"
        there = self.peer.settings
        self.bucket = {"endpoint": there["endpoint"], "region": there["region"], "style": "path",
                       "bucket": there["bucket"], "prefix": place.key,
                       "access_key": there["access_key"],
                       "secret_key_file": str(self.secret("secret_key", there["secret_key"]))}
        self.config = self.configure("holdfast.yaml")

    def configure(self, name):
        path = self.folder / name
        path.write_text(json.dumps({
            "cache": {"path": str(self.cache)},
            "repositories": {"bucket": {"s3": self.bucket, "identity_file": str(self.base / "identity")}},
            "sources": {"app": {"postgres": {"dsn": self.server.url("app")}}}}))
        return path

    def ask(self, *arguments, **options):
        """Runs a command; how many requests it made. Keys that did not open are not counted: which one
        of the two is tried first is chance."""
        self.peer.forget()
        self.result = self.hf(*arguments, "--config", self.config, repo=False, **options)
        self.kinds = self.peer.kinds()
        tried = self.peer.count("get", "*/keys/*") - 1
        count = sum(self.kinds.values()) - tried
        print(f"{' '.join(str(a) for a in arguments)}: {count} {self.kinds}", flush=True)
        return count

    def copies(self):
        return [p for p in self.cache.rglob("*,*") if p.is_file()]

    def test_each_command(self):
        """The bars: 40 for a backup of what did not change, about 6 for a list."""
        first = self.ask("backup", "app")
        unchanged = self.ask("backup", "app")
        # The same of a server without conditional puts: what is named by its bytes is not looked for.
        # The two HEADs ask for the server's time (repository/lease.h), before and after.
        self.assertEqual(2, self.kinds["head"], self.kinds)
        self.assertEqual(12, unchanged, self.kinds)
        self.assertLessEqual(first, unchanged + 3)
        for _ in range(3):
            self.server.psql("app", "UPDATE u SET i = i + 1")
            self.assertLessEqual(self.ask("backup", "app"), unchanged + 7)
        self.assertEqual(6, self.ask("list"), self.kinds)
        self.assertEqual(6 + 5, self.ask("list", "--no-cache"), self.kinds)
        self.assertLessEqual(self.ask("show", "app@latest"), 10)
        # Beside what it reads of catalogs and lists, of five snapshots here.
        self.assertLessEqual(self.ask("prune") - self.peer.count("get", "*/packs/*"), 24)
        self.assertLessEqual(self.peer.count("get", "*/packs/*"), 2 * 5)
        self.assertLessEqual(self.ask("backup", "app"), 40)
        self.ask("backup", "app", "--no-cache")
        self.assertLessEqual(sum(self.kinds.values()), 40)

    def test_cold_list_asks_for_each_manifest_once(self):
        for _ in range(4):
            self.ask("backup", "app")
        shutil.rmtree(self.cache)
        self.assertEqual(6 + 4, self.ask("list"), self.kinds)
        self.assertEqual(6, self.ask("list"), self.kinds)

    def test_damaged_copies_are_fetched_again(self):
        self.ask("backup", "app")
        listed = self.snapshots_of("list", "--json")
        for path in self.copies():
            data = bytearray(path.read_bytes())
            data[len(data) // 2] ^= 1
            path.write_bytes(data)
        self.assertEqual(7, self.ask("list", "--json"), self.kinds)
        self.assertEqual(listed, [e["id"] for e in self.result.events if e["event"] == "snapshot"])
        self.assertEqual(6, self.ask("list", "--json"), self.kinds)
        self.ask("check", "--read-data")

    def snapshots_of(self, *arguments):
        self.ask(*arguments)
        return [e["id"] for e in self.result.events if e["event"] == "snapshot"]

    def test_copies_hold_nothing_in_the_clear(self):
        self.ask("backup", "app")
        self.assertEqual(2, len(self.copies()))
        for path in self.copies():
            data = path.read_bytes()
            self.assertEqual(b"HFSEALED", data[:8])
            for word in (b"app", b"postgres", b"public"):
                self.assertNotIn(word, data)
            self.assertEqual(0o600, path.stat().st_mode & 0o777)

    def test_no_place_for_copies_is_no_failure(self):
        self.cache.write_text("a file")
        self.ask("backup", "app")
        self.assertRegex(self.result.said, "cache is done without")
        self.ask("list")
        self.cache.unlink()

    def test_killed_backups_and_another_host_beside(self):
        """Kills and a host with a cache of its own: nothing stored twice, everything restores."""
        self.ask("backup", "app")
        for delay in (0.2, 0.6, 1.0):
            self.server.psql("app", "UPDATE u SET i = i + 1")
            process = self.start("backup", "app", "--config", self.config, repo=False)
            time.sleep(delay)
            process.send_signal(signal.SIGKILL)
            self.finish(process, expect=None)
        mine, self.cache = self.cache, self.folder / "other cache"
        other = self.configure("other.yaml")
        both = [self.start("backup", "app", "--config", c, repo=False) for c in (self.config, other)]
        for process in both:
            self.finish(process)
        self.cache = mine
        self.ask("backup", "app", "--json")
        self.assertEqual(0, self.result.events[-1]["new_chunks"])
        self.ask("check", "--read-data")
        self.ask("restore", "app@latest", "--to", self.server.url("back"))
        self.server.drop("back")


if __name__ == "__main__":
    harness.main()
