#!/usr/bin/python3
"""The history of runs and the log, of commands given by hand; a broken state directory stops nothing."""
import contextlib
import json
import os
import signal

import harness
from harness import FAILED, UNREACHABLE, USAGE, TestCase, run

SECRET = "hunter2-in-a-url"

CONFIG = """
repositories:
  local: {{path: repo, identity_file: {identity}}}
sources:
  files: {{volume: {{path: data}}}}
  away:  {{postgres: {{dsn: "postgresql://u:{secret}@127.0.0.1:1/app"}}}}
jobs:
  nightly: {{sources: [files], repositories: [local]}}
  broken:  {{sources: [files, away], repositories: [local]}}
"""


class History(TestCase):
    SERVERS = {}

    def setUp(self):
        super().setUp()
        self.init()
        self.state = self.folder / "state"
        (self.folder / "data").mkdir()
        (self.folder / "data/a").write_text("something")
        (self.folder / "holdfast.yaml").write_text(
            CONFIG.format(identity=self.base / "identity", secret=SECRET))

    def do(self, *arguments, env=None, **options):
        return self.hf(*arguments, repo=False, env={"HOLDFAST_STATE": self.state, **(env or {})},
                       **options)

    def history(self, *arguments, **options):
        return [e for e in self.do("history", "--json", *arguments, **options).events
                if e["event"] == "run"]

    def logged(self, result):
        """Standard error: every line of it JSON with what each has."""
        lines = [json.loads(line) for line in result.err.splitlines()]
        for line in lines:
            self.assertLessEqual({"time", "level", "msg"}, set(line), line)
        return lines

    def test_run_is_recorded_with_parts_steps_and_numbers(self):
        self.do("backup", "nightly")
        self.do("restore", "files@latest", "--repository", "local", "--to", self.folder / "out")
        restore, backup = self.history()
        self.assertEqual(("backup", "nightly", "manual", "done", None, 0),
                         tuple(backup[k] for k in ("command", "job", "trigger", "outcome", "error", "warnings")))
        self.assertGreater(backup["read_bytes"], 0)
        self.assertGreater(backup["stored_bytes"], 0)
        self.assertGreater(backup["bytes_per_second"], 0)
        self.assertEqual("restore", restore["command"])
        [run] = self.history(backup["run"][:8])
        [part] = run["parts"]
        self.assertEqual(("backup", "nightly", "files", "local", "done"), tuple(
            part[k] for k in ("action", "job", "source", "repository", "outcome")))
        [snapshot] = self.snapshots("files")
        self.assertEqual(snapshot["id"], part["snapshot"])
        self.assertEqual(part["snapshot"], part["result"]["snapshot"])
        self.assertRegex(self.do("history").out, r"(?s)RUN +BEGUN.*restore.*backup +nightly +manual +done")
        self.assertIn("backup files in local: done", self.do("history", run["run"]).out)

    def test_failure_is_recorded_with_its_chain_and_no_secret(self):
        self.do("backup", "broken", expect=UNREACHABLE)
        self.do("backup", "nightly")
        [run] = self.history("--failed")
        self.assertEqual(("failed", "not reachable", "1 of 2 backups failed"),
                         (run["outcome"], run["status"], run["error"]))
        [run] = self.history(run["run"])
        good, bad = run["parts"]
        self.assertEqual(("files", "done", "away", "failed"),
                         (good["source"], good["outcome"], bad["source"], bad["outcome"]))
        self.assertRegex(bad["error"], "^backup away: .*127.0.0.1")
        self.assertIn(bad["error"], [n["text"] for n in run["notes"] if n["kind"] == "error"])
        self.assertEqual(["backup"], [r["command"] for r in self.history("away")])
        self.assertEqual(2, len(self.history("files", "--since", "1h")))
        self.assertEqual(1, len(self.history("--limit", "1")))
        for path in (p for p in self.state.rglob("*") if p.is_file()):
            self.assertNotIn(SECRET.encode(), path.read_bytes(), path)

    def test_usage_errors_are_no_runs(self):
        self.do("backup", "nighly", expect=USAGE)
        self.do("history", expect=FAILED, says="no run was recorded yet")
        self.do("backup", "nightly")
        self.do("history", "deadbeef", expect=FAILED, says="no job, source or run")
        self.do("history", "--since", "yesterday", expect=USAGE, says="--since takes a time")
        self.assertIn("no such run", self.do("history", "--failed").out)

    def test_killed_run_is_recorded_as_that(self):
        slow = self.folder / "data/slow"
        with open(slow, "wb") as file:
            file.truncate(1 << 20)
        os.mkfifo(self.folder / "pass")
        process = self.start("backup", "nightly", "--passphrase-file", self.folder / "pass", repo=False,
                             env={"HOLDFAST_STATE": self.state})
        with open(self.folder / "pass", "w"):  # it reads the passphrase now: the run has begun
            process.send_signal(signal.SIGKILL)
            process.wait()
        [run] = self.history_after_sweep()
        self.assertEqual("killed", run["outcome"])
        self.assertIn("ended without a word", run["error"])

    def history_after_sweep(self):
        """The next run notices."""
        self.do("backup", "nightly")
        return self.history("--failed")

    def test_log_as_json_has_the_run_in_every_line(self):
        result = self.do("backup", "broken", "--log-format", "json", "--verbose", expect=UNREACHABLE)
        lines = self.logged(result)
        [run] = self.history("--limit", "1")
        self.assertEqual({run["run"]}, {line["run"] for line in lines})
        self.assertEqual({"broken"}, {line["job"] for line in lines})
        self.assertLessEqual({"info", "error"}, {line["level"] for line in lines})
        self.assertEqual("", result.out)  # news are in the log
        [end] = [line for line in lines if line["msg"] == "backup ended: failed"]
        self.assertEqual(("failed", UNREACHABLE), (end["outcome"], end["exit_code"]))
        self.assertNotIn(SECRET, result.err)

    def test_log_levels_are_what_quiet_and_verbose_say(self):
        for same in (("--quiet", "--log-level=warning"), ("--verbose", "--log-level=debug"),
                     ("--log-level=info", "--log-format=text")):
            one, two = (sorted({line.split(":")[0] for line in self.do(
                "backup", "broken", flag, expect=UNREACHABLE).err.splitlines()
                if "index objects" not in line}) for flag in same)  # merged now and then
            self.assertEqual(one, two)
        quiet = self.do("backup", "broken", "--log-level=error", expect=UNREACHABLE,
                        env={"HOLDFAST_LOG_FORMAT": "json"})
        self.assertEqual({"error"}, {line["level"] for line in self.logged(quiet)})
        self.do("backup", "nightly", "--log-level", "loud", expect=USAGE, says="takes error, warning")
        self.do("backup", "nightly", "--log-level", "info", "-q", expect=USAGE, says="together with --quiet")
        self.do("list", env={"HOLDFAST_LOG_FORMAT": "xml"}, expect=USAGE, says="HOLDFAST_LOG_FORMAT takes")

    def test_broken_state_never_stops_a_backup(self):
        warned = "warning: the history is not complete"
        self.do("backup", "nightly")
        with open(self.state / "history.db", "r+b") as file:
            file.write(b"x" * 2000)
        result = self.do("backup", "nightly", says=warned)
        self.assertEqual(1, result.err.count("warning"))
        self.assertTrue(list(self.state.glob("history.db.damaged-*")))
        self.assertEqual(1, len(self.history()))
        for breaking in ("folder", "file", "pipe", "nowhere"):
            with self.subTest(breaking):
                state = self.folder / breaking
                if breaking == "folder":
                    (state / "history.db").mkdir(parents=True)
                elif breaking == "file":
                    state.write_text("")
                elif breaking == "pipe":
                    state.mkdir()
                    os.mkfifo(state / "history.db")
                else:
                    state = "/proc/nowhere"
                result = self.do("backup", "nightly", env={"HOLDFAST_STATE": state}, says=warned)
                self.assertEqual(1, result.err.count(warned), result.err)
                self.assertIn("files: snapshot", result.out)

    def test_full_state_never_stops_a_backup(self):
        if os.geteuid() != 0:
            self.skipTest("mounting a small file system takes root")
        small = self.folder / "small"
        small.mkdir()
        if run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", small], check=False).returncode:
            self.skipTest("a file system cannot be mounted here")
        self.addCleanup(run, ["umount", "-l", small], check=False)
        for filler in (0, 30000, 60000, 65536):
            with contextlib.suppress(OSError):  # as full as can be
                (small / "filler").write_bytes(b"x" * filler)
            result = self.do("backup", "nightly", env={"HOLDFAST_STATE": small})
            self.assertIn("files: snapshot", result.out)
            self.assertLessEqual(result.err.count("warning"), 1, result.err)
        self.assertIn("warning: the history is not complete", result.err)
        run(["umount", small])

    def test_locked_state_never_stops_a_backup(self):
        self.do("backup", "nightly")
        import sqlite3
        holder = sqlite3.connect(self.state / "history.db", isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        result = self.do("backup", "nightly", says="the history is not complete: .*locked")
        self.assertEqual(1, result.err.count("warning"), result.err)
        holder.execute("ROLLBACK")
        holder.close()
        self.do("backup", "nightly")


if __name__ == "__main__":
    harness.main()
