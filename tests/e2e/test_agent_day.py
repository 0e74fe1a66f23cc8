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
        agent = Agent(self, self.config, start="2026-06-06T12:00:30", skip=24 * 3600, program=PROGRAM)
        for _ in range(200):
            agent.wait("minute: backup is done")
        early = agent.memory()
        for _ in range(1100):
            agent.wait("minute: backup is done")
        late = agent.memory()
        agent.wait("not skipped any more", 120)
        agent.end()
        took = time.monotonic() - began
        runs = self.runs()
        print(f"\n24 hours in {took:.1f} s; {len(runs)} runs; memory of the agent after 200 runs "
              f"{early / MIB:.2f} MiB, after 1,300 {late / MIB:.2f} MiB", flush=True)
        # Less than a KiB a run; the monitor opens its history once in that time.
        self.assertLess(late - early, MIB)
        self.check_runs(runs, agent)
        self.check_kept()

    def runs(self):
        """Those that began within the day, as `history` has them; what came after it, while the clock
        was not skipped any more, is left out."""
        result = self.run_hf("history", "--json", "--limit", "5000")
        return [e for e in result.events
                if e["event"] == "run" and "2026-06-06T12:01" <= e["start"] < "2026-06-07T12:01"]

    def check_runs(self, runs, agent):
        def of(command, job):
            found = [e for e in runs if e["command"] == command and e.get("job") == job]
            self.assertEqual([], [e for e in found if e["outcome"] != "done"], agent.log[-3000:])
            return found

        minutes = [e["start"][:16] for e in of("backup", "minute")]
        self.assertEqual(len(set(minutes)), len(minutes), "a minute was run twice")
        # On a busy machine a run may last until the minute after the next one has come, which then
        # stands for both.
        self.assertIn(len(minutes), range(1435, 1441))
        self.assertEqual(1, len(of("backup", "nightly")))
        self.assertEqual(1, len(of("drill", "nightly")))
        self.assertIn(len(of("prune", "minute")), range(23, 26))
        self.assertEqual(1, len(of("prune", "nightly")))

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
