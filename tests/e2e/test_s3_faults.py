#!/usr/bin/python3
"""A bucket behind a connection that breaks all the time: backups come through, whole, or say why not.
Behind the faults is a server in memory, or the one of HOLDFAST_TEST_STORE."""
import os
import random
import sys
from pathlib import Path

import harness
from bucket import BucketPath, s3
from harness import BUCKET, DONE, FAILED, TestCase

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import s3_peer as fault  # noqa: E402
from s3_memory import Memory  # noqa: E402
from s3_peer import Peer, Upstream  # noqa: E402

SEED = int(os.environ.get("HOLDFAST_SEED", "20261125"))
ALL = 1 << 30


class Faults(TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server.create("app")
        cls.server.psql("app", """
            CREATE TABLE a AS SELECT i, decode(md5(i::text) || md5((-i)::text), 'hex') AS b
            FROM generate_series(1, 400000) i""")

    def setUp(self):
        super().setUp()
        self.chance = random.Random(SEED)
        self.peer = Peer(Upstream(BUCKET.settings) if BUCKET else Memory())
        self.peer.__enter__()
        self.addCleanup(self.peer.__exit__)
        s = self.peer.settings
        self.env = {"AWS_ENDPOINT_URL_S3": s["endpoint"], "AWS_REGION": s["region"],
                    "AWS_ACCESS_KEY_ID": s["access_key"], "AWS_SECRET_ACCESS_KEY": s["secret_key"],
                    "AWS_EC2_METADATA_DISABLED": "true"}
        self.repo = BucketPath(s3.Client(s), self.folder.name)
        self.init()

    def run_it(self, *arguments, **options):
        return self.hf(*arguments, env=self.env, **options)

    def packs(self):
        """Bytes of all packs that were put, whole."""
        return sum(r.body_len for r in self.peer.requests if r.kind == "put" and "/packs/" in r.key and r.status == 200)

    def assert_whole(self):
        self.run_it("check", "--read-data")
        self.run_it("restore", "app@latest", "--to", self.server.url("back"))
        self.assert_same_database(self.server, "app", self.server, "back")
        self.server.drop("back")
        if not BUCKET:
            self.assertEqual([], self.peer.backend.violations)

    def test_everything_breaks_sometimes(self):
        """A fifth of all requests fail, in one way or another, all through backup, check and restore."""
        print(f"seed {SEED}", flush=True)
        faults = [fault.slow_down(), fault.answer_with(500, "InternalError"), fault.plain(502, "bad gateway"),
                  fault.reset_request(), fault.reset_request(5000), fault.no_answer(), fault.reset_answer(),
                  fault.truncate(100, honest=True), fault.raw(b"HTTP/1.1 2")]

        def sometimes(exchange):
            if self.chance.random() < 0.2:
                self.chance.choice(faults)(exchange)
            else:
                exchange.send(exchange.ask())
        rule = self.peer.on("*", sometimes, times=ALL)
        self.run_it("backup", self.server.url("app"))
        self.run_it("backup", self.server.url("app"))
        self.assert_whole()
        self.assertGreater(rule.used, 30)

    def test_refused_half_way(self):
        """No more puts of packs after the second: the backup fails and says so, nothing is listed; the next
        one uses what is there."""
        rule = self.peer.on("put", fault.answer_with(403, "AccessDenied", "quota"), key="*/packs/*", skip=1, times=ALL)
        result = self.run_it("backup", self.server.url("app"), expect=FAILED,
                             says=["AccessDenied", "check that these credentials"])
        self.assertNotIn(self.env["AWS_SECRET_ACCESS_KEY"], result.said)
        self.assertEqual([], self.snapshots(env=self.env))
        self.assertGreater(rule.used, 0)
        rule.times = 0
        before = self.packs()
        self.assertGreater(before, 0)
        done = self.run_it("backup", self.server.url("app"), "--json").events[-1]
        self.assertGreater(done["adopted_packs"], 0)
        self.assert_whole()

    def test_lies_about_content_are_found(self):
        """A bit of a pack is wrong on the way back, each time: never restored as if it were right."""
        self.run_it("backup", self.server.url("app"))
        rule = self.peer.on("get", fault.flip(2000), key="*/packs/*", times=ALL)
        result = self.run_it("restore", "app@latest", "--to", self.server.url("back"), expect=None)
        self.assertNotEqual(DONE, result.code)
        self.assertGreater(rule.used, 0)
        self.assert_no_leftovers(self.server, "app")
        rule.times = 0
        self.assert_whole()


if __name__ == "__main__":
    harness.main()
