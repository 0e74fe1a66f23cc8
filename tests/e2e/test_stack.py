#!/usr/bin/python3
"""A whole stack in one job: a database, a cache and two volumes; destroyed, restored, compared."""
import json
import shutil

import harness
import redis_zoo
import trees
from harness import FAILED, USAGE, TestCase, run
from redis_harness import RedisServer

SOURCES = ("app", "cache", "uploads", "media")


class Stack(TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.redis = RedisServer(cls.base / "redis")
        cls.addClassCleanup(cls.redis.stop)

    def setUp(self):
        super().setUp()
        self.init()
        if "app" not in self.server.databases():
            self.server.zoo("app")
        self.addCleanup(self.drop)
        with self.redis.client() as client:
            client("FLUSHALL")
            redis_zoo.fill(client, many=20)
        for name in ("uploads", "media"):
            trees.zoo(self.folder / name)
        (self.folder / "c.json").write_text(json.dumps({
            "repositories": {"r": {"path": str(self.repo), "identity_file": str(self.base / "identity")}},
            "sources": {"app": {"postgres": {"dsn": self.server.url("app")}},
                        "cache": {"redis": {"url": self.redis.url()}},
                        "uploads": {"volume": {"path": str(self.folder / "uploads")}},
                        "media": {"volume": {"path": str(self.folder / "media")}}},
            "jobs": {"nightly": {"sources": list(SOURCES), "repositories": ["r"]}}}))

    def drop(self):
        for name in self.server.databases():
            if name.startswith("app_"):
                self.server.drop(name)

    def run_hf(self, *arguments, **options):
        return self.hf(*arguments, "--config", self.folder / "c.json", repo=False, **options)

    def restored(self, *arguments, **options):
        """By source, what the one report at the end says."""
        result = self.run_hf("restore", *arguments, "--json", **options)
        reports = [e for e in result.events if e["event"] == "restore_job"]
        self.assertEqual(1, len(reports), result)
        return {one["source"]: one for one in reports[0]["sources"]}

    def state(self):
        return (self.server.dump("app"), sorted(map(str, redis_zoo_content(self.redis))),
                [trees.describe(self.folder / name) for name in ("uploads", "media")])

    def destroy(self):
        self.server.drop("app")
        self.redis.ask("FLUSHALL")
        self.redis.ask("FUNCTION", "FLUSH")
        for name in ("uploads", "media"):
            run(["rm", "-rf", self.folder / name])

    def test_everything_destroyed_comes_back_by_one_command(self):
        before = self.state()
        self.run_hf("backup", "nightly")
        self.destroy()
        result = self.run_hf("restore", "nightly@latest", "--to", "same",
                             says="4 of 4 sources restored, 4 proven")
        self.assertEqual(4, result.said.count("is proven"), result)
        after = self.state()
        self.assertEqual(before[:2], after[:2])
        for one, two in zip(before[2], after[2]):
            self.assertEqual([], trees.differences(one, two))

    def test_beside_it_and_elsewhere_by_suffix_and_name(self):
        self.run_hf("backup")
        rdb = self.folder / "cache.rdb"
        found = self.restored("nightly", "--to", "_restored", "--to", f"cache={rdb}",
                              "--to", f"media={self.folder / 'elsewhere'}")
        self.assertEqual(set(SOURCES), {name for name, one in found.items() if one["restored"]})
        self.assertTrue(all(found[name]["proven"] for name in ("app", "uploads", "media")), found)
        self.assert_same_database(self.server, "app", self.server, "app_restored")
        self.assertTrue(rdb.exists())
        for one, two in (("uploads", "uploads_restored"), ("media", "elsewhere")):
            self.assertEqual([], trees.differences(trees.describe(self.folder / one),
                                                   trees.describe(self.folder / two)))

    def test_what_cannot_be_done_is_refused_before_anything_is_touched(self):
        self.run_hf("backup")
        whole = ["--to", "_restored", "--to", "cache=cache.rdb"]
        for arguments, says in (
                (["--to", "_restored"], "no server of Redis.*cache=redis"),
                (["--to", "app=app2"], "nothing says where cache goes"),
                ([*whole, "--to", "upload=x"], 'no source "upload"; did you mean "uploads"'),
                ([*whole, "--to", "uploads=./x", "--to", "media=./x"], "cannot both go"),
                ([*whole, "--to", "uploads=./x", "--to", "uploads=./y"], "twice where uploads"),
                ([*whole, "--to", "same"], "twice where all"),
                (["--to", "elsewhere"], "SOURCE=TARGET"),
                ([*whole, "--table", "public.t"], "does not go with a job")):
            self.run_hf("restore", "nightly", *arguments, expect=USAGE, says=says)
        self.run_hf("restore", "nightly@yesterday", *whole, expect=USAGE, says="latest")
        self.run_hf("restore", "nightly@2001", *whole, expect=FAILED, says="so old; the newest is of 20")
        self.assert_no_leftovers(self.server, "app")
        self.assertFalse((self.folder / "uploads_restored").exists())

    def test_one_that_fails_leaves_the_others_alone(self):
        self.run_hf("backup")
        self.server.drop("app")
        for name in ("uploads", "media"):
            run(["rm", "-rf", self.folder / name])
        found = self.restored("nightly", "--to", "same", expect=FAILED)
        self.assertFalse(found["cache"]["restored"])
        self.assertIn("keys", found["cache"]["error"])
        for name in ("app", "uploads", "media"):
            self.assertTrue(found[name]["proven"], found)

    def test_a_source_that_its_last_run_lacks_comes_from_the_one_before(self):
        self.run_hf("backup")
        first = {s["source"]: s["id"] for s in self.snapshots()}
        shutil.move(self.folder / "media", self.folder / "gone")
        (self.folder / "uploads/new").write_text("new")
        self.run_hf("backup", expect=None)
        second = {s["source"]: s["id"] for s in self.snapshots()}
        self.hf("backup", self.folder / "gone", "--name", "uploads")  # of no run of the job
        self.redis.ask("FLUSHALL")
        self.run_hf("restore", "nightly", "--to", "_restored", "--to", "cache=c.rdb", "--to",
                    f"media={self.folder / 'media'}", says="media is restored as of .*not in the run")
        proven = {s["source"]: s["id"] for s in self.snapshots() if s["state"] == "proven"}
        self.assertEqual(first["media"], proven["media"])
        self.assertEqual(second["app"], proven["app"])
        self.assertTrue((self.folder / "media").exists())


def redis_zoo_content(server):
    from test_redis import content
    return content(server)[0].items()


if __name__ == "__main__":
    harness.main()
