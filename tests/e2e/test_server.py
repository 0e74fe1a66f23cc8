#!/usr/bin/python3
"""Several databases, and whole servers with their globals."""
import os
import shutil

import harness
from harness import USAGE, TestCase, run


class WholeServer(TestCase):
    SERVERS = {"server": {}, "empty": {}, "third": {}}
    ODD = "we\"ird 'na\\me=%s"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        s = cls.server
        cls.tablespace = cls.base / "tablespace"
        cls.tablespace.mkdir()
        if os.getuid() == 0:
            shutil.chown(cls.tablespace, "postgres")
        s.psql("postgres", """
            CREATE ROLE app_owner LOGIN PASSWORD 'secret words' CREATEDB VALID UNTIL '2040-01-01';
            CREATE ROLE readers NOLOGIN;
            CREATE ROLE "Odd "" role" NOLOGIN;
            GRANT readers TO app_owner WITH ADMIN OPTION;
            ALTER ROLE app_owner SET work_mem = '9MB';
            COMMENT ON ROLE readers IS 'who reads';
            CREATE TABLE in_postgres (a integer); INSERT INTO in_postgres VALUES (1);
            COMMENT ON DATABASE postgres IS 'with a table in it';""")
        s.query("postgres", f"CREATE TABLESPACE elsewhere LOCATION '{cls.tablespace}'")
        s.zoo("zoo")
        s.create("app one", "OWNER app_owner")
        s.psql("app one", """
            CREATE TABLE t AS SELECT 1 AS a; ALTER TABLE t OWNER TO app_owner;
            CREATE TABLE placed (a integer PRIMARY KEY USING INDEX TABLESPACE elsewhere) TABLESPACE elsewhere;
            INSERT INTO placed VALUES (1), (2);
            ALTER DATABASE "app one" SET default_transaction_read_only = on;
            ALTER ROLE readers IN DATABASE "app one" SET statement_timeout = '1min'""")
        s.create("latin", "ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
        s.psql("latin", "CREATE TABLE t AS SELECT 'ä'::text AS a")
        s.create(cls.ODD, "LOCALE_PROVIDER icu ICU_LOCALE 'de-AT' TEMPLATE template0 "
                          "TABLESPACE elsewhere CONNECTION LIMIT 5")
        s.query(cls.ODD, "CREATE TABLE t AS SELECT 1 AS a")
        s.create("pattern", "IS_TEMPLATE true")

    def setUp(self):
        super().setUp()
        self.init()

    def capture(self):
        self.backup(self.server.server_url(), "--name", "everything")

    def assert_same_server(self, target):
        s = self.server
        # The empty server's own database "postgres" may stay, under another name.
        self.assertEqual(s.databases(), [d for d in target.databases() if ".old-" not in d])
        for database in s.databases() + ["pattern"]:
            with self.subTest(database=database):
                self.assert_same_database(s, database, target, database, "--no-tablespaces")
        for query in (
                """SELECT rolname, rolcanlogin, rolcreatedb, rolpassword, rolvaliduntil, rolconfig
                   FROM pg_authid LEFT JOIN (SELECT setrole, setconfig AS rolconfig
                       FROM pg_db_role_setting WHERE setdatabase = 0) c ON setrole = oid
                   WHERE rolname <> 'postgres' AND rolname NOT LIKE 'pg\\_%' ORDER BY 1""",
                """SELECT roleid::regrole::text, member::regrole::text, admin_option
                   FROM pg_auth_members WHERE roleid > 16000 ORDER BY 1, 2""",
                """SELECT datname, pg_encoding_to_char(encoding), datlocprovider, datcollate, datctype,
                          daticulocale, datdba::regrole::text, datacl::text, datconnlimit, datistemplate,
                          shobj_description(oid, 'pg_database')
                   FROM pg_database WHERE datname NOT LIKE 'template%' AND datname NOT LIKE '%.old-%'
                   ORDER BY 1""",
                """SELECT datname, setrole::regrole::text, setconfig
                   FROM pg_db_role_setting JOIN pg_database d ON d.oid = setdatabase ORDER BY 1, 2"""):
            self.assertEqual(s.query("postgres", query), target.query("postgres", query))

    def test_whole_server_into_an_empty_one(self):
        s = self.server
        self.capture()
        shown = self.hf("show", "everything@latest", "--json").events[-1]
        self.assertEqual(sorted(["app one", "latin", "pattern", "postgres", self.ODD, "zoo"]),
                         sorted(d["name"] for d in shown["properties"]["databases"]))
        self.assertTrue(shown["properties"]["globals"])

        result = self.restore("everything@latest", self.empty.server_url())
        # The tablespace's folder is that of the other server, which nobody else may use.
        self.assertRegex(result.said, "tablespace.*elsewhere")
        self.assert_same_server(self.empty)

        # One of its databases, under another name.
        self.restore("everything@latest", s.url("one again"), "--database", "app one")
        self.assert_same_database(s, "app one", s, "one again")
        s.drop("one again")

    def test_whole_server_by_psql(self):
        self.capture()
        script = self.folder / "server.sql"
        self.hf("export", "everything@latest", "--output", script)
        result = run([self.third.clients / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-o",
                      "/dev/null", "-d", self.third.url(), "-f", script], timeout=120)
        # Nothing is wrong but the tablespace, which is said.
        errors = [line for line in result.stderr.splitlines() if "ERROR" in line]
        self.assertTrue(errors)
        self.assertFalse([e for e in errors if "tablespace" not in e], result.stderr)
        self.assert_same_server(self.third)

        # What the script restored is, as a backup of it shows, what was captured.
        self.backup(self.third.server_url(), "--name", "third")
        tables = {name: [(t["schema"], t["table"], t["rows"]) for t in
                         self.hf("show", f"{name}@latest", "--json").events[-1]["tables"]]
                  for name in ("everything", "third")}
        self.assertEqual(sorted(tables["everything"]), sorted(tables["third"]))
        # A second time, the databases are there, and nothing is written over.
        again = run([self.third.clients / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-o",
                     "/dev/null", "-d", self.third.url(), "-f", script], check=False)
        self.assertEqual(3, again.returncode)
        self.assertRegex(again.stderr, "database .* already exists")

    def test_a_part_of_several_databases_is_refused(self):
        self.capture()
        self.hf("export", "everything@latest", "--table", "t", expect=USAGE, says="--database")
        result = self.hf("export", "everything@latest", "--table", "t", "--database", "app one")
        self.assertNotIn("CREATE DATABASE \"", result.out)

    def test_no_owner_leaves_the_roles_out(self):
        self.capture()
        result = self.hf("export", "everything@latest", "--no-owner", "--no-acl")
        self.assertNotRegex(result.out, "(?m)^(CREATE ROLE|ALTER ROLE|CREATE TABLESPACE)|PASSWORD")
        self.assertRegex(result.out, "(?m)^CREATE DATABASE")

    def test_databases_by_pattern(self):
        for name in ("shop_a", "shop_b", "other"):
            self.server.create(name)
            self.addCleanup(self.server.drop, name)
            self.server.psql(name, f"CREATE TABLE t AS SELECT '{name}'::text AS a")
        self.backup(self.server.server_url(), "--database", "shop_*", "--name", "shops")
        shown = self.hf("show", "shops@latest", "--json").events[-1]
        self.assertEqual(["shop_a", "shop_b"],
                         sorted(d["name"] for d in shown["properties"]["databases"]))
        self.assertFalse(shown["properties"]["globals"])
        self.restore("shops@latest", self.empty.url("b"), "--database", "shop_b")
        self.addCleanup(self.empty.drop, "b")
        self.assertEqual([("shop_b",)], self.empty.table("b", "t"))
        self.hf("backup", self.server.server_url(), "--database", "nothing_*", expect=1,
                says="nothing_")
        self.assertEqual(1, len(self.snapshots()))


if __name__ == "__main__":
    harness.main()
