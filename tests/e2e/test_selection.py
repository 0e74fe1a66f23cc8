#!/usr/bin/python3
"""Parts of a database: left out of a backup, or chosen at a restore."""
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
"""


class Selection(TestCase):
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
                self.repo = self.place("-".join(o.strip("-").replace("*", "") for o in options))
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
