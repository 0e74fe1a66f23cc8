"""A running agent, whose log the end-to-end tests read along."""
import calendar
import json
import os
import re
import signal
import subprocess
import threading
import time
from pathlib import Path

import harness
from harness import BUILD, DONE

# Where speed counts: the optimised program, where it was built (HOLDFAST_RELEASE names another).
RELEASE = Path(os.environ.get("HOLDFAST_RELEASE", BUILD / "release/holdfast"))


def clock_offset(moment):
    """HF_CLOCK_OFFSET that makes it this time (UTC, ISO) now."""
    return str(int(calendar.timegm(time.strptime(moment, "%Y-%m-%dT%H:%M:%S")) - time.time()))


class Agent:
    """start: the time (ISO) it is when it begins; skip: seconds that it may skip (HF_CLOCK_SKIP)."""

    def __init__(self, case, config, start=None, skip=None, program=None, env=None):
        more = dict(env or {})
        if start:
            more["HF_CLOCK_OFFSET"] = clock_offset(start)
        if skip:
            more["HF_CLOCK_SKIP"] = skip
        self.case, self.lines, self.seen = case, [], 0
        self.news = threading.Condition()
        command = [str(program or harness.HOLDFAST), "agent", "--config", str(config)]
        self.process = subprocess.Popen(command, env=case.environment(more), cwd=case.folder,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT)
        case.addCleanup(case.end, self.process)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            with self.news:
                self.lines.append(line.decode(errors="replace").rstrip("\n"))
                self.news.notify_all()
        with self.news:
            self.lines.append("(end of the log)")
            self.news.notify_all()

    @property
    def log(self):
        return "\n".join(self.lines)

    def wait(self, pattern, timeout=60):
        """The next line that matches, behind the one that was waited for before."""
        deadline = time.monotonic() + timeout
        with self.news:
            while True:
                while self.seen < len(self.lines):
                    line = self.lines[self.seen]
                    self.seen += 1
                    if re.search(pattern, line):
                        return line
                left = deadline - time.monotonic()
                if left <= 0 or not self.news.wait(left):
                    self.case.fail(f"no line {pattern!r} within {timeout} s in\n{self.log[-6000:]}")

    def count(self, pattern):
        with self.news:
            return sum(1 for line in self.lines if re.search(pattern, line))

    def children(self):
        """Process ids of its children, by state."""
        found = {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            if int(fields[1]) == self.process.pid:
                found[int(stat.parent.name)] = fields[0]
        return found

    def memory(self):
        """Resident bytes that are its own."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"RssAnon:\s+(\d+)", status)[1]) * 1024

    def end(self, number=signal.SIGTERM, expect=DONE, timeout=60):
        """Ends it; how long that took."""
        began = time.monotonic()
        self.process.send_signal(number)
        code = self.process.wait(timeout)
        self.reader.join(timeout)
        if "Sanitizer" in self.log or "runtime error:" in self.log:
            self.case.fail(self.log)
        self.case.assertEqual(expect, code, self.log[-6000:])
        return time.monotonic() - began


class AgentCase(harness.TestCase):
    """Has a repository r, a volume v of one file, and a gate: a source whose capture begins when the
    gate is opened."""

    SERVERS = {}

    def setUp(self):
        super().setUp()
        self.init()
        self.config = self.folder / "c.json"
        self.state = self.folder / "state"
        self.tree = self.folder / "tree"
        self.tree.mkdir()
        (self.tree / "file").write_text("content")
        self.gate = self.folder / "gate"
        os.mkfifo(self.gate)
        self.sources = {"v": {"volume": {"path": str(self.tree)}},
                        "gated": {"volume": {"path": str(self.tree), "before": f"cat {self.gate}"}}}
        self.settings = {"stop_timeout": "3s"}

    def environment(self, env=None):
        return super().environment({"HOLDFAST_STATE": self.folder / "state",
                                    "HOLDFAST_LOG_FORMAT": "text", **(env or {})})

    def write(self, jobs, **settings):
        repositories = {"r": {"path": str(self.repo), "identity_file": str(self.base / "identity")}}
        for job in jobs.values():
            job.setdefault("repositories", ["r"])
        self.config.write_text(json.dumps({
            "agent": {**self.settings, **settings}, "repositories": repositories,
            "sources": self.sources, "jobs": jobs}))

    def open_gate(self):
        """Waits for somebody to stand before it, and lets him through."""
        with self.gate.open("w"):
            pass

    def run_hf(self, *arguments, **options):
        return self.hf(*arguments, "--config", self.config, repo=False, **options)

    def begin_hf(self, *arguments):
        return self.start(*arguments, "--config", self.config, repo=False)
