#!/usr/bin/python3
"""One moment of the source, whatever others do to it meanwhile."""
import contextlib
import threading

import psycopg2

import harness
from harness import BUSY, Background, Server, TestCase, run

TOTALS = """
    SELECT (SELECT sum(abalance) FROM pgbench_accounts), (SELECT sum(bbalance) FROM pgbench_branches),
           (SELECT sum(tbalance) FROM pgbench_tellers), (SELECT coalesce(sum(delta), 0) FROM pgbench_history)"""


class Consistency(TestCase):
    def pgbench(self, database, *options):
        return run([self.server.clients / "pgbench", "-h", self.server.folder / "s",
                    "-p", self.server.port, "-U", "postgres", *options, database], timeout=120)

    def test_snapshot_holds_while_others_write_create_drop_and_rename(self):
        self.server.create("bank")
        self.addCleanup(self.server.drop, "bank")
        self.pgbench("bank", "-i", "-q", "-s", "2")
        self.server.psql("bank", "CREATE TABLE stays (a integer); CREATE TABLE moves (a integer)")
        self.init()
        connection = self.server.connect("bank")
        self.addCleanup(connection.close)

        def ddl(n):
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = '200ms'")
                for statement in (f"CREATE TABLE made_{n} AS SELECT {n} AS n",
                                  f"ALTER TABLE IF EXISTS made_{n} RENAME TO renamed_{n}",
                                  f"DROP TABLE IF EXISTS renamed_{max(0, n - 2)}",
                                  "ALTER TABLE moves RENAME TO moved", "ALTER TABLE moved RENAME TO moves",
                                  "TRUNCATE stays", "INSERT INTO stays VALUES (1)"):
                    with contextlib.suppress(psycopg2.errors.LockNotAvailable,
                                             psycopg2.errors.UndefinedTable,
                                             psycopg2.errors.DeadlockDetected):
                        cursor.execute(statement)

        def bank(_):
            self.pgbench("bank", "-n", "-c", "4", "-T", "1")

        with Background(ddl) as ddl_thread, Background(bank):
            for _ in range(3):
                self.backup(self.server.url("bank"), "--split", "1MiB", "--jobs", "4")
        self.assertGreater(ddl_thread.rounds, 3)
        for number, snapshot in enumerate(self.snapshots()):
            name = f"bank_{number}"
            self.restore(snapshot["id"], self.server.url(name))
            self.addCleanup(self.server.drop, name)
            accounts, branches, tellers, history = self.server.query(name, TOTALS)[0]
            self.assertEqual((accounts, accounts, accounts), (branches, tellers, history))
        self.assertNotEqual(0, history)

    def test_a_table_that_stays_locked_is_waited_for_only_so_long(self):
        self.server.create("locked")
        self.addCleanup(self.server.drop, "locked")
        self.server.psql("locked", "CREATE TABLE t AS SELECT 1 AS a")
        self.init()
        holder = self.server.connect("locked", autocommit=False)
        holder.cursor().execute("LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
        self.backup(self.server.url("locked"), "--lock-timeout", "1", expect=BUSY, says=["lock"])
        self.assertEqual([], self.snapshots())
        threading.Timer(2, holder.rollback).start()
        self.backup(self.server.url("locked"), "--lock-timeout", "60")
        holder.close()

    def test_standby(self):
        self.server.create("original")
        self.addCleanup(self.server.drop, "original")
        self.pgbench("original", "-i", "-q", "-s", "2")
        standby = Server(self.base / "standby", replica_of=self.server)
        self.addCleanup(standby.stop, "immediate")
        self.init()
        with Background(lambda _: self.pgbench("original", "-n", "-c", "2", "-T", "1")):
            self.backup(standby.url("original"), "--split", "1MiB")
        self.restore("original@latest", self.server.url("from_standby"))
        self.addCleanup(self.server.drop, "from_standby")
        accounts, branches, tellers, history = self.server.query("from_standby", TOTALS)[0]
        self.assertEqual((accounts, accounts, accounts), (branches, tellers, history))
        shown = self.hf("show", "latest", "--json").events[-1]
        self.assertTrue(shown["properties"]["server"]["standby"])
        self.hf("restore", "latest", "--to", standby.url("x"), expect=harness.FAILED, says="standby")


if __name__ == "__main__":
    harness.main()
