#!/usr/bin/python3
"""Retention: which snapshots stay and go, pins, and what a host that lies about time can do."""
import os
import time

import harness
from harness import DAMAGED, FAILED, USAGE, TestCase

DAY = 86400

CONFIG = """
repositories:
  local:   {{path: repo, identity_file: {identity}}}
  offsite: {{path: offsite, identity_file: {identity}}}
sources:
  app:   {{volume: {{path: app}}}}
  other: {{volume: {{path: other}}}}
jobs:
  nightly:
    sources: [app]
    repositories: [{repositories}]
    timezone: UTC
    keep: {{last: 2, daily: 3, tags: [release]}}
  plain: {{sources: [other], repositories: [local]}}
"""


class Retention(TestCase):
    SERVERS = {}

    def setUp(self):
        super().setUp()
        self.init()
        self.runs = 0
        self.configure("local")
        for name in ("app", "other"):
            (self.folder / name).mkdir()
            (self.folder / name / "file").write_text(name)

    def configure(self, repositories):
        (self.folder / "holdfast.yaml").write_text(
            CONFIG.format(identity=self.base / "identity", repositories=repositories))

    def two(self):
        """The job copies to another repository."""
        self.hf("init", "--replica-of", "local", "--repository", "offsite", repo=False)
        self.offsite = self.folder / "offsite"
        self.configure("local, offsite")

    def days_ago(self, days):
        """Of this host and its disks: noon of that day, so that a day is a day."""
        noon = time.time() // DAY * DAY - DAY / 2
        return {"HF_CLOCK_OFFSET": int(noon - days * DAY - time.time())}

    def day(self, days):
        return time.strftime("%Y-%m-%d", time.gmtime(time.time() // DAY * DAY - DAY / 2 - days * DAY))

    def run_job(self, days, *arguments, lie=None, job="nightly"):
        """The snapshot of a run so many days ago; lie: the host is that much further off."""
        env = self.days_ago(days)
        self.runs += 1
        env["HF_CLOCK_OFFSET"] += 60 * self.runs  # one after the other, on one day too
        if lie is not None:
            env["HF_STORE_CLOCK_OFFSET"] = env["HF_CLOCK_OFFSET"]
            env["HF_CLOCK_OFFSET"] += int(lie * DAY)
        result = self.hf("backup", job, "--json", *arguments, repo=False, env=env)
        return [e["snapshot"] for e in result.events if e["event"] == "backup"][0]

    def prune(self, *arguments, **options):
        options.setdefault("env", self.days_ago(0))
        return self.hf("prune", "--json", *arguments, repo=False, **options)

    def pruned(self, *arguments, **options):
        """What became of the packs, by repository."""
        return {e["repository"]: e for e in self.prune(*arguments, **options).events
                if e["event"] == "prune"}

    def verdicts(self, *arguments, repository="local", **options):
        return {e["snapshot"]: e for e in self.prune(*arguments, **options).events
                if e["event"] == "retention" and e["repository"] == repository}

    def listed(self, *arguments, **options):
        result = self.hf("list", "--json", *arguments, repo=False, **options)
        return [e for e in result.events if e["event"] == "snapshot"]

    def here(self, repository="local", source="app"):
        return [e["id"] for e in self.listed(source, "--repository", repository)]


class Rules(Retention):
    def test_a_job_of_two_repositories(self):
        self.two()
        days = (9, 5, 4, 3, 3, 2, 1)
        ids = [self.run_job(d, *(["--tag", "release"] if d == 9 else [])) for d in days]
        other = self.run_job(8, job="plain")
        before = self.objects()
        plan = self.verdicts("--dry-run")
        self.assertEqual(set(ids + [other]), set(plan))
        self.assertEqual(before, self.objects())
        stays = [i for i in ids if plan[i]["keep"]]
        self.assertEqual([ids[0], ids[4], ids[5], ids[6]], stays)
        self.assertEqual(["tag release"], plan[ids[0]]["reasons"])
        self.assertEqual([f"daily {self.day(3)}"], plan[ids[4]]["reasons"])
        self.assertIn("newest", plan[ids[6]]["reasons"])
        self.assertIn("last 2 of 2", plan[ids[5]]["reasons"])
        self.assertEqual(["not kept by job nightly: last 2, daily 3"], plan[ids[3]]["reasons"])
        self.assertEqual(("nightly", "would go"), (plan[ids[3]]["job"], plan[ids[3]]["outcome"]))
        self.assertEqual(before, self.objects())
        config = self.folder / "holdfast.yaml"
        text = config.read_text()
        config.write_text(text.replace("timezone: UTC", "timezone: Pacific/Kiritimati"))
        self.assertEqual([f"daily {self.day(2)}"], self.verdicts("--dry-run")[ids[4]]["reasons"])
        config.write_text(text)
        self.assertIn('job plain has no "keep"', plan[other]["reasons"])
        text = self.hf("prune", "--dry-run", repo=False, env=self.days_ago(0))
        for expected in (r"daily 20..-..-..", "newest", "would go", "local: 3 snapshots would be removed",
                         "offsite: 3 snapshots would be removed"):
            self.assertRegex(text.out, expected)
        done = self.hf("prune", repo=False, env=self.days_ago(0))
        self.assertRegex(done.out, "local: 3 snapshots removed, 5 stay")
        for repository in ("local", "offsite"):
            self.assertEqual(stays, self.here(repository))
        again = self.verdicts()
        self.assertTrue(all(v["keep"] for v in again.values()))
        self.assertEqual(stays, self.here())
        # What went does not come back, neither by a copy nor by the next run.
        self.run_job(0)
        self.assertEqual(5, len(self.here("offsite")))
        self.hf("check")

    def test_the_newest_proven_one_stays(self):
        ids = [self.run_job(d) for d in (9, 8, 7, 6, 5)]
        self.hf("restore", ids[0], "--to", self.folder / "back")
        verdicts = self.verdicts("--dry-run", "nightly")
        self.assertEqual(["newest proven"], verdicts[ids[0]]["reasons"])
        self.assertFalse(verdicts[ids[1]]["keep"])
        self.assertRegex(self.hf("list").out, r"proven 20\d\d-\d\d-\d\d")

    def test_sources_of_no_job_are_left_alone_unless_named(self):
        ids = [self.run_job(d) for d in (4, 3, 2, 1)]
        config = self.folder / "holdfast.yaml"
        config.write_text(config.read_text().replace("nightly:", "renamed:"))
        left = self.verdicts("--repository", "local")
        self.assertTrue(all(v["keep"] for v in left.values()))
        self.assertIn("of job nightly, which has no rules here", left[ids[0]]["reasons"])
        self.assertFalse(self.verdicts("app", "--dry-run")[ids[0]]["keep"])
        config.write_text(config.read_text().replace("  app: ", "  gone: ").replace("[app]", "[gone]"))
        self.assertTrue(all(v["keep"] for v in self.verdicts("--repository", "local").values()))
        self.prune("app", expect=USAGE, says="--keep")
        self.prune("--keep", "last=1", expect=USAGE, says="name of a source")
        self.prune("app", "--keep", "dayly=1", expect=USAGE, says="daily=N")
        self.prune("app", "--keep", "last=1", "--repository", "local")
        self.assertEqual([ids[3]], self.here())

    def test_empty_backups_let_nothing_go(self):
        ids = [self.run_job(d) for d in (9, 8, 7, 6)]
        (self.folder / "app" / "file").unlink()
        empty = [self.run_job(d) for d in (5, 4, 3, 2)]
        result = self.prune("nightly")
        self.assertIn("newest snapshot is empty", result.err)
        self.assertEqual(ids + empty, self.here())
        (self.folder / "app" / "file").write_text("back")
        new = self.run_job(1)
        self.prune("nightly")
        self.assertEqual([ids[2], ids[3], empty[2], empty[3], new], self.here())

    def test_a_writer_key_is_enough(self):
        writer = self.folder / "writer"
        made = self.hf("key", "identity", "--output", writer, repo=False)
        self.hf("key", "add", "--writer", "--recipient", made.out.strip().split()[-1])
        ids = [self.run_job(d) for d in (5, 4, 3, 2)]
        config = self.folder / "holdfast.yaml"
        config.write_text(config.read_text().replace(str(self.base / "identity"), str(writer)))
        self.hf("pin", ids[0], "--repository", "local", repo=False)
        self.prune("nightly")
        self.assertEqual(ids, [ids[0]] + self.here()[1:])
        self.hf("unpin", ids[0], "--repository", "local", repo=False)
        self.prune("nightly")
        self.assertEqual(ids[1:], self.here())
        self.hf("forget", ids[1], "--repository", "local", repo=False)
        self.assertEqual(ids[2:], self.here())


class Room(Retention):
    def test_what_went_frees_its_room_after_the_grace_period(self):
        self.two()
        for days in (9, 8, 7, 6):
            (self.folder / "app" / "data").write_bytes(os.urandom(200_000))
            self.run_job(days)
        full = self.stored()
        dry = self.prune("--dry-run", env=self.days_ago(5))
        self.assertEqual(full, self.stored())
        would = self.pruned("--dry-run", env=self.days_ago(1))
        first = self.pruned(env=self.days_ago(1))
        for repository, event in first.items():
            for key in ("snapshots", "chunks", "needed", "marked", "dead_bytes"):
                self.assertEqual(event[key], would[repository][key], (repository, key))
        self.assertEqual({"local", "offsite"}, set(first))
        self.assertGreater(first["local"]["marked"]["packs"], 0)
        self.assertEqual(0, first["local"]["deleted"]["packs"])
        self.assertIsNotNone(first["local"]["next"])
        self.hf("prune", repo=False, env=self.days_ago(-1), says="to be removed later")
        self.hf("prune", repo=False, env=self.days_ago(-3), says="local: removed [1-9]")
        self.assertLess(self.stored(), full - 150_000)
        self.assertLess(self.stored(self.offsite), full - 150_000)
        self.hf("check", "--read-data", "--repository", "offsite", repo=False)
        self.hf("check", "--read-data")
        self.assertEqual(3, len(self.here()))
        self.prune("--grace", "soon", expect=USAGE, says="72h")
        self.assertTrue(dry.events)

    def test_forget_of_a_job_is_its_rules(self):
        ids = [self.run_job(d) for d in (5, 4, 3, 2)]
        self.hf("forget", "nightly", ids[0], repo=False, expect=USAGE, says="either")
        self.hf("forget", "nightly", "--dry-run", repo=False, says="would go")
        self.assertEqual(ids, self.here())
        self.hf("forget", "nightly", "plain", repo=False, env=self.days_ago(1))
        self.assertEqual(ids[1:], self.here())


class LyingHosts(Retention):
    def test_dated_ahead_or_back_pushes_nothing_out(self):
        ids = [self.run_job(d) for d in (8, 7, 6)]
        ahead = [self.run_job(5, lie=3000), self.run_job(5, lie=400)]
        back = [self.run_job(4, lie=-2.5), self.run_job(4, lie=-3)]
        verdicts = self.verdicts("--dry-run", "nightly")
        for snapshot in ids:
            self.assertTrue(verdicts[snapshot]["keep"], verdicts[snapshot])
            self.assertIsNone(verdicts[snapshot]["doubt"])
        for snapshot in ahead + back:
            self.assertEqual("clock", verdicts[snapshot]["doubt"])
        self.assertIn("newest", verdicts[ids[2]]["reasons"])
        # In time they go, though 400 days are not over.
        for d in (3, 2, 1):
            new = self.run_job(d)
        self.prune("nightly")
        left = self.here()
        self.assertNotIn(ahead[0], left)
        self.assertNotIn(ids[0], left)
        self.assertIn(new, left)


class Pins(Retention):
    def test_pins_hold_until_they_end(self):
        self.two()
        ids = [self.run_job(d) for d in (9, 8, 7, 6, 5)]
        now = self.days_ago(4)
        self.hf("pin", ids[0], "--reason", "audit", repo=False, env=now)
        self.hf("pin", ids[1], "--until", "2d", repo=False, env=now)
        self.hf("pin", ids[1], "--until", "2020-01-01", repo=False, env=now, expect=USAGE, says="past")
        self.hf("pin", "app@1999", repo=False, expect=FAILED)
        listed = self.listed(env=now)
        self.assertEqual({"audit"}, {e["pin"]["reason"] for e in listed if e["id"] == ids[0]})
        self.assertRegex(self.hf("list", repo=False, env=now).out, "pinned")
        self.assertRegex(self.hf("show", ids[0], "--repository", "offsite", repo=False).out, "audit")
        self.hf("forget", ids[0], "--force", repo=False, expect=FAILED, says="pinned: audit")
        self.prune(env=self.days_ago(3))
        self.assertEqual([ids[0], ids[1]] + ids[2:], self.here())
        self.prune(env=self.days_ago(1))
        for repository in ("local", "offsite"):
            self.assertEqual([ids[0]] + ids[2:], self.here(repository))
        self.hf("unpin", ids[0], repo=False)
        self.prune()
        self.assertEqual(ids[2:], self.here("offsite"))

    def test_copies_take_pins_along(self):
        first = self.run_job(9)
        self.hf("pin", first, "--repository", "local", repo=False)
        for d in (8, 7, 6):
            self.run_job(d)
        self.two()
        self.run_job(5)
        self.prune()
        self.assertEqual(4, len(self.here("offsite")))
        self.assertIn(first, self.here("offsite"))

    def test_forget_asks_for_force(self):
        ids = [self.run_job(d) for d in (3, 2)]
        self.two()
        ids.append(self.run_job(1))
        self.hf("restore", ids[0], "--to", self.folder / "back")
        self.hf("forget", ids[1], ids[2], repo=False, expect=FAILED, says="newest snapshot of app")
        self.hf("forget", ids[0], repo=False, expect=FAILED, says="newest proven")
        self.assertEqual(ids, self.here())
        self.hf("forget", "--dry-run", ids[1], repo=False, says="would be removed")
        self.hf("forget", ids[1], repo=False, says="offsite: .* removed")
        self.hf("forget", "app@latest", "--force", repo=False)
        self.assertEqual([ids[0]], self.here())
        self.hf("check")

    def test_tags_and_jobs_filter_a_list(self):
        self.run_job(2, "--tag", "release", "--tag", "v1.2")
        self.run_job(1)
        self.backup("other", "--tag", "x", repo=False)
        self.assertEqual(1, len(self.listed("--tag", "v1.2", "--repository", "local")))
        self.assertEqual(2, len(self.listed("--job", "nightly", "--repository", "local")))
        event = self.hf("show", "app@" + self.day(2), "--json").events[0]
        self.assertEqual((["release", "v1.2"], "nightly"), (event["tags"], event["job"]))
        self.backup("other", "--tag", "two words", repo=False, expect=USAGE, says="a tag is")


class Damage(Retention):
    def test_a_manifest_that_cannot_be_read_stops_removal(self):
        ids = [self.run_job(d) for d in (9, 8, 7, 6)]
        self.two()
        ids.append(self.run_job(5))
        damaged = next(self.repo.glob(f"snapshots/*-{ids[2]}"))
        damaged.chmod(0o600)
        damaged.write_bytes(b"x" + damaged.read_bytes()[1:])
        result = self.prune(expect=DAMAGED, says="nothing was removed")
        self.assertIn("1 snapshot cannot be read", result.out)
        self.assertEqual(5, len(list(self.repo.glob("snapshots/*"))))
        self.assertEqual(ids[2:], self.here("offsite"))  # the other one is whole
        self.hf("forget", ids[2], "--repository", "local", repo=False, expect=FAILED)
        self.hf("forget", ids[2], "--force", "--repository", "local", repo=False)
        self.prune()
        self.assertEqual([ids[1]] + ids[3:], self.here())


if __name__ == "__main__":
    harness.main()
