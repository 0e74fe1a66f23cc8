#!/usr/bin/python3
"""Restoring: names that are taken, roles and rights, what is found before data flows, compare."""
import contextlib
import os
import shutil
import signal
import time

import psycopg2

import harness
from harness import BUSY, DAMAGED, DONE, FAILED, UNREACHABLE, USAGE, Background, TestCase

SCRIPT = """
CREATE ROLE owner_of_it; CREATE ROLE "reader of it"; CREATE ROLE set_for;
CREATE DATABASE app OWNER owner_of_it;
ALTER ROLE set_for IN DATABASE app SET work_mem = '8MB';
"""
TABLES = """
CREATE TABLE orders (id integer PRIMARY KEY, total numeric);
INSERT INTO orders SELECT i, i * 1.5 FROM generate_series(1, 1000) i;
ALTER TABLE orders OWNER TO owner_of_it;
GRANT SELECT ON orders TO "reader of it";
SELECT lo_from_bytea(4711, 'large') \\g /dev/null
ALTER LARGE OBJECT 4711 OWNER TO owner_of_it;
GRANT SELECT ON LARGE OBJECT 4711 TO "reader of it";
"""


class Restore(TestCase):
    SERVERS = {"server": {}, "other": {}}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for statement in SCRIPT.split(";")[:-1]:
            cls.server.query("postgres", statement)
        (cls.base / "tables.sql").write_text(TABLES)
        cls.server.psql("app", cls.base / "tables.sql")

    def setUp(self):
        super().setUp()
        self.init()
        self.backup(self.server.url("app"))
        self.addCleanup(self.clean)

    def clean(self):
        for server in (self.server, self.other):
            for name in server.databases():
                if name != "postgres" and (name != "app" or server is self.other):
                    server.drop(name)
        for role in ("owner_of_it", "reader of it", "set_for", "limited"):
            self.other.query("postgres", f'DROP ROLE IF EXISTS "{role}"')

    def owners(self, server, database):
        return server.query(database, """
            SELECT (SELECT relowner::regrole::text FROM pg_class WHERE relname = 'orders'),
                   (SELECT relacl::text FROM pg_class WHERE relname = 'orders'),
                   (SELECT lomowner::regrole::text FROM pg_largeobject_metadata),
                   (SELECT lomacl::text FROM pg_largeobject_metadata)""")[0]

    def test_a_name_that_is_taken_is_refused(self):
        self.server.create("taken")
        self.server.psql("taken", "CREATE TABLE mine AS SELECT 1 AS a")
        self.hf("restore", "app@latest", "--to", self.server.url("taken"), expect=FAILED,
                says=["taken", "exists", "--replace"])
        self.assertEqual([(1,)], self.server.table("taken", "mine"))
        self.assert_no_leftovers(self.server, "app", "taken")

    def test_replace_keeps_the_old_one_aside(self):
        self.server.create("live")
        self.server.psql("live", "CREATE TABLE mine AS SELECT 1 AS a")
        result = self.restore("app@latest", self.server.url("live"), "--replace", "--json")
        aside = result.events[-1]["report"]["databases"][0]["kept_aside"]
        self.assertEqual(1000, self.server.value("live", "SELECT count(*) FROM orders"))
        self.assertEqual([(1,)], self.server.table(aside, "mine"))

    def test_replace_refuses_while_someone_is_connected(self):
        self.server.create("live")
        with contextlib.closing(self.server.connect("live")):
            self.hf("restore", "app@latest", "--to", self.server.url("live"), "--replace",
                    expect=BUSY, says=["live", "in use|connected"])
        self.assert_no_leftovers(self.server, "app", "live")

    def test_replace_where_nothing_has_the_name(self):
        self.restore("app@latest", self.server.url("fresh"), "--replace")
        self.assert_no_leftovers(self.server, "app", "fresh")

    def test_a_bare_name_is_on_the_server_of_the_source(self):
        (self.folder / "holdfast.yaml").write_text(f"""
repositories: {{r: {{{self.where()}, identity_file: {self.base}/identity}}}}
sources:
  app: {{postgres: {{host: {self.server.folder}/s, port: {self.server.port}, user: postgres, database: app}}}}
""")
        self.hf("restore", "app@latest", "--to", "bare", repo=False)
        self.assertEqual(1000, self.server.value("bare", "SELECT count(*) FROM orders"))

    def test_missing_roles_are_created_without_login(self):
        result = self.restore("app@latest", self.other.url("app"))
        self.assertEqual(self.owners(self.server, "app"), self.owners(self.other, "app"))
        roles = self.other.query("postgres", """
            SELECT rolname, rolcanlogin FROM pg_roles WHERE rolname ~ 'of_it|of it|set_for' ORDER BY 1""")
        self.assertEqual([("owner_of_it", False), ("reader of it", False), ("set_for", False)], roles)
        self.assertRegex(result.said, "owner_of_it")
        self.assertEqual("owner_of_it", self.other.value("app", """
            SELECT datdba::regrole::text FROM pg_database WHERE datname = 'app'"""))

    def failing(self, before=":"):
        """Programs of which pg_restore fails, after a shell command."""
        real = self.server.clients / "pg_restore"
        return self.bin_dir(self.server, pg_restore=f"""
            case "$*" in *--version*) exec "{real}" --version;; esac
            {before}
            echo "pg_restore: error: out of luck" >&2; exit 1
            """)

    def roles(self):
        return [name for name, in self.other.query("postgres", """
            SELECT rolname FROM pg_roles WHERE rolname IN ('owner_of_it', 'reader of it', 'set_for')
            ORDER BY 1""")]

    def test_roles_made_for_a_restore_that_failed_go_with_it(self):
        result = self.hf("restore", "app@latest", "--to", self.other.url("app"), "--bin-dir",
                         self.failing(), expect=FAILED, says=["out of luck", "dropped again: owner_of_it, reader of it, set_for"])
        self.assertRegex(result.said, "owner_of_it.*created")
        self.assertEqual([], self.roles())
        self.assert_no_leftovers(self.other)

    def test_roles_that_were_there_or_are_used_stay_after_a_failure(self):
        self.other.query("postgres", "CREATE ROLE owner_of_it NOLOGIN")
        use = (f"{self.server.clients}/psql -q -d '{self.other.url()}' -c "
               "'GRANT CREATE ON DATABASE postgres TO set_for'")
        self.hf("restore", "app@latest", "--to", self.other.url("app"), "--bin-dir",
                self.failing(use), expect=FAILED, says=["dropped again: reader of it", "stay, .*: set_for"])
        self.assertEqual(["owner_of_it", "set_for"], self.roles())
        self.assert_no_leftovers(self.other)
        self.other.query("postgres", "REVOKE CREATE ON DATABASE postgres FROM set_for")

    def test_roles_go_also_after_an_interrupt(self):
        ready = self.folder / "ready"
        process = self.start("restore", "app@latest", "--to", self.other.url("app"), "--bin-dir",
                             self.failing(f"touch {ready}; sleep 60"))
        deadline = time.monotonic() + 60
        while not ready.exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        self.assertEqual(3, len(self.roles()))
        process.send_signal(signal.SIGINT)
        result = self.finish(process, expect=None, timeout=60)
        self.assertNotEqual(DONE, result.code)
        self.assertEqual([], self.roles())
        self.assert_no_leftovers(self.other)

    def test_missing_tablespaces_are_named(self):
        """What was in them goes into the default one; the report says which they are."""
        folder = self.folder / "space"
        folder.mkdir()
        if os.getuid() == 0:
            shutil.chown(folder, "postgres")
        self.server.query("postgres", f"CREATE TABLESPACE \"far away\" LOCATION '{folder}'")
        self.addCleanup(self.server.query, "postgres", 'DROP TABLESPACE "far away"')
        self.server.create("placed", 'TABLESPACE "far away"')
        self.addCleanup(self.server.drop, "placed")
        self.server.query("placed", """
            CREATE TABLE t (a integer PRIMARY KEY USING INDEX TABLESPACE pg_default);
            CREATE TABLE u (a integer) TABLESPACE pg_default; INSERT INTO t VALUES (1)""")
        self.backup(self.server.url("placed"))
        result = self.restore("placed@latest", self.other.url("placed"), "--json")
        report = result.events[-1]["report"]["databases"][0]
        self.assertTrue(report["equal"])
        self.assertRegex(" ".join(report["notes"]), 'tablespace "far away" is not there')
        self.assertEqual(1, self.other.value("placed", "SELECT count(*) FROM t"))
        # In its place where the target has it; a table's own likewise.
        self.server.query("app", 'CREATE TABLE t (a integer) TABLESPACE "far away"')
        self.addCleanup(self.server.query, "app", "DROP TABLE t")
        self.backup(self.server.url("app"))
        self.restore("app@latest", self.server.url("back"))
        self.assertEqual("far away", self.server.value("back", """
            SELECT spcname FROM pg_class c JOIN pg_tablespace s ON s.oid = reltablespace
            WHERE relname = 't'"""))
        self.server.drop("back")
        result = self.restore("app@latest", self.other.url("app"), "--json")
        report = result.events[-1]["report"]["databases"][0]
        self.assertTrue(report["equal"])
        self.assertRegex(" ".join(report["notes"]), r"tablespaces are not there \(far away\)")

    def test_no_owner_and_no_acl(self):
        self.restore("app@latest", self.other.url("a1"), "--no-owner", "--no-acl")
        owner, acl, lo_owner, lo_acl = self.owners(self.other, "a1")
        self.assertEqual(("postgres", None, "postgres", None), (owner, acl, lo_owner, lo_acl))
        self.assertEqual([], self.other.query("postgres", """
            SELECT rolname FROM pg_roles WHERE rolname IN ('owner_of_it', 'reader of it')"""))
        self.restore("app@latest", self.other.url("a2"), "--no-acl")
        self.assertEqual("owner_of_it", self.owners(self.other, "a2")[0])
        self.assertNotRegex(str(self.owners(self.other, "a2")[1]), "reader")
        self.restore("app@latest", self.other.url("a3"), "--no-owner")
        self.assertEqual("postgres", self.owners(self.other, "a3")[0])
        self.assertIn("reader of it", self.owners(self.other, "a3")[1])

    def test_without_createdb(self):
        self.other.query("postgres", "CREATE ROLE limited LOGIN")
        self.hf("restore", "app@latest", "--to", self.other.url("app", user="limited"),
                expect=FAILED, says=["limited", "CREATEDB"])
        self.assert_no_leftovers(self.other)

    def test_ordinary_role_with_createdb_and_no_owner(self):
        self.other.query("postgres", "CREATE ROLE limited LOGIN CREATEDB")
        self.restore("app@latest", self.other.url("app", user="limited"), "--no-owner", "--no-acl")
        self.assertEqual("limited", self.owners(self.other, "app")[0])
        self.other.drop("app")

    def test_roles_that_may_not_be_created(self):
        self.other.query("postgres", "CREATE ROLE limited LOGIN CREATEDB")
        self.hf("restore", "app@latest", "--to", self.other.url("app", user="limited"),
                expect=FAILED, says=["role", "--no-owner"])
        self.assert_no_leftovers(self.other)

    def test_without_compare_is_not_proven(self):
        self.restore("app@latest", self.server.url("quick"), "--no-compare")
        self.assertEqual("stored", self.snapshots()[0]["state"])
        self.assertEqual(1000, self.server.value("quick", "SELECT count(*) FROM orders"))

    def test_snapshot_that_is_not_there(self):
        for name, says in (("app@2001-01-01", "app"), ("nobody@latest", ["nobody", "app"]),
                           ("ffffffffffff", "ffffffffffff")):
            self.hf("restore", name, "--to", self.server.url("x"), expect=FAILED, says=says)
        self.hf("restore", "app@latest", expect=USAGE, says="--to")
        self.assert_no_leftovers(self.server, "app")

    def test_names_that_postgresql_cannot_have(self):
        for name in ("x" * 64, "ä" * 32):
            self.hf("restore", "app@latest", "--to", self.server.url(name), expect=USAGE, says="63")
        self.restore("app@latest", self.server.url("y" * 63))
        self.restore("app@latest", self.server.url("y" * 63), "--replace")
        self.assertEqual(4, len(self.server.databases()))


class Extensions(TestCase):
    SERVERS = {"server": {}, "poor": {}}

    def test_missing_extension_is_found_before_data_flows(self):
        self.server.create("app")
        self.server.psql("app", "CREATE EXTENSION hf_zoo; CREATE TABLE t AS SELECT 1 AS a")
        self.init()
        self.backup(self.server.url("app"))
        # A snapshot that names an extension no server has: renamed in the catalog of the source.
        self.server.psql("app", "UPDATE pg_extension SET extname = 'hf_absent' WHERE extname = 'hf_zoo'")
        self.backup(self.server.url("app"))
        result = self.hf("restore", "app@latest", "--to", self.poor.url("app"), expect=UNREACHABLE,
                         says=["hf_absent", "extension"])
        self.assertNotRegex(result.said, "(?i)damaged")
        self.assert_no_leftovers(self.poor)


class LargeTables(TestCase):
    """Indexes of a large table are built while rows of others still come."""

    def make(self, body):
        self.server.create("app")
        self.addCleanup(self.server.drop, "app")
        self.server.psql("app", f"""
            CREATE FUNCTION judged(a integer) RETURNS integer IMMUTABLE LANGUAGE plpgsql AS '{body}';
            CREATE TABLE large (id integer, a integer UNIQUE, b text);
            INSERT INTO large SELECT i, -i, repeat(md5(i::text), 4) FROM generate_series(1, 80000) i;
            ALTER TABLE large ADD PRIMARY KEY (id);
            CREATE INDEX large_judged ON large (judged(a)); CREATE INDEX ON large (b);
            COMMENT ON INDEX large_judged IS 'with a comment';
            ALTER TABLE large CLUSTER ON large_pkey, REPLICA IDENTITY USING INDEX large_pkey;
            CREATE TABLE referring (id integer REFERENCES large);
            INSERT INTO referring SELECT generate_series(1, 1000)""")
        self.init()
        self.backup(self.server.url("app"))

    def test_have_all_their_indexes(self):
        self.make("BEGIN RETURN a; END")
        self.restore("app@latest", self.server.url("again"), "--jobs", "4")
        self.addCleanup(self.server.drop, "again")
        for query in ("SELECT indexrelid::regclass::text, indisclustered, indisreplident, "
                      "obj_description(indexrelid) FROM pg_index WHERE indrelid = 'large'::regclass ORDER BY 1",
                      "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint ORDER BY 1"):
            self.assertEqual(self.server.query("app", query), self.server.query("again", query))

    def test_an_index_that_cannot_be_built_fails_the_restore(self):
        self.make("BEGIN IF current_database() <> ''app'' THEN RAISE ''not here''; END IF; RETURN a; END")
        self.hf("restore", "app@latest", "--to", self.server.url("again"), expect=FAILED,
                says=["table public.large", "large_judged", "not here"])
        self.assert_no_leftovers(self.server, "app")


class Compare(TestCase):
    def test_a_difference_is_found_and_named(self):
        """Someone changes rows of the restored database between load and compare: exit is 3, the
        report names the table, and the database does not get its name."""
        self.server.create("app")
        self.server.psql("app", """
            CREATE TABLE victim (a integer PRIMARY KEY, b text);
            INSERT INTO victim SELECT i, 'row ' || i FROM generate_series(1, 100000) i;
            CREATE INDEX ON victim (md5(b)); CREATE INDEX ON victim (md5(b || a));
            CREATE TABLE fine AS SELECT 1 AS a""")
        self.init()
        self.backup(self.server.url("app"))
        changed = []

        def meddle(_):
            for (name,) in self.server.query(
                    "postgres", "SELECT datname FROM pg_database WHERE datname LIKE '%.holdfast-%'"):
                with contextlib.suppress(psycopg2.Error), \
                        contextlib.closing(self.server.connect(name)) as connection:
                    with connection.cursor() as cursor:
                        cursor.execute("UPDATE victim SET b = 'spoiled' WHERE a = 250 AND b <> 'spoiled'")
                        changed.extend([name] * cursor.rowcount)

        with Background(meddle):
            result = self.hf("restore", "app@latest", "--to", self.server.url("bad"), "--json",
                             expect=None)
        self.assertTrue(changed, "nothing was changed in time")
        self.assertEqual(DAMAGED, result.code, result)
        report = next(e for e in result.events if e["event"] == "restore")["report"]
        differences = report["databases"][0]["differences"]
        self.assertEqual(["public.victim"], [d["name"] for d in differences])
        self.assertFalse(report["equal"])
        self.assertNotIn("bad", self.server.databases())
        self.assertEqual("stored", self.snapshots()[0]["state"])


if __name__ == "__main__":
    harness.main()
