#!/usr/bin/python3
"""The agent: runs that join, wait, fail by every cause and are made up; signals, kills, full disks."""
import os
import re
import signal
import socket
import time
import unittest
import urllib.request

import harness
from agent_harness import Agent, AgentCase
from harness import BUSY, FAILED, UNREACHABLE, USAGE, run


class Requests(AgentCase):
    """`backup JOB` while the agent runs."""

    def test_two_requests_are_one_run_and_both_learn_how_it_went(self):
        self.write({"slow": {"sources": ["gated"]}})
        agent = Agent(self, self.config)
        agent.wait("the agent runs")
        one = self.begin_hf("backup", "slow")
        agent.wait("slow: backup begins")
        two = self.begin_hf("backup", "slow")
        line = two.stderr.readline().decode()
        self.assertIn("at it already", line)
        self.open_gate()
        one, two = self.finish(one), self.finish(two)
        for result in (one, two):
            self.assertRegex(result.out, "gated: snapshot")
        self.assertEqual(1, len(self.snapshots()))
        self.assertEqual(1, agent.count("begins"))
        self.assertLess(agent.end(), 3)

    def test_request_waits_for_its_turn(self):
        self.write({"slow": {"sources": ["gated"]}, "quick": {"sources": ["v"]}}, runs=1)
        agent = Agent(self, self.config)
        agent.wait("the agent runs")
        slow = self.begin_hf("backup", "slow")
        agent.wait("slow: backup begins")
        quick = self.begin_hf("backup", "quick")
        self.assertIn("as soon as it may", quick.stderr.readline().decode())
        self.open_gate()
        self.finish(slow)
        self.finish(quick)
        agent.wait("quick: backup is done")
        agent.end()

    def test_failure_is_passed_on_with_its_exit_status_and_text(self):
        self.sources["cache"] = {"redis": {"url": f"redis://127.0.0.1:{closed_port()}"}}
        self.write({"down": {"sources": ["cache"]}, "both": {"sources": ["cache", "v"]}})
        agent = Agent(self, self.config)
        agent.wait("the agent runs")
        self.run_hf("backup", "down", expect=UNREACHABLE, says="backup cache: .*127.0.0.1")
        result = self.run_hf("backup", "both", "--json", expect=UNREACHABLE)
        self.assertIn("1 of 2 backups failed", result.said)
        self.assertEqual(["v"], [e["source"] for e in result.events if e["event"] == "backup"])
        agent.end()

    def test_interrupt_of_the_one_who_waits_leaves_the_run_alone(self):
        self.write({"slow": {"sources": ["gated"]}})
        agent = Agent(self, self.config)
        agent.wait("the agent runs")
        one = self.begin_hf("backup", "slow")
        self.assertIn("the agent runs it", one.stderr.readline().decode())
        one.send_signal(signal.SIGINT)
        self.assertIn("goes on with run", self.finish(one, expect=FAILED).err)
        self.open_gate()
        agent.wait("slow: backup is done")
        agent.end()

    def test_configuration_of_another_agent_is_run_here(self):
        self.write({"quick": {"sources": ["v"]}})
        agent = Agent(self, self.config)
        agent.wait("the agent runs")
        mine, self.config = self.config, self.folder / "other.json"
        self.write({"quick": {"sources": ["v"]}})
        self.run_hf("backup", "quick")
        self.config = mine
        self.assertEqual(0, agent.count("begins"))
        agent.end()

    def test_nonsense_on_the_socket_harms_nobody(self):
        self.write({"quick": {"sources": ["v"]}})
        agent = Agent(self, self.config)
        agent.wait("the agent runs")
        for text in (b"", b"{", b"x" * 100000, b'{"do":"backup","config":"","job":"quick"}\n', b"\0\n"):
            with socket.socket(socket.AF_UNIX) as one:
                one.connect(str(self.state / "control.sock"))
                try:
                    one.sendall(text)
                    one.shutdown(socket.SHUT_WR)
                    one.recv(1000)
                except OSError:
                    pass  # it has hung up
        self.run_hf("backup", "quick")
        agent.end()

    def test_second_agent_is_refused(self):
        self.write({"quick": {"sources": ["v"]}})
        agent = Agent(self, self.config)
        agent.wait("the agent runs")
        self.run_hf("agent", expect=BUSY, says=f"process {agent.process.pid}.*state")
        agent.end()


class Alone(AgentCase):
    """Runs without the agent, and beside it."""

    def test_second_run_by_hand_is_busy(self):
        self.write({"slow": {"sources": ["gated"]}})
        one = self.begin_hf("backup", "slow", "--verbose")
        self.wait_for_lock("slow")
        self.run_hf("backup", "slow", expect=BUSY, says=f"process {one.pid}")
        self.open_gate()
        self.finish(one)
        self.assertEqual(1, len(self.snapshots()))

    def wait_for_lock(self, job):
        """Holds its breath until the file says who has it: that is written at once."""
        while not any(p.read_text() for p in self.state.glob(f"locks/job-{job}-*.lock")):
            os.sched_yield()

    def test_agent_waits_for_a_run_by_hand(self):
        self.write({"slow": {"sources": ["gated"], "schedule": "* * * * *"}})
        one = self.begin_hf("backup", "slow")
        self.wait_for_lock("slow")
        agent = Agent(self, self.config, start="2026-06-01T00:00:30", skip=60)
        agent.wait("being run by another process")
        self.open_gate()
        self.finish(one)
        agent.wait("slow: backup begins")
        self.open_gate()
        agent.wait("slow: backup is done")
        agent.end()

    def test_state_directory_that_cannot_be_is_a_warning(self):
        self.write({"quick": {"sources": ["v"], "schedule": "* * * * *"}})
        (self.folder / "state").write_text("a file")
        self.run_hf("backup", "quick", says="warning: .*state")
        agent = Agent(self, self.config, start="2026-06-01T00:00:30", skip=60)
        agent.wait("without a state directory")
        agent.wait("quick: backup is done")
        agent.end()


class Ends(AgentCase):
    """Signals and kills."""

    START = "2026-06-01T11:59:30"

    def jobs(self, **more):
        self.write({"daily": {"sources": ["gated"], "schedule": "0 12 * * *", **more}})

    def test_sigterm_in_the_middle_of_a_run_ends_in_time_and_it_is_made_up(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(number):
                self.jobs()
                agent = Agent(self, self.config, start=self.START, skip=60)
                agent.wait("daily: backup begins, .*schedule")
                with self.gate.open("w"):  # it stands before it
                    self.assertLess(agent.end(number), 5)
                agent.wait("backup failed.*interrupted")
                agent = Agent(self, self.config, start="2026-06-01T15:00:00", skip=1)
                agent.wait("daily: backup begins, .*missed")
                self.open_gate()
                agent.wait("daily: backup is done")
                agent.end()
                harness.shutil.rmtree(self.state)

    def test_run_that_does_not_listen_is_killed_after_the_stated_time(self):
        self.jobs()
        agent = Agent(self, self.config, start=self.START, skip=60)
        agent.wait("daily: backup begins")
        with self.gate.open("w"):  # it stands before it
            (child,) = agent.children()
            os.kill(child, signal.SIGSTOP)  # as one that hangs: it does not even hear SIGTERM
            took = agent.end()
        self.assertGreater(took, 2.5)
        self.assertLess(took, 6)

    def test_killed_agent_takes_its_run_along_and_the_next_makes_it_up(self):
        self.jobs()
        agent = Agent(self, self.config, start=self.START, skip=60)
        agent.wait("daily: backup begins")
        with self.gate.open("w"):  # it stands before it
            agent.end(signal.SIGKILL, expect=-signal.SIGKILL)
        agent = Agent(self, self.config, start="2026-06-01T15:00:00", skip=1)
        agent.wait("daily: backup begins, .*missed")
        self.open_gate()
        agent.wait("daily: backup is done")
        agent.end()
        self.assertEqual(1, len(self.snapshots()))

    def test_missed_run_is_made_up_once(self):
        self.write({"hourly": {"sources": ["v"], "schedule": "0 * * * *"}})
        agent = Agent(self, self.config, start="2026-06-01T00:59:30", skip=60)
        agent.wait("backup is done")
        agent.end()
        agent = Agent(self, self.config, start="2026-06-01T12:30:00", skip=1200)
        agent.wait("begins.*missed")
        agent.wait("backup is done")
        agent.wait("not skipped any more")
        agent.end()
        self.assertEqual(1, agent.count("begins"))

    def test_killed_run_is_said_and_tried_again(self):
        for number in (signal.SIGKILL, signal.SIGSEGV):
            self.jobs(retries={"limit": 2, "delay": "1m"})
            agent = Agent(self, self.config, start=self.START, skip=300)
            agent.wait("daily: backup begins")
            (child,) = agent.children()
            os.kill(child, number)
            line = agent.wait("backup failed")
            # A sanitizer makes an exit status of a crash; the run broke off in any case.
            self.assertRegex(line, f"killed by signal {int(number)} |broke off with exit status")
            agent.wait("begins.*retry")
            self.open_gate()
            agent.wait("is done")
            agent.end()
            harness.shutil.rmtree(self.state)

    def test_orphans_are_reaped(self):
        self.sources["v"]["volume"]["before"] = "(sleep 0.01 &) ; (true &)"
        self.write({"quick": {"sources": ["v"]}})
        agent = Agent(self, self.config)
        agent.wait("the agent runs")
        for _ in range(3):
            self.run_hf("backup", "quick")
        deadline = time.monotonic() + 60
        while agent.children():
            self.assertLess(time.monotonic(), deadline, agent.children())
            os.sched_yield()
        agent.end()


class Failures(AgentCase):
    """A job that fails by this or that cause does not keep another from running."""

    SERVERS = {"server": {}}

    def test_every_cause_is_named_and_others_go_on(self):
        self.server.psql("postgres", "CREATE ROLE locked LOGIN PASSWORD 'right'")
        wrong = self.secret("wrong", "not it")
        self.sources.update({
            "cache": {"redis": {"url": f"redis://127.0.0.1:{closed_port()}"}},
            "login": {"postgres": {"host": "127.0.0.1", "port": self.server.port, "user": "locked",
                                   "database": "postgres", "password_file": str(wrong)}},
            "absent": {"volume": {"path": str(self.folder / "absent")}}})
        every = {"schedule": "0 12 * * *", "retries": 0}
        self.write({"down": {"sources": ["cache"], **every},
                    "password": {"sources": ["login"], **every},
                    "absent-job": {"sources": ["absent"], **every},
                    "hangs": {"sources": ["gated"], "time_limit": "2s", **every},
                    "good": {"sources": ["v"], **every}}, runs=5)
        agent = Agent(self, self.config, start="2026-06-01T11:59:50", skip=60)
        lines = [agent.wait("backup (failed|is done)") for _ in range(5)]
        for job, text in (("down", "exit status 4"), ("password", "password authentication"),
                          ("absent-job", "absent"), ("hangs", "time limit"), ("good", "is done")):
            self.assertTrue([x for x in lines if re.search(f"{job}: backup .*{text}", x)],
                            (job, lines))
        agent.end()
        self.assertEqual(["v"], [s["source"] for s in self.snapshots()])
        runs = {e["job"]: e for e in self.run_hf("history", "--json").events if e["event"] == "run"}
        self.assertEqual("overtime", runs["hangs"]["outcome"], runs["hangs"])
        self.assertIn("time_limit", runs["hangs"]["error"])
        self.assertEqual("failed", runs["down"]["outcome"])

    def test_repository_that_is_gone_comes_back(self):
        self.write({"minute": {"sources": ["v"], "schedule": "* * * * *"}})
        agent = Agent(self, self.config, start="2026-06-01T00:00:30", skip=300)
        agent.wait("backup is done")
        hidden = self.folder / "hidden"
        self.repo.rename(hidden)
        agent.wait("backup failed.*repo")
        hidden.rename(self.repo)
        agent.wait("backup is done")
        agent.end()

    @unittest.skipIf(os.getuid() != 0, "mounting needs root")
    def test_full_state_directory_stops_no_backup(self):
        self.write({"minute": {"sources": ["v"], "schedule": "* * * * *"}})
        self.state.mkdir()
        run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", self.state])
        self.addCleanup(run, ["umount", "-l", self.state])
        with self.assertRaises(OSError), (self.state / "filler").open("wb", buffering=0) as filler:
            while True:
                filler.write(bytes(4096))
        agent = Agent(self, self.config, start="2026-06-01T00:00:30", skip=200)
        for _ in range(3):
            agent.wait("backup is done")
        agent.end()
        self.assertEqual(3, len(self.snapshots()))

    def test_damaged_history_stops_no_backup(self):
        self.write({"minute": {"sources": ["v"], "schedule": "* * * * *"}})
        self.state.mkdir(mode=0o700)
        (self.state / "history.db").write_bytes(os.urandom(20000))
        agent = Agent(self, self.config, start="2026-06-01T00:00:30", skip=60)
        agent.wait("backup is done")
        agent.end()


class Order(AgentCase):
    def test_job_follows_another_and_a_window_holds_one_back(self):
        self.sources["absent"] = {"volume": {"path": str(self.folder / "absent")}}
        noon = {"schedule": "0 12 * * *", "timezone": "UTC", "retries": 0}
        self.write({"first": {"sources": ["v"], **noon},
                    "second": {"sources": ["v"], "after": ["first"]},
                    "broken": {"sources": ["absent"], **noon},
                    "never": {"sources": ["v"], "after": ["broken"]},
                    "held": {"sources": ["v"], "not_during": ["11:00-13:00"], **noon}})
        agent = Agent(self, self.config, start="2026-06-01T11:59:50", skip=7200)
        agent.wait("held: backup is done")
        agent.end()
        self.assertEqual(1, agent.count("second: backup begins, .*after"))
        runs = {e["job"]: e for e in self.run_hf("history", "--json").events if e["event"] == "run"}
        self.assertEqual({"first", "second", "broken", "held"}, set(runs))
        self.assertLess(runs["first"]["start"], "2026-06-01T12:10")
        self.assertLessEqual(runs["first"]["end"], runs["second"]["start"])
        self.assertLess(runs["second"]["start"], "2026-06-01T12:10")
        self.assertGreaterEqual(runs["held"]["start"], "2026-06-01T13:00")
        self.assertEqual(("done", "after"), (runs["second"]["outcome"], runs["second"]["trigger"]))


class Watched(AgentCase):
    def test_health_and_metrics_are_there_and_follow_a_reload(self):
        self.write({"quick": {"sources": ["v"], "schedule": "0 0 1 1 *"}})
        port = closed_port()
        settings = harness.json.loads(self.config.read_text())
        settings["http"] = {"listen": f"127.0.0.1:{port}"}
        self.config.write_text(harness.json.dumps(settings))
        agent = Agent(self, self.config)
        agent.wait("the agent runs")
        self.run_hf("backup", "quick")
        for _ in range(2):
            self.assertIn("ok", self.page(port, "healthz"))
            self.assertRegex(self.page(port, "metrics"), r"holdfast_\w+{[^}]*quick")
            agent.process.send_signal(signal.SIGHUP)
            agent.wait("again")
        agent.end()

    def page(self, port, name):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/{name}", timeout=30) as answer:
            return answer.read().decode()


class Example(AgentCase):
    def test_configuration_of_the_compose_file_is_right(self):
        lines = (harness.TOP / "examples/compose.yaml").read_text().split("    content: |\n")[1].split("\n")
        self.config.write_text("\n".join(line[6:] for line in lines))
        self.run_hf("config", "check")


class Reload(AgentCase):
    def test_broken_file_leaves_the_old_one_in_force_and_a_good_one_replaces_it(self):
        self.write({"one": {"sources": ["v"]}, "slow": {"sources": ["gated"]}})
        agent = Agent(self, self.config)
        agent.wait("the agent runs")
        slow = self.begin_hf("backup", "slow")
        agent.wait("slow: backup begins")
        good = self.config.read_text()
        self.config.write_text(good.replace('"sources": ["v"]', '"sauces": ["v"]'))
        agent.process.send_signal(signal.SIGHUP)
        self.assertRegex(agent.wait("left as it was"), r"c\.json:\d+:\d+: unknown key .sauces")
        # The old one: "backup one" itself reads the file, so ask as it would.
        self.assertIn("done", self.ask("one"))
        self.config.write_text(good.replace('"one"', '"two"'))
        agent.process.send_signal(signal.SIGHUP)
        agent.wait("again")
        self.run_hf("backup", "two")
        self.assertIn("no such job", self.ask("one"))
        self.open_gate()  # what was begun under the first one ends as it began
        self.finish(slow)
        agent.end()

    def ask(self, job):
        with socket.socket(socket.AF_UNIX) as one:
            one.connect(str(self.state / "control.sock"))
            one.sendall(harness.json.dumps({"do": "backup", "config": str(self.config), "job": job})
                        .encode() + b"\n")
            with one.makefile("r") as lines:
                return lines.readlines()[-1]


def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


if __name__ == "__main__":
    harness.main()
