#!/usr/bin/python3
"""Every supported major version, and from one to the next."""
import harness
from harness import UNREACHABLE, TestCase


class Versions(TestCase):
    SERVERS = {f"v{version}": {"version": version} for version in range(13, 19)}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.servers = [getattr(cls, name) for name in cls.SERVERS]
        cls.middle, cls.new = cls.v15, cls.v18

    def carry(self, version, *newer):
        """Of everything a database can hold: back to its own version, then up to newer ones."""
        source = getattr(self, f"v{version}")
        source.zoo()
        self.addCleanup(source.drop, "zoo")
        self.init()
        self.backup(source.url("zoo"), "--split", "1MiB", env=self.path(source))
        for target in (source, *(getattr(self, f"v{number}") for number in newer)):
            with self.subTest(target=target.version):
                name = f"from_{version}"
                self.restore("zoo@latest", target.url(name), env=self.path(target))
                # A newer server words the same views and types differently: only the rows agree.
                options = [] if source is target else ["--data-only"]
                self.assert_same_database(source, "zoo", target, name, *options)
                target.drop(name)

    @staticmethod
    def path(server):
        return {"PATH": f"{server.clients}:/usr/bin:/bin"}

    def test_13(self):
        self.carry(13, 14, 18)

    def test_14(self):
        self.carry(14, 15)

    def test_15(self):
        self.carry(15, 16, 18)

    def test_16(self):
        self.carry(16, 17)

    def test_17(self):
        self.carry(17, 18)

    def test_18(self):
        self.carry(18)

    def properties(self, server, database):
        return server.query(database, """
            SELECT datlocprovider, datcollate, datctype, datlocale, daticurules
            FROM pg_database WHERE datname = current_database()""")

    def test_locale_providers_of_databases(self):
        """Builtin, and ICU with rules: by restore, and by the script of a whole server."""
        made = {"builtin_c": "LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C'",
                "builtin_utf8": "LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8'",
                "ruled": "LOCALE_PROVIDER icu ICU_LOCALE 'und' ICU_RULES '&a < g'"}
        self.init()
        for name, options in made.items():
            self.v17.create(name, options + " TEMPLATE template0")
            self.addCleanup(self.v17.drop, name)
            self.v17.query(name, "CREATE TABLE t AS SELECT v FROM (VALUES ('b'), ('g'), ('Ä')) s(v)")
            self.backup(self.v17.url(name), env=self.path(self.v17))
            for target in (self.v17, self.v18):
                self.restore(f"{name}@latest", target.url("back"), env=self.path(target))
                self.assertEqual(self.properties(self.v17, name), self.properties(target, "back"))
                self.assertEqual(self.v17.table(name, "t", "v"), target.table("back", "t", "v"))
                target.drop("back")
        self.backup(self.v17.server_url(), "--database", "builtin*", "--database", "ruled",
                    "--name", "several", env=self.path(self.v17))
        script = self.folder / "several.sql"
        self.hf("export", "several@latest", "--output", script, env=self.path(self.v18))
        self.v18.psql("postgres", script)
        for name in made:
            self.addCleanup(self.v18.drop, name)
            self.assertEqual(self.properties(self.v17, name), self.properties(self.v18, name))

    def test_login_event_triggers_do_not_fire_in_what_is_restored(self):
        """One that writes would change the database that is compared; one that refuses would keep
        the restore out of it."""
        self.v17.create("watched")
        self.addCleanup(self.v17.drop, "watched")
        self.v17.psql("watched", """
            CREATE TABLE seen (who text);
            CREATE FUNCTION see() RETURNS event_trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF pg_catalog.current_database() <> 'watched' THEN
                    IF pg_catalog.current_setting('application_name') ~ 'holdfast|pg_dump|pg_restore' THEN
                        RAISE EXCEPTION 'not you';
                    END IF;
                    INSERT INTO public.seen VALUES (pg_catalog.current_setting('application_name'));
                END IF;
            END $$;
            CREATE EVENT TRIGGER on_login ON login EXECUTE FUNCTION see();
            ALTER EVENT TRIGGER on_login ENABLE ALWAYS""")
        self.init()
        self.backup(self.v17.url("watched"), env=self.path(self.v17))
        self.restore("watched@latest", self.v17.url("back"), env=self.path(self.v17))
        self.addCleanup(self.v17.drop, "back")
        self.assertEqual(["proven"], [s["state"] for s in self.snapshots()])
        # It is there, and fires for everybody else.
        self.assertEqual(1, self.v17.value("back", "SELECT count(*) FROM seen"))
        self.assertEqual([], self.v17.query("back", """
            SELECT setconfig FROM pg_db_role_setting JOIN pg_database d ON d.oid = setdatabase
            WHERE datname = 'back'"""))

    def test_programs_much_newer_than_the_server(self):
        """As in a container that has the newest ones only: pg_restore alone would stop at a setting
        that the server does not know."""
        self.v13.zoo()
        self.addCleanup(self.v13.drop, "zoo")
        self.init()
        self.backup(self.v13.url("zoo"), "--bin-dir", self.new.clients)
        result = self.restore("zoo@latest", self.v13.url("back"), "--bin-dir", self.new.clients)
        self.addCleanup(self.v13.drop, "back")
        self.assertNotRegex(result.said, "(?i)warning|differ")
        self.assert_same_database(self.v13, "zoo", self.v13, "back")

    def test_an_older_server_is_refused_before_anything_is_made(self):
        self.new.create("modern")
        self.addCleanup(self.new.drop, "modern")
        self.new.psql("modern", "CREATE TABLE t AS SELECT 1 AS a")
        self.init()
        path = {"PATH": f"{self.new.clients}:/usr/bin:/bin"}
        self.backup(self.new.url("modern"), env=path)
        before = self.middle.databases()
        self.hf("restore", "modern@latest", "--to", self.middle.url("modern"), env=path,
                expect=UNREACHABLE, says=["PostgreSQL 15", "older", "18"])
        self.assertEqual(before, self.middle.databases())

    def test_pg_dump_older_than_the_server(self):
        self.new.create("modern2")
        self.addCleanup(self.new.drop, "modern2")
        self.init()
        self.hf("backup", self.new.url("modern2"), "--bin-dir", self.middle.clients,
                expect=UNREACHABLE, says=["pg_dump", "18", "postgresql-client-18"])
        self.assertEqual([], self.snapshots())

    def test_newest_pg_dump_is_chosen_by_itself(self):
        """With both in PATH, the one that fits the server; never an older one."""
        self.new.create("modern3")
        self.addCleanup(self.new.drop, "modern3")
        self.init()
        self.backup(self.new.url("modern3"),
                    env={"PATH": f"{self.middle.clients}:{self.new.clients}:/usr/bin:/bin"})
        shown = self.hf("show", "latest", "--json").events[-1]
        self.assertRegex(shown["properties"]["pg_dump"], "^18")


if __name__ == "__main__":
    harness.main()
