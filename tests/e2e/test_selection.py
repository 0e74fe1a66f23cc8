#!/usr/bin/python3
"""Parts of a database: left out of a backup, or chosen at a restore."""
import re

import harness
from harness import DONE, FAILED, USAGE, TestCase

SCRIPT = """
CREATE SCHEMA sales; CREATE SCHEMA logs;
CREATE TABLE public.users (id integer PRIMARY KEY, name text);
CREATE TABLE sales.orders (id integer PRIMARY KEY, who integer REFERENCES public.users);
CREATE TABLE sales.lines (orders integer REFERENCES sales.orders, what text);
CREATE SEQUENCE sales.numbers; SELECT setval('sales.numbers', 55);
CREATE TABLE logs.events (at timestamptz, what text);
CREATE TABLE logs."big log" (what text);
CREATE TYPE sales.state AS ENUM ('new', 'done');
CREATE TABLE sales.typed (s sales.state);
CREATE VIEW sales.overview AS SELECT o.id, u.name FROM sales.orders o JOIN public.users u ON u.id = who;
INSERT INTO public.users VALUES (1, 'a'), (2, 'b');
INSERT INTO sales.orders VALUES (10, 1), (11, 2);
INSERT INTO sales.lines VALUES (10, 'x'), (11, 'y');
INSERT INTO sales.typed VALUES ('done');
INSERT INTO logs.events SELECT now(), 'e' FROM generate_series(1, 100);
INSERT INTO logs."big log" SELECT 'l' FROM generate_series(1, 100);
CREATE ROLE lo_owner; CREATE ROLE "lo, ""reader"" x";
SELECT lo_from_bytea(4711, 'large'), lo_create(4712);
ALTER LARGE OBJECT 4711 OWNER TO lo_owner;
GRANT SELECT ON LARGE OBJECT 4711 TO "lo, ""reader"" x";
GRANT UPDATE ON LARGE OBJECT 4711 TO PUBLIC;
"""


class Selection(TestCase):
    SERVERS = {"server": {}, "other": {}}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server.create("shop")
        cls.server.psql("shop", SCRIPT)

    def tables(self, database):
        return {f"{schema}.{name}": self.server.value(database, f'SELECT count(*) FROM "{schema}"."{name}"')
                for schema, name in self.server.query(database, """
                    SELECT schemaname, tablename FROM pg_tables
                    WHERE schemaname NOT IN ('pg_catalog', 'information_schema')""")}

    def restored(self, *options, expect=DONE):
        self.server.drop("back")
        self.restore("shop@latest", self.server.url("back"), *options, expect=expect)
        self.addCleanup(self.server.drop, "back")
        return self.tables("back")

    def test_backup_leaves_out(self):
        everything = {"public.users": 2, "sales.orders": 2, "sales.lines": 2, "sales.typed": 1,
                      "logs.events": 100, "logs.big log": 100}
        cases = (
            (["--exclude-schema", "logs"], {k: v for k, v in everything.items() if "logs" not in k}),
            (["--exclude-table", "logs.big log", "--exclude-table", "lines"],
             {k: v for k, v in everything.items() if k not in ("logs.big log", "sales.lines")}),
            (["--exclude-data", "logs.*"], {**everything, "logs.events": 0, "logs.big log": 0}),
            (["--schema", "logs"], {"logs.events": 100, "logs.big log": 100}),
            (["--table", "public.user?"], {"public.users": 2}),
        )
        for options, expected in cases:
            with self.subTest(options=options):
                self.repo = self.place("-".join(re.sub("[*?-]", "", o) for o in options))
                self.init()
                self.backup(self.server.url("shop"), *options)
                self.assertEqual(expected, self.restored())

    def test_restore_takes_a_part(self):
        self.init()
        self.backup(self.server.url("shop"))
        self.assertEqual({"logs.events": 100, "logs.big log": 100}, self.restored("--schema", "logs"))
        self.assertEqual({"sales.typed": 1}, self.restored("--table", "sales.typed"))
        self.assertEqual({"public.users": 2}, self.restored("--table", "users"))
        self.assertEqual(2, len(self.restored("--table", "sales.l*", "--table", "events")))
        self.assertEqual(self.server.value("shop", "SELECT last_value FROM sales.numbers"),
                         55)

    def objects(self, server, database):
        return server.query(database, """
            SELECT oid::int, lomowner::regrole::text, lomacl::text, convert_from(lo_get(oid), 'UTF8')
            FROM pg_largeobject_metadata ORDER BY 1""")

    def taken(self, *options, server=None):
        server = server or self.server
        server.drop("back")
        result = self.restore("shop@latest", server.url("back"), *options)
        self.addCleanup(server.drop, "back")
        return self.objects(server, "back"), result

    def test_large_objects_of_a_backup(self):
        """With everything, unless they are left out; with a part where they are asked for."""
        all_of_them = self.objects(self.server, "shop")
        self.assertEqual(2, len(all_of_them))
        for options, expected in (([], all_of_them), (["--no-large-objects"], []),
                                  (["--exclude-table", "typed"], all_of_them), (["--table", "users"], []),
                                  (["--table", "users", "--large-objects"], all_of_them)):
            with self.subTest(options=options):
                self.repo = self.folder / "-".join(["r"] + options)
                self.init()
                self.backup(self.server.url("shop"), *options)
                take = ["--large-objects"] if "--large-objects" in options else []
                self.assertEqual(expected, self.taken(*take)[0])
                if not expected:
                    self.hf("restore", "shop@latest", "--to", self.server.url("back2"),
                            "--large-objects", expect=USAGE, says="no large objects")
        self.hf("backup", self.server.url("shop"), "--large-objects", "--no-large-objects",
                expect=USAGE, says="only one")

    def test_large_objects_of_a_restore(self):
        self.init()
        self.backup(self.server.url("shop"))
        whole = self.objects(self.server, "shop")
        part, result = self.taken("--table", "users")
        self.assertEqual([], part)
        self.assertRegex(result.said, "2 large objects were left out.*--large-objects")
        part, result = self.taken("--no-large-objects")
        self.assertEqual([], part)
        self.assertEqual("stored", self.snapshots()[0]["state"], "not everything was restored")
        # Where the roles are not, those of the large objects are made, and no others.
        part, result = self.taken("--table", "users", "--large-objects", server=self.other)
        self.assertEqual(whole, part)
        self.assertNotRegex(result.said, "left out|differ")
        self.assertEqual([('lo, "reader" x',), ("lo_owner",)], self.other.query(
            "postgres", "SELECT rolname FROM pg_roles WHERE rolname <> 'postgres' "
                        "AND rolname !~ '^pg_' ORDER BY 1"))
        self.other.drop("back")
        self.other.query("postgres", 'DROP ROLE "lo, ""reader"" x"; DROP ROLE lo_owner')
        # An owner of large objects alone is needed also without privileges.
        part, result = self.taken("--no-acl", server=self.other)
        self.assertEqual(["lo_owner", "postgres"], [row[1] for row in part])
        self.other.drop("back")
        self.other.query("postgres", "DROP ROLE lo_owner")

    def test_large_objects_of_an_export(self):
        self.init()
        self.backup(self.server.url("shop"))
        for options, found in (([], True), (["--table", "users"], False), (["--no-large-objects"], False),
                               (["--table", "users", "--large-objects"], True)):
            with self.subTest(options=options):
                text = self.hf("export", "shop@latest", *options).out
                (self.assertIn if found else self.assertNotIn)("lo_create(4711)", text)

    def test_what_is_not_there_is_said(self):
        self.init()
        self.backup(self.server.url("shop"), "--table", "no_such_table", expect=USAGE,
                    says="no_such_table")
        self.backup(self.server.url("shop"), "--schema", "no_such_schema", expect=USAGE,
                    says="no_such_schema")
        self.assertEqual([], self.snapshots())
        self.backup(self.server.url("shop"))
        self.hf("restore", "shop@latest", "--to", self.server.url("back"), "--table", "absent",
                expect=FAILED, says="absent")
        self.assertNotIn("back", self.server.databases())


if __name__ == "__main__":
    harness.main()
