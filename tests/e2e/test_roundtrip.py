#!/usr/bin/python3
"""Backup and restore of everything a database can hold."""
import harness
from harness import DONE, TestCase


class RoundTrip(TestCase):
    def test_zoo_comes_back_whole(self):
        self.server.zoo()
        self.addCleanup(self.server.drop, "zoo")
        self.init()
        self.backup(self.server.url("zoo"), "--split", "1MiB", says=r"zoo: snapshot \w+")
        result = self.restore("zoo@latest", self.server.url("zoo_back"))
        self.addCleanup(self.server.drop, "zoo_back")
        self.assertNotRegex(result.said, "(?i)warning|differ")
        self.assert_same_database(self.server, "zoo", self.server, "zoo_back")
        self.assertEqual(["proven"], [s["state"] for s in self.snapshots()])
        counts = ("SELECT relname, relispopulated FROM pg_class WHERE relkind = 'm' ORDER BY 1")
        self.assertEqual(self.server.query("zoo", counts), self.server.query("zoo_back", counts))
        sequences = ("SELECT schemaname, sequencename, last_value FROM pg_sequences ORDER BY 1, 2")
        self.assertEqual(self.server.query("zoo", sequences),
                         self.server.query("zoo_back", sequences))
        self.assertEqual([(90001, 0), (90002, 320000), (90003, 5), (90004, 100012)],
                         self.server.query("zoo_back", """
                             SELECT oid::int, length(lo_get(oid))
                             FROM pg_largeobject_metadata ORDER BY 1"""))
        # Nothing of the restore's own is left: no trigger fired, no row was added.
        self.assertEqual(2, self.server.value("zoo_back", "SELECT count(*) FROM kinds.audit"))

        # A backup of the restored database finds most of its rows in chunks that are there: not all,
        # as the parts of a table are cut by its blocks, and restored ones are filled.
        result = self.backup(self.server.url("zoo_back"), "--name", "again", "--split", "1MiB",
                             "--json")
        done = result.events[-1]
        self.assertLess(done["new_bytes"], done["read_bytes"] * 0.6, done)

    def test_restore_is_the_moment_of_the_backup(self):
        self.server.create("moment")
        self.addCleanup(self.server.drop, "moment")
        self.server.psql("moment", "CREATE TABLE t AS SELECT 1 AS a")
        self.init()
        first = self.backup(self.server.url("moment"), "--json").events[-1]["snapshot"]
        self.server.psql("moment", "UPDATE t SET a = 2")
        self.backup(self.server.url("moment"))
        for snapshot, value in ((first, 1), (first[:10], 1), ("moment@latest", 2), ("latest", 2)):
            self.restore(snapshot, self.server.url("back"))
            self.assertEqual(value, self.server.value("back", "SELECT a FROM t"))
            self.server.drop("back")

    def test_unchanged_database_stores_little(self):
        self.server.create("same")
        self.addCleanup(self.server.drop, "same")
        self.server.psql("same", "CREATE TABLE t AS SELECT i, md5(i::text) FROM "
                                 "generate_series(1, 200000) i")
        self.init()
        first = self.backup(self.server.url("same"), "--json").events[-1]
        before = self.stored()
        second = self.backup(self.server.url("same"), "--json").events[-1]
        self.assertLess(self.stored() - before, 64 * 1024)
        self.assertLess(second["new_bytes"], first["new_bytes"] / 100)

    def test_empty_database(self):
        self.server.create("nothing")
        self.addCleanup(self.server.drop, "nothing")
        self.init()
        self.backup(self.server.url("nothing"))
        self.restore("nothing@latest", self.server.url("nothing2"))
        self.addCleanup(self.server.drop, "nothing2")
        self.assert_same_database(self.server, "nothing", self.server, "nothing2")

    def test_one_table_in_many_parts_and_jobs(self):
        self.server.create("big")
        self.addCleanup(self.server.drop, "big")
        self.server.psql("big", """
            CREATE TABLE wide (id bigint PRIMARY KEY, a text, b text);
            INSERT INTO wide SELECT i, md5(i::text), repeat(md5((i + 1)::text), 4)
            FROM generate_series(1, 60000) i;
            UPDATE wide SET a = 'moved' WHERE id % 7 = 0;""")
        self.init()
        self.backup(self.server.url("big"), "--split", "1MiB", "--jobs", "6", "--threads", "3")
        show = self.hf("show", "big@latest", "--json").events[-1]
        table = next(t for t in show["tables"] if t["table"] == "wide")
        self.assertGreater(table["parts"], 5)
        self.assertEqual(60000, table["rows"])
        self.restore("big@latest", self.server.url("big2"), "--jobs", "6")
        self.addCleanup(self.server.drop, "big2")
        self.assert_same_database(self.server, "big", self.server, "big2")


    def restored(self, name, script, *queries):
        """What pg_dump itself does not bring back in the same places: compared by its rows."""
        self.server.create(name)
        self.addCleanup(self.server.drop, name)
        self.server.psql(name, script)
        self.init()
        self.backup(self.server.url(name))
        self.restore(f"{name}@latest", self.server.url(name + "_back"))
        self.addCleanup(self.server.drop, name + "_back")
        for query in queries:
            self.assertEqual(self.server.query(name, query), self.server.query(name + "_back", query))

    def test_hash_partitions_by_an_enum(self):
        """Enum values get new oids, so their rows belong into other partitions after a restore."""
        self.restored("hashed", """
            CREATE TYPE mood AS ENUM ('sad', 'ok', 'good', 'great');
            CREATE TABLE h (m mood, n integer) PARTITION BY HASH (m);
            CREATE TABLE h0 PARTITION OF h FOR VALUES WITH (MODULUS 3, REMAINDER 0);
            CREATE TABLE h1 PARTITION OF h FOR VALUES WITH (MODULUS 3, REMAINDER 1);
            CREATE TABLE h2 PARTITION OF h FOR VALUES WITH (MODULUS 3, REMAINDER 2);
            INSERT INTO h SELECT (enum_range(NULL::mood))[1 + i % 4], i FROM generate_series(1, 4000) i;
            """, "SELECT m::text, n FROM h ORDER BY n")

    def test_children_that_inherited_later(self):
        """Their columns come back in the order of the parent's, as pg_dump has it."""
        self.restored("heirs", """
            CREATE TABLE parent (a integer, b text);
            CREATE TABLE child (b text, more integer, a integer);
            ALTER TABLE child INHERIT parent;
            INSERT INTO parent VALUES (1, 'parent'); INSERT INTO child VALUES ('child', 5, 3);
            """, "SELECT a, b FROM parent ORDER BY a", "SELECT a, b, more FROM child")


    def test_subscriptions_come_back_without_connecting(self):
        """Nothing of the restore's goes to the publisher; the subscription is there, and off."""
        name = "subscriber"
        self.server.create(name)
        self.server.psql(name, """
            CREATE TABLE t AS SELECT 1 AS a;
            CREATE SUBSCRIPTION from_far CONNECTION 'host=192.0.2.1 user=x password=''s'' dbname=y'
                PUBLICATION p, "Other P" WITH (connect = false, synchronous_commit = on)""")
        self.init()
        self.backup(self.server.url(name))
        self.restore(f"{name}@latest", self.server.url("sub_back"))
        query = """SELECT subname, subenabled, subconninfo, subslotname, subsynccommit, subpublications
                   FROM pg_subscription WHERE subdbid = (
                       SELECT oid FROM pg_database WHERE datname = current_database())"""
        self.assertEqual(self.server.query(name, query), self.server.query("sub_back", query))
        self.assertEqual([("from_far", False)], [row[:2] for row in self.server.query("sub_back", query)])
        for database in (name, "sub_back"):
            self.server.psql(database, "ALTER SUBSCRIPTION from_far SET (slot_name = NONE)")
            self.server.psql(database, "DROP SUBSCRIPTION from_far")
            self.server.drop(database)


class DatabaseProperties(TestCase):
    def round_trip(self, name, options, script, user_visible):
        self.server.create(name, options)
        self.addCleanup(self.server.drop, name)
        self.server.psql(name, script)
        self.init()
        self.backup(self.server.url(name), "--name", "source")
        back = name + " restored"
        self.restore("source@latest", self.server.url(back))
        self.addCleanup(self.server.drop, back)
        self.assertEqual(self.server.query(name, user_visible),
                         self.server.query(back, user_visible))
        properties = """
            SELECT pg_encoding_to_char(encoding), datlocprovider, datcollate, datctype, daticulocale,
                   datdba::regrole, datacl, datconnlimit, shobj_description(oid, 'pg_database'),
                   (SELECT array_agg(setrole::regrole || ':' || array_to_string(setconfig, ',') ORDER BY 1)
                    FROM pg_db_role_setting WHERE setdatabase = d.oid)
            FROM pg_database d WHERE datname = current_database()"""
        self.assertEqual(self.server.query(name, properties), self.server.query(back, properties))
        self.assert_same_database(self.server, name, self.server, back)

    def test_latin1_database(self):
        self.round_trip("latin", "ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0", """
            CREATE TABLE "Größe" (t text, "Straße" bytea);
            COMMENT ON TABLE "Größe" IS 'größer';
            INSERT INTO "Größe" VALUES ('äöüß ÿ', '\\xff00');
            INSERT INTO "Größe" SELECT convert_from(decode(lpad(to_hex(i), 2, '0'), 'hex'), 'LATIN1')
            FROM generate_series(1, 255) i""", 'SELECT * FROM "Größe" ORDER BY 1')

    def test_sql_ascii_database_with_bytes_of_no_encoding(self):
        self.round_trip("ascii", "ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0", r"""
            CREATE TABLE t (a text);
            INSERT INTO t SELECT convert_from(decode(lpad(to_hex(i), 2, '0') || 'ff', 'hex'), 'SQL_ASCII')
            FROM generate_series(1, 255) i""", "SELECT encode(convert_to(a, 'SQL_ASCII'), 'hex') FROM t ORDER BY 1")

    def test_icu_owner_rights_settings_comment(self):
        self.server.psql("postgres", """
            CREATE ROLE keeper LOGIN; CREATE ROLE "other role" LOGIN""")
        self.round_trip(
            "prop'er \"ties", "LOCALE_PROVIDER icu ICU_LOCALE 'de-AT' TEMPLATE template0", """
            ALTER DATABASE "prop'er ""ties" OWNER TO keeper;
            ALTER DATABASE "prop'er ""ties" CONNECTION LIMIT 17;
            ALTER DATABASE "prop'er ""ties" SET work_mem = '77MB';
            ALTER DATABASE "prop'er ""ties" SET search_path = public, "a b";
            ALTER ROLE "other role" IN DATABASE "prop'er ""ties" SET statement_timeout = '1min';
            COMMENT ON DATABASE "prop'er ""ties" IS 'a ''comment''';
            REVOKE CONNECT ON DATABASE "prop'er ""ties" FROM PUBLIC;
            GRANT CONNECT ON DATABASE "prop'er ""ties" TO "other role";
            CREATE TABLE t (a text COLLATE "und-x-icu")""", "SELECT 1")

    def test_read_only_by_default_and_odd_settings_of_the_database(self):
        """Settings that would spoil a dump or a restore do not."""
        self.server.create("odd")
        self.addCleanup(self.server.drop, "odd")
        self.server.psql("odd", """
            CREATE TABLE t (d date, i interval, f float8, b bytea, ts timestamptz);
            INSERT INTO t VALUES ('2020-03-04', '1 year 2 days', 0.1 + 0.2, '\\x00ff', '2020-01-01Z');
            ALTER DATABASE odd SET datestyle = 'SQL, DMY';
            ALTER DATABASE odd SET intervalstyle = 'sql_standard';
            ALTER DATABASE odd SET bytea_output = 'escape';
            ALTER DATABASE odd SET timezone = 'Asia/Kolkata';
            ALTER DATABASE odd SET extra_float_digits = -10;
            ALTER DATABASE odd SET standard_conforming_strings = off;
            ALTER DATABASE odd SET statement_timeout = '50ms';
            ALTER DATABASE odd SET idle_in_transaction_session_timeout = '50ms';
            ALTER DATABASE odd SET lock_timeout = '10ms';
            ALTER DATABASE odd SET default_transaction_read_only = on;
            ALTER DATABASE odd SET row_security = off;
            ALTER DATABASE odd SET search_path = nowhere;""")
        self.init()
        self.backup(self.server.url("odd"))
        self.restore("odd@latest", self.server.url("odd2"))
        self.addCleanup(self.server.drop, "odd2")
        self.assert_same_database(self.server, "odd", self.server, "odd2")


if __name__ == "__main__":
    harness.main()
