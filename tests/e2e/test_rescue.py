#!/usr/bin/python3
"""The independent reader, and golden repositories of every released format."""
import urllib.parse

import harness
from harness import TOP, TestCase, run

RESCUE = TOP / "scripts/rescue"


class Rescue(TestCase):
    def rescue(self, *arguments, key=None, check=True, **options):
        key = key or ["--identity-file", self.base / "identity"]
        return run(["/usr/bin/python3", RESCUE, self.repo, *key, *arguments], check=check, timeout=120, **options)

    def test_a_database_without_holdfast(self):
        """From the streams alone, with PostgreSQL's own programs."""
        self.server.create("books")
        self.addCleanup(self.server.drop, "books")
        self.server.psql("books", """
            CREATE SCHEMA "a b";
            CREATE TABLE author (id serial PRIMARY KEY, name text UNIQUE, born date);
            CREATE TABLE "a b"."book/s" (id bigint PRIMARY KEY, author integer REFERENCES author,
                                         title text, body bytea, price numeric(8, 2));
            INSERT INTO author (name, born) SELECT 'author ' || i, '1900-01-01'::date + i FROM generate_series(1, 500) i;
            INSERT INTO "a b"."book/s" SELECT i, 1 + i % 500, E'title\\t' || i,
                decode(repeat(md5(i::text), 100), 'hex'), i / 7.0 FROM generate_series(1, 4000) i;
            INSERT INTO "a b"."book/s" VALUES (0, NULL, NULL, '', NULL);
            CREATE VIEW cheap AS SELECT * FROM "a b"."book/s" WHERE price < 10;""")
        self.init()
        self.backup(self.server.url("books"), "--split", "1MiB")
        self.backup(self.server.url("books"))
        self.assertEqual(2, len(self.rescue("list").stdout.splitlines()))
        out = self.folder / "out"
        self.rescue("extract", self.snapshots()[0]["id"], out)
        self.server.create("again")
        self.addCleanup(self.server.drop, "again")
        restore = [self.server.clients / "pg_restore", "-d", self.server.url("again"), "--exit-on-error"]
        run([*restore, "--section=pre-data", out / "books/schema"])
        for part in sorted((out / "books/data").rglob("[0-9]*")):
            schema, table = map(urllib.parse.unquote, part.parent.name.split(".", 1))
            self.server.psql("again", f"""\\copy "{schema}"."{table}" FROM '{part}'""")
        run([*restore, "--section=post-data", out / "books/schema"])
        for line in (out / "books/sequences").read_text().splitlines():
            schema, name, value, called = line.split("\t")
            self.server.query("again", "SELECT setval(%s::regclass, %s, %s)",
                              f'"{schema}"."{name}"', int(value), called == "t")
        self.assert_same_database(self.server, "books", self.server, "again")

    def test_every_kind_of_stream(self):
        self.server.zoo()
        self.addCleanup(self.server.drop, "zoo")
        self.init()
        self.backup(self.server.server_url(), "--name", "all", "--split", "1MiB")
        self.rescue("extract", "latest", self.folder / "out")
        rows = run([self.server.clients / "psql", "-XqAtd", self.server.url("zoo"), "-c",
                    "SET bytea_output = hex; SET timezone = UTC", "-c",
                    "COPY kinds.many_rows TO STDOUT"]).stdout
        parts = sorted((self.folder / "out/zoo/data/kinds.many_rows").iterdir())
        self.assertGreater(len(parts), 1)
        self.assertEqual(sorted(rows.splitlines()),
                         sorted("".join(p.read_text() for p in parts).splitlines()))
        self.assertIn("zoo_owner", (self.folder / "out/globals").read_text())

    def test_passphrase(self):
        self.server.create("small")
        self.addCleanup(self.server.drop, "small")
        self.init()
        self.backup(self.server.url("small"))
        key = ["--passphrase-file", self.passphrase]
        self.assertIn("small", self.rescue("list", key=key).stdout)
        wrong = self.rescue("list", key=["--passphrase-file", self.secret("wrong", "no")], check=False)
        self.assertNotEqual(0, wrong.returncode)
        self.assertIn("rescue:", wrong.stderr)

    def test_damage_is_noticed(self):
        self.server.create("dam")
        self.addCleanup(self.server.drop, "dam")
        self.server.psql("dam", "CREATE TABLE t AS SELECT i, md5(i::text) FROM generate_series(1, 5000) i")
        self.init()
        self.backup(self.server.url("dam"))
        pack = max((p for p in (self.repo / "packs").rglob("*") if p.is_file()), key=lambda p: p.stat().st_size)
        data = bytearray(pack.read_bytes())
        data[len(data) // 3] ^= 1
        pack.write_bytes(data)
        result = self.rescue("extract", "latest", self.folder / "out", check=False)
        self.assertNotEqual(0, result.returncode)
        self.assertNotIn("Traceback", result.stderr)


if __name__ == "__main__":
    harness.main()
