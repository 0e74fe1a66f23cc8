#!/usr/bin/python3
"""The agent for a day and a night of its own time, on real servers: what ran, what is kept, what is
proven, and what it costs."""
import calendar
import time

import harness
from agent_harness import RELEASE, Agent, AgentCase
from redis_harness import RedisServer

PROGRAM = RELEASE if RELEASE.exists() else harness.HOLDFAST
MIB = 1 << 20


class Day(AgentCase):
    SERVERS = {"server": {}}

    def setUp(self):
        super().setUp()
        self.redis = RedisServer(self.folder / "redis")
        self.addCleanup(self.redis.stop)
        self.redis.ask("SET", "key", "value")
        self.server.create("app")
        self.addCleanup(self.server.drop, "app")
        self.server.psql("app", "CREATE TABLE links AS SELECT g AS id, 'x' || g AS url "
                                "FROM generate_series(1, 1000) g")
        self.sources = {"cache": {"redis": {"url": self.redis.url()}},
                        "app": {"postgres": {"dsn": self.server.url("app")}}}

    def test_24_hours(self):
        """From Saturday noon to Sunday noon: 1,440 minutes, a night, and the weekly drill."""
        self.write({"minute": {"sources": ["cache"], "schedule": "* * * * *", "keep": {"last": 3}},
                    "nightly": {"sources": ["app"], "schedule": "0 2 * * *",
                                "keep": {"last": 1, "daily": 7},
                                "drill": {"schedule": "0 5 * * sun",
                                          "scratch": {"postgres": {"server": {
                                              "dsn": self.server.url("postgres")}}},
                                          "assert": [{"sql": "select count(*) > 0 from links"}]}}},
                   prune_every="1h")
        began = time.monotonic()
        agent = Agent(self, self.config, start="2026-06-06T12:00:30", skip=24 * 3600 - 10, program=PROGRAM)
        for _ in range(200):
            agent.wait("minute: backup is done")
        early = agent.memory()
        for _ in range(1100):
            agent.wait("minute: backup is done")
        late = agent.memory()
        agent.wait("not skipped any more", 120)
        # The last minute may be at hand: nothing is due before noon and a half.
        agent.end()
        took = time.monotonic() - began
        runs = self.runs()
        print(f"\n24 hours in {took:.1f} s; {len(runs)} runs; memory of the agent after 200 runs "
              f"{early / MIB:.2f} MiB, after 1,300 {late / MIB:.2f} MiB", flush=True)
        self.assertLess(late - early, MIB // 4)
        self.check_runs(runs, agent)
        self.check_kept()

    def runs(self):
        """(command, job, trigger, outcome) of each, as `history` has them."""
        result = self.run_hf("history", "--json", "--limit", "5000")
        return [(e["command"], e.get("job"), e.get("trigger"), e["outcome"]) for e in result.events
                if e["event"] == "run"]

    def check_runs(self, runs, agent):
        def count(command, job):
            found = [r for r in runs if r[:2] == (command, job)]
            self.assertEqual([], [r for r in found if r[3] != "done"], agent.log[-3000:])
            return len(found)

        # What is slow on a busy machine: a minute that ends while the run before it goes on is made
        # up by the next one.
        self.assertIn(count("backup", "minute"), range(1430, 1442))
        self.assertEqual(1, count("backup", "nightly"))
        self.assertEqual(1, count("drill", "nightly"))
        self.assertIn(count("prune", "minute"), range(23, 26))
        self.assertEqual(1, count("prune", "nightly"))

    def check_kept(self):
        found = self.snapshots(env={"HF_CLOCK_OFFSET": str(int(
            calendar.timegm((2026, 6, 7, 12, 1, 0)) - time.time()))})
        app = [s for s in found if s["source"] == "app"]
        self.assertEqual(1, len(app))
        self.assertEqual("proven", app[0]["state"])
        # Three, and those of the minutes since the last prune.
        self.assertIn(len(found) - len(app), range(3, 66))


if __name__ == "__main__":
    harness.main()
