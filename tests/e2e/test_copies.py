#!/usr/bin/python3
"""Several repositories: replicas, copies, jobs that store in one and copy to others."""
import random
import re
import shlex
import shutil
import signal
import time

import harness
from harness import DAMAGED, DONE, FAILED, TOP, UNREACHABLE, USAGE, Background, TestCase, run

PARTIAL = 6

CONFIG = """
repositories:
  local:   {{path: repo, identity_file: {identity}}}
  offsite: {{path: offsite, identity_file: {identity}}}
sources:
  app:   {{postgres: {{dsn: "{app}"}}}}
  other: {{postgres: {{dsn: "{other}"}}}}
jobs:
  nightly: {{sources: [app], repositories: [local, offsite]}}
  here:    {{sources: [other], repositories: [local]}}
"""


class Copies(TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server.create("app")
        cls.server.psql("app", """
            CREATE TABLE t AS SELECT i, md5(i::text) AS m FROM generate_series(1, 20000) i;
            CREATE TABLE big AS SELECT i, decode(md5(i::text) || md5((-i)::text), 'hex') AS b
            FROM generate_series(1, 300000) i""")
        cls.server.create("other")
        cls.server.psql("other", "CREATE TABLE o AS SELECT generate_series(1, 100) AS i")

    def setUp(self):
        super().setUp()
        self.offsite = self.folder / "offsite"
        self.init()

    def replica(self, path=None, original=None, **options):
        options.setdefault("repo", path or self.offsite)
        return self.hf("init", "--replica-of", original or self.repo, **options)

    def copy(self, *snapshots, source=None, to=None, key=None, **options):
        """Without --repository: both are named."""
        credential = ["--passphrase-file", key] if key else ["--identity-file", self.base / "identity"]
        return self.hf("copy", source or self.repo, to or self.offsite, *snapshots, *credential,
                       repo=False, **options)

    def ids(self, repo=None):
        return sorted(s["id"] for s in self.snapshots(repo=repo or self.repo))

    def restored_from(self, repo, snapshot="app@latest"):
        self.hf("restore", snapshot, "--to", self.server.url("back"), repo=repo)
        self.assert_same_database(self.server, "app", self.server, "back")
        self.server.drop("back")

    def config(self):
        (self.folder / "holdfast.yaml").write_text(CONFIG.format(
            identity=self.base / "identity", app=self.server.url("app"), other=self.server.url("other")))

    @staticmethod
    def event(result, name):
        return [e for e in result.events if e["event"] == name]


class Copy(Copies):
    def test_a_replica_restores_what_was_copied(self):
        self.backup(self.server.url("app"))
        self.restore("app@latest", self.server.url("back"))
        self.server.drop("back")
        made = self.event(self.replica_json(), "init")[0]
        self.assertEqual(str(self.repo), made["replica_of"])
        copied = self.event(self.copy("--json"), "copy")[0]
        self.assertTrue(copied["ok"])
        self.assertEqual(self.ids(), sorted(copied["copied"]))
        self.assertEqual(self.ids(), self.ids(self.offsite))
        self.assertEqual("proven", self.snapshots(repo=self.offsite)[0]["state"])
        self.hf("check", "--read-data", repo=self.offsite)
        self.restored_from(self.offsite)
        again = self.event(self.copy("--json"), "copy")[0]
        self.assertEqual(([], 1, 0), (again["copied"], again["present"], again["packs"]))
        # As packs are named by their hashes, a copy has the very same ones.
        packs = [sorted(p.name for p in (r / "packs").rglob("*") if p.is_file())
                 for r in (self.repo, self.offsite)]
        self.assertEqual(*packs)

    def replica_json(self):
        return self.hf("init", "--replica-of", self.repo, "--json", repo=self.offsite)

    def test_a_replica_opens_with_the_passphrase_of_its_original(self):
        self.replica(key=self.passphrase)
        self.hf("list", repo=self.offsite, key=self.passphrase)
        self.hf("init", "--replica-of", self.repo, repo=self.offsite, expect=FAILED, says="already")
        self.hf("init", "--replica-of", self.repo, "--cipher", "aes-256-gcm",
                repo=self.folder / "x", expect=USAGE, says="cipher")
        self.hf("init", "--replica-of", self.repo, expect=USAGE, says="itself")

    def test_a_writer_key_copies(self):
        writer = self.secret("writer", "only for adding")
        self.hf("key", "add", "--writer", "--new-passphrase-file", writer)
        self.backup(self.server.url("app"), key=writer)
        self.replica(key=writer)
        self.copy(key=writer)
        self.hf("restore", "app@latest", "--to", self.server.url("x"), repo=self.offsite, key=writer,
                expect=FAILED, says="reader")
        self.restored_from(self.offsite)

    def test_only_replicas_take_copies(self):
        self.backup(self.server.url("app"))
        other = self.folder / "stranger"
        self.hf("init", repo=other, key=self.passphrase)
        self.copy(to=other, key=self.passphrase, expect=USAGE, says="--replica-of")
        self.assertEqual([], self.snapshots(repo=other, key=self.passphrase))

    def test_one_snapshot_and_then_the_rest(self):
        self.backup(self.server.url("app"))
        self.backup(self.server.url("other"))
        self.replica()
        self.copy("other@latest")
        self.assertEqual(["other"], [s["source"] for s in self.snapshots(repo=self.offsite)])
        self.assertLess(self.stored(self.offsite), self.stored() / 4)
        self.copy("nothing@latest", expect=FAILED, says="no snapshot")
        self.copy()
        self.assertEqual(self.ids(), self.ids(self.offsite))
        self.restored_from(self.offsite)

    def test_keys_follow_and_removed_ones_do_not_come_back(self):
        self.replica()
        writer = self.secret("writer", "w")
        self.hf("key", "add", "--writer", "--label", "web1", "--new-passphrase-file", writer)
        self.copy()
        self.hf("list", repo=self.offsite, key=writer)
        key = next(e["id"] for e in self.hf("key", "list", "--json").events if e.get("label") == "web1")
        self.hf("key", "remove", key)
        self.hf("key", "rotate")
        self.backup(self.server.url("app"))
        result = self.copy(says="web1")
        self.assertIn("key remove", result.err)
        self.restored_from(self.offsite)
        self.hf("key", "remove", key, repo=self.offsite)
        self.copy()
        self.hf("list", repo=self.offsite, key=writer, expect=FAILED)

    def test_rotated_apart(self):
        self.replica()
        self.hf("key", "rotate")
        self.hf("key", "rotate", repo=self.offsite)
        self.copy(expect=DAMAGED, says="rotated on their own")

    def test_damage_is_not_copied(self):
        self.backup(self.server.url("other"))
        self.backup(self.server.url("app"))
        self.replica()
        pack = max((p for p in (self.repo / "packs").rglob("*") if p.is_file()),
                   key=lambda p: p.stat().st_size)
        data = bytearray(pack.read_bytes())
        data[len(data) // 2] ^= 1
        pack.write_bytes(data)
        result = self.copy("--json", expect=DAMAGED, says=pack.name[:12])
        event = self.event(result, "copy")[0]
        self.assertEqual((False, 1, 1), (event["ok"], len(event["copied"]), len(event["failed"])))
        self.assertEqual(["other"], [s["source"] for s in self.snapshots(repo=self.offsite)])
        self.hf("check", "--read-data", repo=self.offsite)

    def test_killed_at_random_moments(self):
        chance = random.Random(20261125)
        for _ in range(3):
            self.backup(self.server.url("app"))
            self.server.psql("app", "UPDATE big SET b = b || '\\x00' WHERE i % 3 = 0")
        self.replica()
        took = self.copy().seconds
        killed = 0
        for number in range(8):
            shutil.rmtree(self.offsite)
            self.replica()
            process = self.start("copy", self.repo, self.offsite, "--identity-file",
                                 self.base / "identity", repo=False)
            time.sleep(chance.uniform(0, took))
            process.send_signal(signal.SIGKILL)
            killed += self.finish(process, expect=None).code != DONE
            for snapshot in self.ids(self.offsite):
                self.hf("show", snapshot, repo=self.offsite)
            there = sum(p.is_file() for p in (self.offsite / "packs").rglob("*"))
            rest = self.event(self.copy("--json"), "copy")[0]
            self.assertEqual(self.ids(), self.ids(self.offsite))
            packs = sum(p.is_file() for p in (self.repo / "packs").rglob("*"))
            self.assertEqual(packs, there + rest["packs"], "nothing is sent twice")
        self.hf("check", "--read-data", repo=self.offsite)
        self.assertGreater(killed, 0)

    def test_backups_go_on_beside(self):
        self.replica()
        self.backup(self.server.url("app"))
        self.copy()
        with Background(lambda n: self.backup(self.server.url("other"), "--name", f"in{n}")) as there:
            with Background(lambda n: self.backup(self.server.url("other"), "--name", f"off{n}",
                                                  repo=self.offsite)):
                while there.rounds < 3:
                    self.copy()
        self.copy()
        self.assertLessEqual(set(self.ids()), set(self.ids(self.offsite)))
        self.hf("check", "--read-data", repo=self.offsite)


class Jobs(Copies):
    def run_job(self, *arguments, **options):
        return self.hf("backup", *arguments, "--json", repo=False, **options)

    def where(self, **options):
        result = self.hf("list", "--json", repo=False, **options)
        return [(s["source"], s["repositories"], s["missing"]) for s in self.event(result, "snapshot")]

    def test_stored_in_the_first_copied_to_the_other(self):
        self.config()
        self.hf("init", "--replica-of", "local", "--repository", "offsite", repo=False)
        result = self.run_job()
        self.assertEqual(["local", "local"], [e["repository"] for e in self.event(result, "backup")])
        self.assertEqual([("local", "offsite", True)],
                         [(e["from"], e["to"], e["ok"]) for e in self.event(result, "copy")])
        self.assertEqual([("app", ["local", "offsite"], []), ("other", ["local"], [])], self.where())
        self.hf("list", repo=False, says=["local, offsite"])
        self.restored_from(self.offsite)

    def test_a_failing_copy_is_made_up_for_by_the_next_run(self):
        self.config()
        result = self.run_job("nightly", expect=PARTIAL)
        self.assertEqual([False], [e["ok"] for e in self.event(result, "copy")])
        self.assertEqual(6, self.event(result, "error")[-1]["exit_code"])
        self.run_job("app", expect=PARTIAL)
        self.assertEqual(2, len(self.ids()))
        self.hf("list", "--json", repo=False, expect=FAILED, says="not listed")
        self.hf("init", "--replica-of", "local", "--repository", "offsite", repo=False)
        self.assertEqual([("app", ["local"], ["offsite"])] * 2, self.where())
        self.hf("list", repo=False, says="not in offsite")
        copied = self.event(self.run_job("nightly"), "copy")[0]["copied"]
        self.assertEqual(3, len(copied), "what was missing, not just the newest")
        self.assertEqual([("app", ["local", "offsite"], [])] * 3, self.where())

    def test_copies_are_made_where_a_backup_fails(self):
        self.config()
        self.run_job("app", "--repository", "local")
        self.hf("init", "--replica-of", "local", "--repository", "offsite", repo=False)
        broken = (self.folder / "holdfast.yaml").read_text().replace(
            f"port={self.server.port}", "port=1", 1)
        (self.folder / "holdfast.yaml").write_text(broken)
        result = self.run_job("nightly", expect=UNREACHABLE)
        self.assertEqual([True], [e["ok"] for e in self.event(result, "copy")])
        self.assertEqual(self.ids(), self.ids(self.offsite))

    def test_one_repository_of_a_job(self):
        self.config()
        result = self.run_job("nightly", "--repository", "local")
        self.assertEqual([], self.event(result, "copy"))


class Fallback(Copies):
    def setUp(self):
        super().setUp()
        self.backup(self.server.url("app"))
        self.backup(self.server.url("other"))
        self.replica()
        self.copy()

    def packs(self):
        return sorted((p for p in (self.repo / "packs").rglob("*") if p.is_file()),
                      key=lambda p: p.stat().st_size)

    @staticmethod
    def flip(path):
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)

    def restore_with_help(self):
        result = self.hf("restore", "app@latest", "--to", self.server.url("back"), "--from", self.offsite,
                         "--json", says="read from")
        self.assert_same_database(self.server, "app", self.server, "back")
        self.server.drop("back")
        return self.event(result, "restore")[0]["fallback"]

    def test_a_damaged_pack_is_read_from_the_other(self):
        self.flip(self.packs()[-1])
        self.hf("restore", "app@latest", "--to", self.server.url("back"), expect=DAMAGED)
        fallback = self.restore_with_help()
        self.assertEqual((str(self.offsite), False), (fallback["from"], fallback["manifest"]))
        self.assertGreater(fallback["chunks"], 0)

    def test_the_other_repository_of_the_job_is_found(self):
        self.config()
        self.flip(self.packs()[-1])
        result = self.hf("restore", "app@latest", "--to", "back", "--json", repo=False,
                         says=["once more, with what is missing or damaged from repository offsite", "read from"])
        self.assertGreater(self.event(result, "restore")[0]["fallback"]["chunks"], 0)
        self.assert_same_database(self.server, "app", self.server, "back")
        self.server.drop("back")
        shutil.rmtree(self.offsite)
        self.hf("restore", "app@latest", "--to", "back", repo=False, expect=DAMAGED,
                says="cannot be read from offsite")

    def test_everything_but_the_keys_is_gone(self):
        for part in ("packs", "index", "snapshots"):
            shutil.rmtree(self.repo / part)
        self.assertTrue(self.restore_with_help()["manifest"])
        self.hf("show", "app@latest", "--from", self.offsite)
        self.assertIn("CREATE TABLE", self.hf("export", "app@latest", "--from", self.offsite).out)

    def test_nothing_is_asked_of_the_other_for_nothing(self):
        result = self.hf("restore", "app@latest", "--to", self.server.url("back"), "--from", self.offsite,
                         "--json")
        self.assertIsNone(self.event(result, "restore")[0]["fallback"])
        self.server.drop("back")
        self.hf("restore", "app@latest", "--to", self.server.url("back"), "--from", self.repo,
                expect=USAGE, says="itself")

    def test_heal(self):
        packs = self.packs()
        packs[0].unlink()
        self.flip(packs[-1])
        for part in ("index", "snapshots"):
            for path in (self.repo / part).iterdir():
                self.flip(path)
        self.hf("check", "--from", self.offsite, expect=USAGE, says="--repair")
        result = self.hf("check", "--repair", "--read-data", "--from", self.offsite, "--json")
        report = self.event(result, "check")[0]
        self.assertGreater(report["problems"], 3)
        self.assertEqual((report["problems"], 0), (report["healed"], report["damaged_snapshots"]))
        self.hf("check", "--read-data")
        self.restored_from(self.repo)

    def test_what_cannot_be_healed_is_said(self):
        pack = self.packs()[-1]
        pack.unlink()
        (self.offsite / "packs" / pack.parent.name / pack.name).unlink()
        self.hf("check", "--repair", "--from", self.offsite, expect=DAMAGED, says=pack.name[:12])

    def test_rescue_reads_a_copy(self):
        out = self.folder / "out"
        run(["/usr/bin/python3", TOP / "scripts/rescue", self.offsite, "--identity-file",
             self.base / "identity", "extract", self.ids()[0], out], timeout=120)
        self.assertTrue(any(p.is_file() for p in out.rglob("*")))


class Recipes(Copies):
    """The commands of docs/operating.md, as they are there."""

    def setUp(self):
        super().setUp()
        shutil.rmtree(self.repo)
        self.addCleanup(self.server.drop, "app_restored")

    def configure(self, *names):
        places = "".join(f"  {n}: {{path: places/{n}, passphrase_file: {self.passphrase}}}\n" for n in names)
        (self.folder / "holdfast.yaml").write_text(
            f"repositories:\n{places}"
            f"sources:\n  app: {{postgres: {{dsn: \"{self.server.url('app')}\"}}}}\n"
            "jobs:\n  nightly: {sources: [app], repositories: [local, nas, offsite]}\n")

    def follow(self, title):
        """Runs the commands under a heading."""
        text = (TOP / "docs/operating.md").read_text().split(f"### {title}\n", 1)[1].split("\n#", 1)[0]
        commands = [line for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
                    for line in block.splitlines()]
        self.assertGreater(len(commands), 1)
        return [self.hf(*shlex.split(line)[1:], repo=False) for line in commands]

    def sources(self, name):
        return len(self.event(self.hf("list", "--json", "--repository", name, repo=False), "snapshot"))

    def test_all_of_them(self):
        self.configure("local", "nas", "offsite")
        self.follow("Three copies, on two media, one of them elsewhere")
        self.configure("local", "nas", "offsite", "new")
        self.follow("Moving to another place or provider")
        self.assertEqual([1] * 4, [self.sources(n) for n in ("local", "nas", "offsite", "new")])
        shutil.rmtree(self.folder / "places/local")
        backup = self.event(self.follow_json("The first repository is lost"), "backup")[0]
        self.assertEqual(0, backup["new_chunks"], "what was copied is found")
        self.assertEqual(3, self.sources("local"))
        self.server.drop("app_restored")
        packs = [p for p in (self.folder / "places/local/packs").rglob("*") if p.is_file()]
        max(packs, key=lambda p: p.stat().st_size).unlink()
        self.follow("One repository is damaged")
        self.assert_same_database(self.server, "app", self.server, "app_restored")
        self.hf("check", "--repository", "local", "--read-data", repo=False)

    def follow_json(self, title):
        *_, last = self.follow(title)
        again = self.hf("backup", "nightly", "--json", repo=False)
        self.assertEqual(DONE, last.code)
        return again


if __name__ == "__main__":
    harness.main()
