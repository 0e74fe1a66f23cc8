#!/usr/bin/python3
"""Drills: what is proven, what is blamed when it is not, and that nothing is ever left behind."""
import os
import signal
import subprocess
import xml.etree.ElementTree
from pathlib import Path

import harness
import redis_harness
from harness import DAMAGED, FAILED, UNREACHABLE, USAGE

CONFIG = """
sources:
  app: {{postgres: {{dsn: "{app}"}}}}
  cache: {{redis: {{url: "{cache}"}}}}
  files: {{volume: {{path: {files}}}}}
repositories:
  local: {{path: {repo}, identity_file: {identity}}}
jobs:
  nightly:
    sources: [{sources}]
    repositories: local
{drill}
"""

EXTENSION = "hf_zoo"  # of tests/servers/extension

# Changes a row of every table that a restore made, before it is read back.
SABOTAGE = """
CREATE FUNCTION spoil() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
  IF tg_tag = 'CREATE INDEX' OR tg_tag = 'ALTER TABLE' THEN
    IF EXISTS (SELECT FROM pg_class WHERE relname = 'links' AND relkind = 'r') THEN
      UPDATE public.links SET target = 'spoiled' WHERE id = 7;
    END IF;
  END IF;
END $$;
CREATE EVENT TRIGGER spoil ON ddl_command_end EXECUTE FUNCTION spoil();
"""


class Fixture(redis_harness.TestCase):
    SERVERS = {"postgres": {}}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.redis = redis_harness.RedisServer(cls.base / "redis")
        cls.addClassCleanup(cls.redis.stop)
        cls.postgres.create("app")
        cls.postgres.psql("app", """
            CREATE TABLE links (id int PRIMARY KEY, target text);
            INSERT INTO links SELECT i, 'https://example.org/' || i FROM generate_series(1, 200) i;
            CREATE TABLE empty (id int);""")
        with cls.redis.client() as client:
            client("SET", "session:1", "ann")
            client("HSET", "user", "name", "bob")
        cls.files = cls.base / "files"
        (cls.files / "img").mkdir(parents=True)
        (cls.files / "img/logo.png").write_bytes(b"logo" * 1000)
        (cls.files / "out").symlink_to("/etc")

    def setUp(self):
        super().setUp()
        self.scratch = self.folder / "scratch"
        self.scratch.mkdir()
        self.scratch.chmod(0o755)
        self.init()
        self.addCleanup(self.assert_nothing_is_left)

    def assert_nothing_is_left(self):
        left = [p.name for p in self.scratch.iterdir()]
        self.assertEqual([], left)
        self.assertEqual([], [d for d in self.postgres.databases() if "holdfast" in d])
        self.assertEqual([], self.workers())

    def workers(self):
        """Processes that work in a folder of a drill."""
        found = []
        for cwd in Path("/proc").glob("[0-9]*/cwd"):
            try:
                if str(self.scratch) in os.readlink(cwd):
                    found.append(cwd)
            except OSError:
                pass
        return found

    def configure(self, drill="", sources="app, cache, files"):
        text = CONFIG.format(app=self.postgres.url("app"), cache=self.redis.url(), files=self.files,
                             repo=self.repo, identity=self.base / "identity", sources=sources,
                             drill=drill and "    drill:\n" + drill)
        path = self.folder / "holdfast.yaml"
        path.write_text(text)
        return path

    def on_server(self, dsn=None):
        return f'      scratch: {{postgres: {{server: {{dsn: "{dsn or self.postgres.url()}"}}}}}}\n'

    def drill(self, *arguments, **options):
        return self.hf("drill", *arguments, "--config", self.folder / "holdfast.yaml", repo=False,
                       env={"TMPDIR": str(self.scratch)}, **options)

    def save(self, *sources):
        self.hf("backup", *sources, "--config", self.folder / "holdfast.yaml", repo=False)

    def drilled(self, *arguments, **options):
        """The reports, by source."""
        result = self.drill(*arguments, "--json", **options)
        return {e["source"]: e for e in result.events if e["event"] == "drill"}

    def states(self):
        return {e["source"]: e["state"] for e in self.snapshots()}


class Proven:
    ASSERTIONS = """
      rto: 10m
      rpo: 1h
      assert:
        - sql: "select count(*) > 0 from links"
        - {sql: "select target = 'https://example.org/7' from links where id = 7", source: app}
        - {redis: "EXISTS session:1", equals: 1}
        - {redis: [HGET, user, name], equals: bob}
        - {redis: "GET session:1"}
        - {file: img/logo.png, min_size: 4000, sha256: SUM}
"""

    def test_job_of_everything_is_proven_in_temporary_servers(self):
        digest = harness.run(["sha256sum", self.files / "img/logo.png"]).stdout.split()[0]
        self.configure(self.ASSERTIONS.replace("SUM", digest))
        self.save("nightly")
        reports = self.drilled()
        self.assertEqual(["proven"] * 3, [r["verdict"] for r in reports.values()], reports)
        self.assertEqual({"app": "proven", "cache": "proven", "files": "proven"}, self.states())
        app = reports["app"]
        self.assertRegex(app["scratch"], "temporary PostgreSQL")
        self.assertEqual((200, True, True, True), (app["records"], app["compared"], app["equal"],
                                                   app["recorded"]))
        self.assertTrue(0 < app["rto"]["measured_seconds"] < 600)
        self.assertTrue(0 < app["rpo"]["measured_seconds"] < 3600)
        self.assertEqual([True, True], [a["holds"] for a in app["assertions"]])
        self.assertEqual(["done"] * 6, [s["outcome"] for s in app["steps"]])
        self.assertEqual(["1", "bob", "ann"], [a["found"] for a in reports["cache"]["assertions"]])

    def test_snapshot_by_name_and_id_is_proven_on_a_given_server(self):
        self.configure(self.on_server(), "app")
        self.save("app")
        before = self.postgres.databases()
        text = self.drill("app@latest", says=["PROVEN", "200 rows", "compared and equal"]).out
        self.assertIn("given PostgreSQL", text)
        self.assertEqual(before, self.postgres.databases())
        self.assertEqual({"app": "proven"}, self.states())
        identity = self.snapshots()[0]["id"]
        self.assertEqual("proven", self.drilled(identity[:12])["app"]["verdict"])

    def test_whole_server_is_proven_and_leaves_neither_databases_nor_roles(self):
        self.postgres.query("postgres", "CREATE ROLE drilled; CREATE ROLE policed")
        self.postgres.create("second")
        self.addCleanup(self.postgres.query, "postgres", "DROP ROLE drilled, policed")
        self.addCleanup(self.postgres.drop, "second")
        self.postgres.psql("second", """
            CREATE TABLE t AS SELECT 1 AS a;
            ALTER TABLE t OWNER TO drilled;
            ALTER TABLE t ENABLE ROW LEVEL SECURITY;
            CREATE POLICY p ON t TO policed USING (true);""")
        other = harness.Server(self.folder / "other")
        self.addCleanup(other.stop, "immediate")
        asserted = """
      assert:
        - {sql: "select a = 1 from t", database: second}
        - {sql: "select count(*) = 200 from links", database: app}
"""
        for scratch in (asserted, self.on_server(other.url()) + asserted):
            self.configure(scratch, "app")
            (self.folder / "holdfast.yaml").write_text(
                (self.folder / "holdfast.yaml").read_text().replace(
                    f'dsn: "{self.postgres.url("app")}"',
                    f'dsn: "{self.postgres.server_url()}", all_databases: true'))
            self.save("app")
            report = self.drilled()["app"]
            self.assertEqual("proven", report["verdict"], report)
            self.assertEqual(["app", "postgres", "second"],
                             sorted(d["name"] for d in report["report"]["databases"]))
        self.assertEqual(["postgres"], other.databases())
        self.assertEqual(0, other.value("postgres", "SELECT count(*) FROM pg_roles WHERE rolname IN"
                                        " ('drilled', 'policed')"))

    def test_limit_that_is_missed_exits_with_1_and_is_proven(self):
        self.configure("      rpo: 1s\n", "files")
        self.save("files")
        self.hf("drill", "nightly", "--config", self.folder / "holdfast.yaml", repo=False,
                env={"TMPDIR": str(self.scratch), "HF_CLOCK_OFFSET": "7200"}, expect=FAILED,
                says=["LIMIT MISSED", "older than rpo allows", "MORE than the limit"])
        self.assertEqual({"files": "proven"}, self.states())


class BadBackup:
    def test_source_without_a_snapshot_is_a_bad_backup(self):
        self.configure("      rto: 1h\n", "app")
        self.drill("nightly", expect=DAMAGED, says="there is no snapshot of app")
        self.drill("app@latest", expect=DAMAGED, says="BAD BACKUP")

    def spoil_pack(self, spoil):
        self.configure("      rto: 1h\n", "files")
        self.save("files")
        pack = max((p for p in (self.repo / "packs").rglob("*") if p.is_file()),
                   key=lambda p: p.stat().st_size)
        spoil(pack)

    def test_damaged_pack_is_a_bad_backup(self):
        def flip(pack):
            data = bytearray(pack.read_bytes())
            for i in range(200, min(len(data), 60_000), 97):
                data[i] ^= 1
            pack.chmod(0o600)
            pack.write_bytes(data)
        self.spoil_pack(flip)
        self.drill("nightly", expect=DAMAGED,
                   says=["BAD BACKUP", "pack", "Do not rely on this snapshot"])
        self.assertEqual({"files": "stored"}, self.states())

    def test_missing_pack_is_a_bad_backup(self):
        self.spoil_pack(lambda pack: pack.unlink())
        self.drill("nightly", expect=DAMAGED, says=["BAD BACKUP", "pack.*missing|missing.*pack"])

    def test_row_that_differs_is_a_bad_backup(self):
        self.configure(self.on_server(), "app")
        self.save("app")
        # every new database of this server is one in which a trigger changes a row
        self.postgres.query("postgres", "ALTER DATABASE template0 ALLOW_CONNECTIONS true")
        self.postgres.psql("template0", SABOTAGE)
        try:
            self.drill("nightly", expect=DAMAGED,
                       says=["BAD BACKUP", "NOT EQUAL", "differs: .*links", "expected", "found"])
        finally:
            self.postgres.psql("template0", "DROP EVENT TRIGGER spoil; DROP FUNCTION spoil()")
            self.postgres.query("postgres", "ALTER DATABASE template0 ALLOW_CONNECTIONS false")
        self.assertEqual({"app": "stored"}, self.states())

    def test_assertions_that_do_not_hold_say_what_came(self):
        self.configure("""
      assert:
        - {sql: "select count(*) > 1000 from links"}
        - {sql: "select target from links where id = 7"}
        - {sql: "select id from links where id < 3"}
        - {sql: "select true from links where id = 0"}
        - {sql: "select null::boolean"}
        - {sql: "select count(*) > 0 from nowhere"}
        - {sql: "delete from links returning true"}
        - {sql: "select pg_sleep(30) is not null"}
      timeout: 1
""", "app")
        self.save("app")
        report = self.drilled(expect=DAMAGED)["app"]
        self.assertEqual("assertion failed", report["verdict"])
        self.assertTrue(report["equal"])
        found = [a["found"] for a in report["assertions"]]
        expected = ["^false$", "https://example.org/7.*not true or false", "^2 rows", "^0 rows",
                    "^NULL$", "nowhere.*does not exist", "read-only transaction", "timeout"]
        for want, got in zip(expected, found):
            self.assertRegex(got, want)
        self.assertEqual([False] * 8, [a["holds"] for a in report["assertions"]])
        self.assertEqual({"app": "stored"}, self.states())

    def test_files_and_keys_that_are_not_as_expected(self):
        self.configure("""
      assert:
        - {redis: "EXISTS session:2", equals: 1}
        - {redis: "GET nothing"}
        - {redis: "NOSUCH command"}
        - {file: img/none.png}
        - {file: img/logo.png, min_size: 1MiB}
        - {file: img}
        - {file: out/passwd}
""", "cache, files")
        self.save("cache", "files")
        text = self.drill(expect=DAMAGED, says=["ASSERTION FAILED", "EXISTS session:2"]).out
        self.assertEqual(7, text.count("HOLDS NOT"), text)
        self.assertRegex(text, r"expected 1\n +found +0\n")


class BadEnvironment:
    def test_scratch_server_that_is_down(self):
        self.configure(self.on_server("postgresql://postgres@127.0.0.1:1/postgres"), "app")
        self.save("app")
        self.drill("nightly", expect=UNREACHABLE,
                   says=["BAD ENVIRONMENT", "127.0.0.1", "says nothing about the backup"])
        self.assertEqual({"app": "stored"}, self.states())

    def test_extension_that_the_scratch_server_lacks(self):
        self.postgres.create("ext")
        self.addCleanup(self.postgres.drop, "ext")
        self.configure("      rto: 1h\n", "app")
        (self.folder / "holdfast.yaml").write_text(
            (self.folder / "holdfast.yaml").read_text().replace(self.postgres.url("app"),
                                                                self.postgres.url("ext")))
        # the tests' server has it, Debian's own does not
        self.postgres.query("ext", f"CREATE EXTENSION {EXTENSION}")
        self.save("app")
        self.drill("nightly", expect=UNREACHABLE, says=["BAD ENVIRONMENT", EXTENSION])

    def test_no_server_program_that_fits(self):
        self.configure(f"""
      scratch:
        postgres: {{bin_dir: {self.scratch}}}
        redis: {{program: {self.scratch}/redis-server}}
""", "app, cache")
        self.save("app", "cache")
        reports = self.drilled(expect=UNREACHABLE)
        self.assertRegex(reports["app"]["error"]["text"], "initdb.*postgresql-15")
        self.assertEqual(["bad environment"] * 2, [r["verdict"] for r in reports.values()])

    def test_bad_backup_goes_before_bad_environment(self):
        self.configure(f"      scratch: {{redis: {{program: {self.scratch}/none}}}}\n")
        self.save("cache", "files")
        reports = self.drilled(expect=DAMAGED)
        self.assertEqual({"app": "bad backup", "cache": "bad environment", "files": "proven"},
                         {k: r["verdict"] for k, r in reports.items()})


class Files:
    def reported(self, *arguments, **options):
        """The suites of the JUnit file, by name, and the page."""
        junit, page = self.folder / "drill.xml", self.folder / "drill.html"
        self.drill(*arguments, "--junit", junit, "--html", page, **options)
        suites = {s.get("name"): s for s in xml.etree.ElementTree.parse(junit).getroot()}
        return suites, page.read_text()

    @staticmethod
    def outcomes(suite):
        """What became of each test: None where it passed."""
        return {t.get("name"): t[0].tag if len(t) else None for t in suite.iter("testcase")}

    def test_files_of_what_is_proven(self):
        self.configure("""
      rto: 10m
      assert: [{sql: "select count(*) > 0 from links", source: app}]
""", "app, files")
        self.save("nightly")
        suites, page = self.reported("nightly")
        self.assertEqual({"restore": None, "compare": None, "sql: select count(*) > 0 from links": None,
                          "recovery time": None}, self.outcomes(suites["drill of app"]))
        self.assertEqual({"0"}, {s.get(n) for s in suites.values() for n in ("failures", "errors", "skipped")})
        self.assertIn("These backups restore.", page)
        self.assertNotIn("http", page)

    def test_files_of_an_assertion_that_does_not_hold(self):
        self.configure("""
      assert: [{sql: "select '<b>&' is null"}]
""", "app")
        self.save("app")
        suites, page = self.reported("nightly", expect=DAMAGED)
        self.assertEqual({"restore": None, "compare": None, "sql: select '<b>&' is null": "failure"},
                         self.outcomes(suites["drill of app"]))
        self.assertIn("&lt;b&gt;&amp;", page)
        self.assertNotIn("<b>&", page)

    def test_files_of_a_bad_backup(self):
        self.spoil_pack(lambda pack: pack.unlink())
        suites, page = self.reported("nightly", expect=DAMAGED)
        self.assertEqual("failure", self.outcomes(suites["drill of files"])["restore"])
        self.assertIn("A backup does not restore.", page)

    def test_files_of_a_drill_that_could_not_be_held(self):
        self.configure(self.on_server("postgresql://postgres@127.0.0.1:1/postgres"), "app")
        self.save("app")
        suites, page = self.reported("nightly", expect=UNREACHABLE)
        self.assertEqual({"restore": "error", "compare": "skipped"}, self.outcomes(suites["drill of app"]))
        self.assertIn("says nothing about the backups", page)


class Ended:
    SLOW = '      assert: {sql: "select pg_sleep(100) is not null"}\n'

    def running(self, drill, source):
        """A drill that hangs in its assertion."""
        self.configure(drill, source)
        self.save(source)
        process = subprocess.Popen(
            [str(harness.HOLDFAST), "drill", "nightly", "--config",
             str(self.folder / "holdfast.yaml")], cwd=self.folder, stdin=subprocess.DEVNULL,
            env=self.environment({"TMPDIR": str(self.scratch)}), stdout=subprocess.PIPE,
            stderr=subprocess.PIPE)
        self.addCleanup(self.end, process)
        return process

    def asleep(self, connect, process):
        """Until the assertion runs."""
        query = ("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'select pg_sleep%' AND state ="
                 " 'active'")
        while process.poll() is None:
            try:
                if harness.run([self.postgres.clients / "psql", "-XAtc", query, "-d", connect()],
                               check=False).stdout.strip() not in ("", "0"):
                    return
            except StopIteration:
                pass
        self.fail(process.communicate())

    def temporary(self):
        folder = next(self.scratch.glob("holdfast-drill-*/server"))
        return f"host={folder} user=postgres dbname=postgres"

    def test_sigterm_ends_it_and_leaves_nothing(self):
        process = self.running(self.SLOW, "app")
        self.asleep(self.temporary, process)
        process.send_signal(signal.SIGTERM)
        result = self.finish(process, FAILED, timeout=30)
        self.assertIn("INTERRUPTED", result.out)
        self.assert_nothing_is_left()
        self.assertEqual({"app": "stored"}, self.states())

    def test_sigterm_leaves_nothing_on_a_given_server(self):
        before = self.postgres.databases()
        process = self.running(self.on_server() + self.SLOW, "app")
        self.asleep(self.postgres.url, process)
        self.assertEqual(1 + len(before), len(self.postgres.databases()))
        process.send_signal(signal.SIGTERM)
        result = self.finish(process, FAILED, timeout=30)
        self.assertIn("INTERRUPTED", result.out)
        self.assertEqual(before, self.postgres.databases())
        self.assertEqual({"app": "stored"}, self.states())

    def test_next_drill_removes_what_a_killed_one_left(self):
        process = self.running(self.SLOW, "app")
        self.asleep(self.temporary, process)
        process.kill()
        process.wait()
        self.assertEqual(1, len(list(self.scratch.iterdir())))
        self.configure("      rto: 1h\n", "app")
        self.drill("app@latest", says=["removed .*holdfast-drill-.*left over", "PROVEN"])

    def test_next_drill_drops_databases_of_a_killed_one_but_no_others(self):
        mine = self.postgres.create("holdfast_drill_mine")
        process = self.running(self.on_server() + self.SLOW, "app")
        self.asleep(self.postgres.url, process)
        alive = [d for d in self.postgres.databases() if d.startswith("holdfast_drill_")]
        self.assertEqual(2, len(alive))
        self.configure(self.on_server(), "app")
        self.drill("app@latest", says="PROVEN")  # a living drill's stay
        self.assertEqual(alive, [d for d in self.postgres.databases() if "holdfast_drill_" in d])
        process.kill()
        process.wait()
        # the server notices by itself that its client is gone, but not while a query sleeps
        self.postgres.query("postgres", "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
                            " WHERE application_name LIKE 'holdfast%' AND pid <> pg_backend_pid()")
        self.drill("app@latest", says=["dropped database .holdfast_drill_.*left over", "PROVEN"])
        self.assertIn(mine, self.postgres.databases())
        self.postgres.drop(mine)


class Usage:
    def test_what_is_wrong_is_found_by_config_check(self):
        cases = {
            '      assert: {sql: "select \'a"}': "sql.*quote",
            '      assert: {sql: "select 1; select 2"}': "exactly one statement",
            '      assert: {file: ../etc/passwd}': "below the volume",
            '      assert: {file: a, equals: 1}': "does not go with",
            '      assert: {source: app}': "one of \"sql\", \"redis\" and \"file\"",
            '      assert: {source: cache, sql: "select true"}': "PostgreSQL",
            '      assert: {source: nobody, sql: "select true"}': "no source \"nobody\"",
            '      assert: {redis: "GET \\"a"}': "a quote is open",
            '      assert: {file: a, sha256: 12}': "64 hexadecimal",
            "      rto: soon": "a time from",
            "      scratch: {volume: {server: x}}": "unknown key",
            "      scratch: {redis: {image: redis, program: /x}}": "\"image\" or \"program\", not both",
            "      scratch: {redis: {network: host}}": "\"network\".*needs \"image\"",
            "      scratch: {postgres: {docker_socket: /x}}": "\"docker_socket\".*needs \"image\"",
            "      scratch: {postgres: {image: postgres, user: nobody}}": "\"image\" or \"user\", not both",
        }
        for drill, says in cases.items():
            self.configure(drill + "\n")
            self.hf("config", "check", "--config", self.folder / "holdfast.yaml", repo=False,
                    expect=USAGE, says=says)

    def test_names_that_are_not_there(self):
        self.configure()
        self.drill(expect=USAGE, says="no job .* has a \"drill\"")
        self.drill("nightyl", expect=USAGE, says="did you mean \"nightly\"")
        self.drill("--all-jobs", "app", expect=USAGE)



class Drills(Proven, BadBackup, BadEnvironment, Files, Ended, Usage, Fixture):
    """All of them, on the same servers."""


if __name__ == "__main__":
    harness.main()
