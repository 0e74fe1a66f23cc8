#!/usr/bin/python3
"""Several databases, and whole servers with their globals."""
import harness
from harness import TestCase


class WholeServer(TestCase):
    SERVERS = {"server": {}, "empty": {}}

    def test_whole_server_into_an_empty_one(self):
        s = self.server
        s.psql("postgres", """
            CREATE ROLE app_owner LOGIN PASSWORD 'secret words' CREATEDB VALID UNTIL '2040-01-01';
            CREATE ROLE readers NOLOGIN;
            GRANT readers TO app_owner WITH ADMIN OPTION;
            ALTER ROLE app_owner SET work_mem = '9MB';
            COMMENT ON ROLE readers IS 'who reads';
            CREATE TABLE in_postgres (a integer); INSERT INTO in_postgres VALUES (1);""")
        s.zoo("zoo")
        s.create("app one", "OWNER app_owner")
        s.psql("app one", "CREATE TABLE t AS SELECT 1 AS a; ALTER TABLE t OWNER TO app_owner")
        s.create("latin", "ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
        s.psql("latin", "CREATE TABLE t AS SELECT 'ä'::text AS a")
        self.init()
        self.backup(s.server_url(), "--name", "everything")
        shown = self.hf("show", "everything@latest", "--json").events[-1]
        self.assertEqual(["app one", "latin", "postgres", "zoo"],
                         sorted(d["name"] for d in shown["properties"]["databases"]))
        self.assertTrue(shown["properties"]["globals"])

        self.restore("everything@latest", self.empty.server_url())
        # The empty server's own database "postgres" stays, under another name.
        self.assertEqual(s.databases(), [d for d in self.empty.databases() if ".old-" not in d])
        for database in s.databases():
            with self.subTest(database=database):
                self.assert_same_database(s, database, self.empty, database)
        roles = """SELECT rolname, rolcanlogin, rolcreatedb, rolpassword, rolvaliduntil, rolconfig
                   FROM pg_authid LEFT JOIN (SELECT setrole, setconfig AS rolconfig
                       FROM pg_db_role_setting WHERE setdatabase = 0) c ON setrole = oid
                   WHERE rolname <> 'postgres' AND rolname NOT LIKE 'pg\\_%' ORDER BY 1"""
        self.assertEqual(s.query("postgres", roles), self.empty.query("postgres", roles))
        members = ("SELECT roleid::regrole, member::regrole, admin_option FROM pg_auth_members "
                   "WHERE roleid > 16000 ORDER BY 1, 2")
        self.assertEqual(str(s.query("postgres", members)), str(self.empty.query("postgres", members)))

        # One of its databases, under another name.
        self.restore("everything@latest", s.url("one again"), "--database", "app one")
        self.assert_same_database(s, "app one", s, "one again")
        s.drop("one again")

    def test_databases_by_pattern(self):
        for name in ("shop_a", "shop_b", "other"):
            self.server.create(name)
            self.addCleanup(self.server.drop, name)
            self.server.psql(name, f"CREATE TABLE t AS SELECT '{name}'::text AS a")
        self.init()
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
