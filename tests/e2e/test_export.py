#!/usr/bin/python3
"""The way out: a plain SQL script that psql restores on its own."""
import harness
from harness import DONE, FAILED, TestCase, run


class Export(TestCase):
    SERVERS = {"server": {}, "empty": {}}

    def load(self, server, database, script):
        return run([server.clients / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-o", "/dev/null",
                    "-d", server.url(database), "-f", script], timeout=120)

    def test_zoo_by_psql(self):
        self.server.zoo()
        self.addCleanup(self.server.drop, "zoo")
        self.init()
        self.backup(self.server.url("zoo"), "--split", "1MiB")
        script = self.folder / "zoo.sql"
        with open(script, "wb") as out:
            self.hf("export", "zoo@latest", stdout=out)
        self.server.create("copy")
        self.addCleanup(self.server.drop, "copy")
        self.load(self.server, "copy", script)
        self.assert_same_database(self.server, "zoo", self.server, "copy")

        self.hf("export", "zoo@latest", "--output", self.folder / "again.sql")
        self.assertEqual(harness.normal_dump(script.read_text()),
                         harness.normal_dump((self.folder / "again.sql").read_text()))
        self.hf("export", "zoo@latest", "--output", self.folder / "again.sql", expect=FAILED,
                says=["again.sql", "exists"])

    def test_latin1_by_psql(self):
        self.server.create("latin", "ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
        self.addCleanup(self.server.drop, "latin")
        self.server.psql("latin", "CREATE TABLE \"Ö\" AS SELECT 'äöü'::text AS \"ß\"")
        self.init()
        self.backup(self.server.url("latin"))
        self.hf("export", "latin@latest", "--output", self.folder / "latin.sql")
        for name, options in (("l1", "ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0"), ("u8", "")):
            self.server.create(name, options)
            self.addCleanup(self.server.drop, name)
            self.load(self.server, name, self.folder / "latin.sql")
            self.assertEqual([("äöü",)], self.server.query(name, 'SELECT "ß" FROM "Ö"'))

    def test_a_part(self):
        self.server.create("parts")
        self.addCleanup(self.server.drop, "parts")
        self.server.psql("parts", "CREATE TABLE one AS SELECT 1 AS a; CREATE TABLE two AS SELECT 2 AS a")
        self.init()
        self.backup(self.server.url("parts"))
        result = self.hf("export", "parts@latest", "--table", "two", "--no-owner", "--no-acl")
        self.assertIn("CREATE TABLE public.two", result.out)
        self.assertNotRegex(result.out, r"public\"?\.\"?one")
        self.assertNotIn("OWNER TO", result.out)

    def test_a_database_of_several(self):
        for name in ("first db", "second"):
            self.server.create(name)
            self.addCleanup(self.server.drop, name)
            self.server.psql(name, f"CREATE TABLE t AS SELECT '{name}'::text AS a")
        self.init()
        self.backup(self.server.server_url(), "--name", "all")
        self.hf("export", "all@latest", "--database", "first db", "--output", self.folder / "one.sql")
        self.empty.create("one")
        self.addCleanup(self.empty.drop, "one")
        self.load(self.empty, "one", self.folder / "one.sql")
        self.assert_same_database(self.server, "first db", self.empty, "one")

    def test_reader_that_goes_away(self):
        self.server.create("large")
        self.addCleanup(self.server.drop, "large")
        self.server.psql("large", "CREATE TABLE t AS SELECT i, md5(i::text) FROM generate_series(1, 200000) i")
        self.init()
        self.backup(self.server.url("large"))
        process = self.start("export", "large@latest")
        process.stdout.read(1000)
        process.stdout.close()
        process.stdout = None
        result = self.finish(process, expect=None, timeout=30)
        self.assertNotEqual(DONE, result.code)


if __name__ == "__main__":
    harness.main()
