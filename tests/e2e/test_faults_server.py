#!/usr/bin/python3
"""What goes wrong on the server's side, or between: the message says it, and nothing is stored."""
import contextlib
import os
import signal
import socket
import subprocess
import time

import harness
from harness import DONE, FAILED, UNREACHABLE, TestCase, run


class ServerFaults(TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server.create("app")
        cls.server.psql("app", """
            CREATE TABLE t AS SELECT i, md5(i::text) FROM generate_series(1, 1000000) i;
            CREATE TABLE secret_table AS SELECT 1 AS a;
            CREATE ROLE limited LOGIN PASSWORD 'the limited password';
            GRANT SELECT ON t TO limited""")

    def setUp(self):
        super().setUp()
        self.init()

    def refused(self, *arguments, code=FAILED, says=(), **options):
        """The backup fails so; no snapshot appears, and a good backup works right after."""
        result = self.backup(*arguments, expect=code, says=says, **options)
        self.assertEqual([], self.snapshots())
        return result

    def test_no_server(self):
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            port = unused.getsockname()[1]
        self.refused(f"postgresql://postgres@127.0.0.1:{port}/app", code=UNREACHABLE,
                     says=["127.0.0.1", str(port), "refused"])
        self.refused("postgresql://postgres@no-such-host.invalid/app", code=UNREACHABLE,
                     says="no-such-host.invalid")

    def test_no_database_role_or_password(self):
        self.refused(self.server.url("absent"), says=["absent", "does not exist"])
        self.refused(self.server.url("app", user="nobody_here"), says="nobody_here")
        result = self.refused(self.server.tcp_url("app", "limited"), says="limited|password",
                              env={"PGPASSWORD": "a wrong password"})
        self.assertNotIn("a wrong password", result.said)
        self.backup(self.server.tcp_url("app", "limited"), "--table", "t",
                    env={"PGPASSWORD": "the limited password"})

    def test_password_in_the_url_is_never_shown(self):
        url = self.server.tcp_url("app", "limited", "the limited password")
        process = self.start("backup", url, "--table", "t", "--verbose")
        seen = ""
        while process.poll() is None:
            try:
                seen += run(["ps", "-eo", "args", "--no-headers"]).stdout
            except AssertionError:
                pass
            time.sleep(0.02)
        result = self.finish(process, expect=None)
        for text in ("the limited password", "the%20limited%20password"):
            self.assertNotIn(text, result.said)
            # The first moment, before main has run, cannot be helped; no child may show it.
            self.assertFalse([line for line in seen.splitlines() if text in line and "pg_dump" in line])

    def test_not_enough_privilege_on_a_table(self):
        self.refused(self.server.url("app", user="limited"),
                     says=["secret_table", "limited", "GRANT"])

    def test_server_killed_in_the_middle(self):
        self.server.psql("app", "CREATE TABLE IF NOT EXISTS more AS SELECT * FROM t")
        for mode, target in (("backends", None), ("immediate", "stop")):
            with self.subTest(mode=mode):
                process = self.start("backup", self.server.url("app"), "--jobs", "2", "--threads", "1")
                self.wait_for_copy()
                if target:
                    self.server.stop("immediate")
                else:
                    self.server.query("postgres", """
                        SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                        WHERE query ~* 'copy' AND state = 'active' AND pid <> pg_backend_pid()""")
                result = self.finish(process, expect=UNREACHABLE, timeout=60)
                if target:
                    self.server.start()
                self.assertRegex(result.err, "(?i)t/|public|terminat|closed the connection|connection")
                self.assertEqual([], self.snapshots())
        self.backup(self.server.url("app"))
        self.assertEqual(1, len(self.snapshots()))

    def test_server_killed_in_the_middle_of_a_restore(self):
        """Nothing bears the name; the next restore is whole, and clears away what was left."""
        self.backup(self.server.url("app"))
        process = self.start("restore", "app@latest", "--to", self.server.url("back"))
        self.wait_for_copy()
        self.server.stop("immediate")
        self.finish(process, expect=UNREACHABLE, timeout=60)
        self.server.start()
        self.assertNotIn("back", self.server.databases())
        result = self.restore("app@latest", self.server.url("back"))
        self.assertRegex(result.said, r"dropped database .*back\.holdfast-.*killed")
        self.assertEqual(["app", "back", "postgres"], self.server.databases())
        self.server.drop("back")

    def wait_for_copy(self):
        """Until some session reads a table for a backup."""
        with contextlib.closing(self.server.connect()) as connection, connection.cursor() as cursor:
            deadline = time.monotonic() + 20
            while time.monotonic() < deadline:
                cursor.execute("SELECT 1 FROM pg_stat_activity WHERE query ~* 'copy' "
                               "AND state = 'active' AND pid <> pg_backend_pid()")
                if cursor.fetchone():
                    return
        self.fail("no COPY was seen")

    def test_pg_dump_missing(self):
        self.refused(self.server.url("app"), "--bin-dir", self.bin_dir(self.server, pg_dump=None), code=UNREACHABLE,
                     says=["pg_dump", "postgresql-client-15"])
        self.refused(self.server.url("app"), "--bin-dir", self.folder / "nothing here", code=UNREACHABLE,
                     says=["pg_dump", "nothing here"])

    def test_pg_dump_too_old(self):
        old = 'echo "pg_dump (PostgreSQL) 12.9"'
        self.refused(self.server.url("app"), "--bin-dir", self.bin_dir(self.server, pg_dump=old), code=UNREACHABLE,
                     says=["pg_dump", "12", "15"])

    def test_pg_dump_that_fails(self):
        real = self.server.clients / "pg_dump"
        for what, script, says in (
                ("says why", 'echo "pg_dump: error: out of luck" >&2; exit 3', "out of luck"),
                ("dies", "kill -9 $$", "signal|killed"),
                ("stops half-way", f'"{real}" "$@" | head -c 1000; exit 0', "pg_dump|archive|schema"),
                ("says nothing and succeeds", "exit 0", "pg_dump|archive|schema"),
                ("writes nonsense", "echo PGDMPnonsense", "pg_dump|archive|schema")):
            with self.subTest(pg_dump=what):
                script = f'case "$*" in *--version*) exec "{real}" --version;; esac\n{script}'
                result = self.backup(self.server.url("app"), "--bin-dir", self.bin_dir(self.server, pg_dump=script),
                                     expect=None, says=says)
                self.assertNotEqual(DONE, result.code)
                self.assertEqual([], self.snapshots())

    def test_pooler_in_transaction_mode(self):
        ini = self.folder / "pgbouncer.ini"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        ini.write_text(f"""
[databases]
app = host={self.server.folder}/s port={self.server.port} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 10
ignore_startup_parameters = extra_float_digits,options,client_encoding
""")
        command = ["pgbouncer", "-q", str(ini)]
        if os.getuid() == 0:
            command[0:0] = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        log = self.folder / "pgbouncer.log"
        path = {**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin"}
        with log.open("w") as out:
            pooler = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, env=path)
        self.addCleanup(pooler.wait)
        self.addCleanup(pooler.kill)
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        else:
            self.fail("PgBouncer did not start: " + log.read_text())
        self.refused(f"postgresql://postgres@127.0.0.1:{port}/app", code=None, says=["pool", "session|server itself"])

    def test_interrupt(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(signal=number.name):
                process = self.start("backup", self.server.url("app"), "--threads", "1")
                self.wait_for_copy()
                process.send_signal(number)
                result = self.finish(process, expect=None, timeout=20)
                self.assertNotEqual(DONE, result.code)
                self.assertRegex(result.err, "(?i)interrupt|cancel|signal|terminat")
                self.assertEqual([], self.snapshots())
                self.assertEqual(0, self.server.value("postgres", """
                    SELECT count(*) FROM pg_stat_activity WHERE application_name ~ 'holdfast'
                    AND state <> 'idle' AND pid <> pg_backend_pid()"""))
        self.assertFalse([o for o in self.objects("leases/")], "an interrupted run gives its lease back")
        self.backup(self.server.url("app"))


if __name__ == "__main__":
    harness.main()
