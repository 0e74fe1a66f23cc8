#!/usr/bin/python3
"""The command line and the configuration: what it takes, what it says, what it refuses."""
import json
import os
import pty
import re
import select

import harness
from harness import DONE, FAILED, UNREACHABLE, USAGE, TestCase

GOOD = """\
repositories:
  local: {path: repo, passphrase_file: passphrase}
sources:
  app: {postgres: {host: SOCKET, port: PORT, user: postgres, database: app}}
  two: {postgres: {host: SOCKET, port: PORT, user: postgres, database: two}}
jobs:
  nightly: {sources: [app, two], repositories: [local]}
"""


class CommandLine(TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for name in ("app", "two"):
            cls.server.create(name)
            cls.server.psql(name, f"CREATE TABLE {name} AS SELECT 1 AS a")

    def config(self, text, name="holdfast.yaml"):
        path = self.folder / name
        path.write_text(text.replace("SOCKET", str(self.server.folder / "s"))
                        .replace("PORT", str(self.server.port)))
        return path

    def test_everything_by_configuration(self):
        self.config(GOOD)
        self.hf("config", "check", repo=False, says="holdfast.yaml")
        self.hf("init", repo=False, says="fingerprint")
        self.hf("doctor", repo=False, says=["app", "pg_dump"])
        self.hf("backup", repo=False)
        self.hf("backup", "nightly", repo=False)
        self.hf("backup", "app", repo=False)
        events = [e for e in self.hf("list", "--json", repo=False).events if e["event"] == "snapshot"]
        self.assertEqual({"app": 3, "two": 2}, {
            name: len([e for e in events if e["source"] == name]) for name in ("app", "two")})
        # One a snapshot, and one that says when the source was last proven.
        self.assertEqual(4, self.hf("list", "app", repo=False).out.count("app"))
        self.hf("restore", "two@latest", "--to", "two_back", repo=False)
        self.addCleanup(self.server.drop, "two_back")
        self.hf("list", "two", repo=False, says="proven")
        self.hf("show", "two@latest", repo=False, says=["public.two", "postgres"])
        self.hf("export", "two@latest", repo=False, says="CREATE TABLE public.two")
        self.hf("key", "list", repo=False, says="reader")

    def test_mistakes_in_the_configuration(self):
        cases = (
            ("sourcez: {}", 'holdfast.yaml:1:1: .*"sourcez".*"sources"'),
            (GOOD.replace("database: app", "databse: app"), r'holdfast.yaml:4:\d+: .*databse.*database'),
            (GOOD.replace("PORT", "99999", 1), r'holdfast.yaml:4:\d+: .*port'),
            (GOOD.replace("PORT", "many", 1), r'holdfast.yaml:4:\d+: .*port'),
            (GOOD.replace("[app, two]", "[app, tow]"), r'holdfast.yaml:7:\d+: .*tow.*two'),
            (GOOD.replace("[local]", "[remote]"), r'holdfast.yaml:7:\d+: .*remote'),
            (GOOD.replace("path: repo, ", ""), r'holdfast.yaml:2:\d+: .*path.*missing'),
            (GOOD.replace("  two: {", "  app: {"), r'holdfast.yaml:5:\d+: .*app'),
            (GOOD.replace("passphrase_file: passphrase", "passphrase_file: [a]"), r'holdfast.yaml:2:\d+'),
            ("repositories: {local: {path: a", r'holdfast.yaml:\d+'),
            ("a: *b", r'holdfast.yaml:\d+'), ("\tx: 1", r'holdfast.yaml:1'), ("", "empty"),
            ("- a\n- b", r'holdfast.yaml:1:1'), ("\x00", "holdfast.yaml"),
            (GOOD.replace("repo,", "'${NO_SUCH_VARIABLE}',"), r'holdfast.yaml:2:\d+: .*NO_SUCH_VARIABLE'),
            (GOOD.replace("database: app", "database: app, all_databases: true"), r'holdfast.yaml:4:\d+'),
            (GOOD + "jobs: {}\n", r'holdfast.yaml:8:1'),
        )
        for text, says in cases:
            with self.subTest(says=says, text=text[:60]):
                self.config(text)
                self.hf("config", "check", repo=False, expect=USAGE, says=says)
                self.hf("backup", repo=False, expect=USAGE, says=says)

    def test_next_runs(self):
        self.config(GOOD.replace("[local]}", "[local], schedule: '30 2 * * *', timezone: Asia/Kathmandu}\n"
                                 "  later: {sources: app, repositories: local, after: nightly}"))
        self.hf("config", "check", repo=False, says=["02:30:00 [+]05:45", "after nightly"])
        events = self.hf("config", "check", "--json", repo=False).events
        times = [time for event in events if event["event"] == "next_runs" for time in event["times"]]
        self.assertEqual([time[11:] for time in times], ["20:45:00Z"] * 3)
        self.assertEqual(sorted(set(times)), times)

    def test_secrets(self):
        self.config(GOOD.replace("passphrase_file: passphrase", "passphrase_command: 'echo from a command'"))
        self.hf("init", repo=False)
        self.config(GOOD.replace("passphrase_file: passphrase", "passphrase: '${PASS:-from a command}'"))
        self.hf("list", repo=False)
        result = self.hf("list", repo=False, env={"PASS": "tell nobody"}, expect=FAILED, says="passphrase")
        self.assertNotIn("tell nobody", result.said)
        self.config(GOOD.replace("passphrase_file: passphrase", "passphrase_file: absent"))
        self.hf("list", repo=False, expect=None, says="absent")
        self.config(GOOD.replace("passphrase_file: passphrase", "passphrase_command: 'echo no luck >&2; exit 4'"))
        self.hf("list", repo=False, expect=None, says=["command", "no luck|4"])

    def test_no_configuration_at_all(self):
        self.init()
        self.backup(self.server.url("app"))
        self.backup(repo=False, expect=USAGE, says="holdfast.yaml|configuration")
        self.backup("app", expect=USAGE, says="app")
        self.hf("list", repo=False, expect=USAGE, says="repository")
        self.hf("list", "--config", "absent.yaml", repo=False, expect=USAGE, says="absent.yaml")

    def test_mistakes_on_the_command_line(self):
        for command, says in ((["bakcup"], "backup"), (["backup", "--repositroy", "x"], "--repository"),
                              (["list", "--memory"], "memory"), (["restore"], "--to"), (["restore", "--to", "x"], "SNAPSHOT"),
                              (["list", "a", "b"], "."), (["key"], "key"), (["key", "addd"], "add"),
                              (["backup", "--jobs", "0", "x"], "jobs"), (["backup", "--jobs", "a", "x"], "jobs"),
                              (["check", "--read-data=200%"], "read-data"), (["list", "--quiet=yes"], "quiet")):
            with self.subTest(command=command):
                self.hf(*command, repo=False, expect=USAGE, says=says)
        self.hf(repo=False, expect=USAGE)

    def test_help(self):
        everything = self.hf("--help", repo=False).out
        commands = ("init", "backup", "restore", "list", "show", "check", "export", "prune", "forget", "pin",
                    "unpin", "key list", "key add",
                    "key remove", "key rotate", "key export", "config check", "doctor")
        for command in commands:
            self.assertIn(command, everything)
            text = self.hf(*command.split(), "--help", repo=False).out
            self.assertEqual(text, self.hf("help", *command.split(), repo=False).out)
            self.assertIn("--config", text)
            self.assertTrue(all(len(line) <= 100 for line in text.splitlines()), text)
        self.hf("--version", repo=False, says=r"holdfast \d+\.\d+")

    def test_json_is_json_also_for_errors(self):
        self.init()
        for arguments, code in ((["backup", self.server.url("app")], DONE), (["list"], DONE),
                                (["backup", self.server.url("absent")], FAILED), (["check"], DONE),
                                (["restore", "nope@latest", "--to", self.server.url("x")], FAILED)):
            result = self.hf(*arguments, "--json", expect=code)
            for line in result.out.splitlines():
                self.assertRegex(json.loads(line)["time"], r"^\d{4}-\d\d-\d\dT")
            if code != DONE:
                error = result.events[-1]
                self.assertEqual(("error", code), (error["event"], error["exit_code"]))

    def test_quiet(self):
        self.init()
        result = self.backup(self.server.url("app"), "--quiet")
        self.assertEqual("", result.said)

    def test_doctor_says_what_is_missing(self):
        self.config(GOOD.replace("PORT", "1", 1))
        self.hf("init", repo=False)
        result = self.hf("doctor", repo=False, expect=UNREACHABLE, says=["app", "two"])
        self.assertRegex(result.out, "(?i)refused|no such file|not reachable|is the server running")

    def test_progress_on_a_terminal(self):
        self.server.create("large")
        self.addCleanup(self.server.drop, "large")
        self.server.psql("large", "CREATE TABLE t AS SELECT i, md5(i::text) FROM generate_series(1, 300000) i")
        self.init()
        ours, theirs = pty.openpty()
        process = self.start("backup", self.server.url("large"), stderr=theirs, env={"TERM": "xterm"})
        os.close(theirs)
        text = b""
        while process.poll() is None or select.select([ours], [], [], 0)[0]:
            if select.select([ours], [], [], 0.05)[0]:
                try:
                    text += os.read(ours, 4096)
                except OSError:
                    break
        os.close(ours)
        self.finish(process)
        self.assertRegex(text.decode(), re.compile(r"\r.*large.*(MiB|KiB)", re.DOTALL))
        plain = self.backup(self.server.url("large"))
        self.assertNotIn("\r", plain.said)
        self.assertNotIn("\x1b", plain.said)


if __name__ == "__main__":
    harness.main()
