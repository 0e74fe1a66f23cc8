#!/usr/bin/python3
"""What the agent serves over HTTP: metrics as Prometheus reads them, health, the status page."""
import http.client
import json
import signal
import socket
import re

import yaml

import harness
from agent_harness import Agent
from harness import TOP, TestCase

CONFIG = """
agent: {{state: state}}
http: {{listen: {listen}}}
repositories:
  local: {{path: repo, identity_file: {identity}}}
sources:
  files: {{volume: {{path: data}}}}
jobs:
  nightly: {{sources: [files], repositories: [local], proven_within: 8d}}
"""


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=20)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(self.path))


class Metrics(TestCase):
    SERVERS = {}

    def setUp(self):
        super().setUp()
        self.init()
        (self.folder / "data").mkdir()
        (self.folder / "data/a").write_text("something")
        self.config = self.folder / "holdfast.yaml"
        self.state = {"HOLDFAST_STATE": self.folder / "state"}

    def configure(self, listen):
        self.config.write_text(CONFIG.format(listen=listen, identity=self.base / "identity"))

    def start_agent(self, listen):
        self.configure(listen)
        agent = Agent(self, self.config, env=self.state)
        agent.wait("the agent runs")
        return agent

    def get(self, path, listen, method="GET", headers=None):
        connection = (UnixConnection(listen[5:]) if str(listen).startswith("unix:")
                      else http.client.HTTPConnection("127.0.0.1", listen, timeout=20))
        connection.request(method, path, headers=headers or {})
        answer = connection.getresponse()
        body = answer.read().decode()
        connection.close()
        return answer.status, answer.headers["Content-Type"], body

    def samples(self, listen):
        """Of Prometheus' own parser, and what it lets pass checked besides."""
        from prometheus_client.parser import text_string_to_metric_families
        status, kind, text = self.get("/metrics", listen)
        self.assertEqual((200, "text/plain; version=0.0.4; charset=utf-8"), (status, kind))
        self.assertTrue(text.endswith("\n"))
        families = list(text_string_to_metric_families(text))
        names = [f.name for f in families]
        self.assertEqual(len(names), len(set(names)), "a family in two places")
        found = {}
        for family in families:
            self.assertNotIn(family.type, ("unknown", "untyped"), family.name)
            self.assertTrue(family.documentation, family.name)
            for sample in family.samples:
                key = (sample.name, tuple(sorted(sample.labels.items())))
                self.assertNotIn(key, found)
                found[key] = sample.value
        return found

    def value(self, samples, name, **labels):
        return samples.get((name, tuple(sorted(labels.items()))))

    def free_port(self):
        with socket.create_server(("127.0.0.1", 0)) as free:
            return free.getsockname()[1]

    def test_metrics_tell_of_runs_and_survive_a_restart(self):
        try:
            import prometheus_client  # noqa: F401
        except ImportError:
            self.skipTest("needs python3-prometheus-client")
        port = self.free_port()
        agent = self.start_agent(port)
        self.hf("backup", "nightly", repo=False, env=self.state)
        self.hf("restore", "files@latest", "--to", self.folder / "out", repo=False, env=self.state)
        (self.folder / "data").rename(self.folder / "gone")
        self.hf("backup", "nightly", repo=False, env=self.state, expect=None)
        before = self.samples(port)
        self.assertEqual(0, self.value(before, "holdfast_runs_active"))
        run = {"command": "backup", "job": "nightly"}
        part = {"action": "backup", "job": "nightly", "source": "files", "repository": "local"}
        self.assertEqual(1, self.value(before, "holdfast_run_ended_total", outcome="done", **run))
        self.assertEqual(1, self.value(before, "holdfast_run_ended_total", outcome="failed", **run))
        self.assertEqual(1, self.value(before, "holdfast_part_last_outcome", outcome="failed", **part))
        self.assertEqual(0, self.value(before, "holdfast_part_last_outcome", outcome="done", **part))
        self.assertGreater(self.value(before, "holdfast_part_last_end_timestamp_seconds", **part),
                           self.value(before, "holdfast_part_last_success_timestamp_seconds", **part))
        place = {"source": "files", "repository": "local"}
        self.assertEqual(1, self.value(before, "holdfast_snapshots", **place))
        self.assertGreater(self.value(before, "holdfast_proven_timestamp_seconds", **place), 1.6e9)
        self.assertEqual(0, self.value(before, "holdfast_alarm", job="nightly", source="files"))
        self.assertEqual(1, self.value(before, "holdfast_history_up"))
        agent.process.send_signal(signal.SIGKILL)
        agent.process.wait()
        self.start_agent(port)
        after = self.samples(port)
        for (name, labels), value in before.items():
            if name not in ("holdfast_start_time_seconds", "holdfast_runs_active"):
                self.assertEqual(value, after.get((name, labels)), name)
        documented = (TOP / "docs/monitoring.md").read_text()
        for name in {name for name, _ in after}:
            short = re.sub("^holdfast_(run|part)_", "…_", name)
            self.assertTrue(name in documented or short in documented, name)

    def test_what_repositories_hold_is_known_after_each_command(self):
        try:
            import prometheus_client  # noqa: F401
        except ImportError:
            self.skipTest("needs python3-prometheus-client")
        port = self.free_port()
        self.start_agent(port)
        offsite = (f"  offsite: {{path: {self.folder / 'offsite'}, "
                   f"identity_file: {self.base / 'identity'}}}\n")
        self.config.write_text(self.config.read_text().replace("sources:\n", offsite + "sources:\n", 1))

        def do(*words):
            self.hf(*words, repo=False, env=self.state)
            return self.samples(port)

        def held(samples, repository, name="holdfast_snapshots"):
            return self.value(samples, name, source="files", repository=repository)

        for _ in range(3):
            samples = do("backup", "files", "--repository", "local")
        self.assertEqual(3, held(samples, "local"))
        self.assertIsNone(held(samples, "local", "holdfast_checked_timestamp_seconds"))
        samples = do("check", "--repository", "local", "--read-data")
        checked = held(samples, "local", "holdfast_checked_timestamp_seconds")
        self.assertGreater(checked, 1.6e9)
        do("init", "--repository", "offsite", "--replica-of", "local")
        samples = do("copy", "local", "offsite")
        self.assertEqual(3, held(samples, "offsite"))
        self.assertEqual(checked, held(samples, "offsite", "holdfast_checked_timestamp_seconds"))
        samples = do("forget", self.snapshots()[0]["id"], "--repository", "local")
        self.assertEqual((2, 3), (held(samples, "local"), held(samples, "offsite")))
        samples = do("prune", "files", "--keep", "last=1", "--repository", "local")
        self.assertEqual((1, 3), (held(samples, "local"), held(samples, "offsite")))

    def test_examples_ask_for_metrics_that_there_are(self):
        dashboard = json.loads((TOP / "examples/grafana/holdfast.json").read_text())
        scrape = yaml.safe_load((TOP / "examples/prometheus/prometheus.yml").read_text())
        alerts = yaml.safe_load((TOP / "examples/prometheus/holdfast-alerts.yml").read_text())
        self.assertEqual(["holdfast-alerts.yml"], scrape["rule_files"])
        self.assertEqual(["holdfast"], [group["name"] for group in alerts["groups"]])
        rules = [rule["expr"] for group in alerts["groups"] for rule in group["rules"]]
        panels = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
        variables = [v["query"] for v in dashboard["templating"]["list"] if v["type"] == "query"]
        self.assertEqual(len(dashboard["panels"]), len({panel["id"] for panel in dashboard["panels"]}))
        port = self.free_port()
        self.configure(port)
        self.config.write_text(self.config.read_text().replace(
            "proven_within: 8d", 'proven_within: 8d, schedule: "0 2 1 1 *"'))
        agent = Agent(self, self.config, env=self.state)
        agent.wait("the agent runs")
        for words in (("backup", "nightly"), ("check", "--read-data"), ("drill", "nightly"), ("prune",)):
            self.hf(*words, repo=False, env=self.state)
        text = self.get("/metrics", port)[2]
        there = {}  # name: its labels
        for name, labels in re.findall(r"^(holdfast_\w+)(\{.*\})? ", text, re.MULTILINE):
            there[name] = set(re.findall(r'(\w+)="', labels)) | {"instance", "job"}
        asked = set()
        for expression in rules + panels + variables:
            found = re.findall(r"(holdfast_\w+)(\{[^}]*\})?", expression)
            self.assertTrue(found, expression)
            for name, labels in found:
                self.assertIn(name, there, expression)
                self.assertLessEqual(set(re.findall(r'(\w+)=~?"', labels)), there[name], expression)
                asked.add(name)
        self.assertGreater(len(asked), 12)

    def test_page_and_health_and_nothing_else(self):
        port = self.free_port()
        self.start_agent(port)
        self.hf("backup", "nightly", repo=False, env=self.state)
        self.assertEqual((200, "text/plain; charset=utf-8", "ok\n"), self.get("/healthz", port))
        status, kind, page = self.get("/", port)
        self.assertEqual((200, "text/html; charset=utf-8"), (status, kind))
        for text in ("nightly", "files", "local", "done"):
            self.assertIn(f">{text}</td>", page)
        self.assertNotRegex(page, "<script|src=|https?:")
        self.assertEqual(404, self.get("/etc/passwd", port)[0])
        self.assertEqual(405, self.get("/", port, "POST")[0])
        self.assertEqual(200, self.get("/", port, "HEAD")[0])
        self.assertIn(self.get("/", port, headers={"X": "x" * 60000})[0], (413, 431))

    def test_idle_connections_and_rubbish_hold_nothing_up(self):
        port = self.free_port()
        agent = self.start_agent(port)
        idle = [socket.create_connection(("127.0.0.1", port)) for _ in range(20)]
        for i, one in enumerate(idle):
            one.sendall((b"GET /metrics", b"\x16\x03\x01\0\xff" * 9, b"\r\n\r\n", b"")[i % 4])
        self.assertEqual(200, self.get("/healthz", port)[0])
        for one in idle:
            one.close()
        agent.process.terminate()
        self.assertEqual(0, agent.process.wait(30))

    def test_unix_socket_and_broken_history(self):
        listen = f"unix:{self.folder}/http.sock"
        agent = self.start_agent(listen)
        self.assertEqual(200, self.get("/healthz", listen)[0])
        self.hf("backup", "nightly", repo=False, env=self.state)
        with open(self.folder / "state/history.db", "r+b") as file:
            file.write(b"x" * 3000)
        self.assertIn("\nholdfast_history_up 0\n", self.get("/metrics", listen)[2])
        self.assertIn("history cannot be read", self.get("/", listen)[2])
        agent.process.send_signal(signal.SIGKILL)
        agent.process.wait()
        agent = self.start_agent(listen)  # what was left there is no hindrance
        self.assertEqual(200, self.get("/healthz", listen)[0])
        agent.process.terminate()
        self.assertEqual(0, agent.process.wait(30))
        self.assertFalse((self.folder / "http.sock").exists())

    def test_port_that_is_taken_stops_no_agent(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            self.configure(port)
            agent = Agent(self, self.config, env=self.state)
            agent.wait("no metrics and no alarms: http: something else listens on 127.0.0.1")


if __name__ == "__main__":
    harness.main()
