#!/usr/bin/python3
"""Notifications and alarms, with real receivers: a web server, a mail server, a program."""
import contextlib
import http.server
import json
import socket
import threading
import time

import harness
from harness import FAILED, USAGE, TestCase

TOKEN = "token-nobody-may-see"
PATH = "/hook/path-nobody-may-see"
DAY = 86400

CONFIG = """
repositories:
  local: {{path: repo, identity_file: {identity}}}
sources:
  files: {{volume: {{path: data}}}}
jobs:
  nightly: {{sources: [files], repositories: [local], notify: [{targets}], proven_within: 8d}}
notify:
{notify}
"""


class Hook(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((self.path, dict(self.headers), json.loads(body)))
        status = self.server.answers.pop(0) if self.server.answers else 204
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class Notify(TestCase):
    SERVERS = {}

    def setUp(self):
        super().setUp()
        self.init()
        (self.folder / "data").mkdir()
        (self.folder / "data/a").write_text("something")
        self.hook = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook)
        self.hook.got, self.hook.answers = [], []
        threading.Thread(target=self.hook.serve_forever, daemon=True).start()
        self.addCleanup(self.hook.server_close)
        self.addCleanup(self.hook.shutdown)
        self.url = f"http://127.0.0.1:{self.hook.server_port}{PATH}"

    def configure(self, **targets):
        lines = "\n".join(f"  {name}: {text}" for name, text in targets.items())
        (self.folder / "holdfast.yaml").write_text(CONFIG.format(
            identity=self.base / "identity", targets=", ".join(targets), notify=lines))

    def do(self, *arguments, env=None, **options):
        result = self.hf(*arguments, repo=False,
                         env={"HOLDFAST_STATE": self.folder / "state", **(env or {})}, **options)
        self.assertNotIn(TOKEN, result.out + result.err)
        self.assertNotIn(PATH, result.out + result.err)
        return result

    def break_source(self):
        (self.folder / "data").rename(self.folder / "gone")

    def mend_source(self):
        (self.folder / "gone").rename(self.folder / "data")

    def events(self):
        return [body["event"] for _, _, body in self.hook.got]

    def test_webhook_tells_of_failure_and_recovery(self):
        self.configure(ops=f'{{webhook: {{url: "{self.url}", token: {TOKEN}}}}}')
        self.do("backup", "nightly")
        self.assertEqual([], self.events())  # that is how it should be
        self.break_source()
        self.do("backup", "nightly", expect=None)
        self.mend_source()
        self.do("backup", "nightly")
        self.do("backup", "nightly")
        self.assertEqual(["failure", "recovery"], self.events())
        path, headers, body = self.hook.got[0]
        self.assertEqual((PATH, f"Bearer {TOKEN}", "application/json"),
                         (path, headers["Authorization"], headers["Content-Type"]))
        self.assertEqual(("nightly", "backup", "failed"), tuple(body[k] for k in ("job", "command", "outcome")))
        self.assertEqual("backup files: data: No such file or directory", body["error"])
        self.assertTrue(body["text"].startswith("backup nightly: failed: "))
        runs = self.do("history", "--json", "--failed").events
        self.assertEqual([r["run"] for r in runs if r["event"] == "run"], [body["run"]])

    def test_webhook_that_fails_is_tried_again_and_fails_nothing(self):
        self.configure(ops=f'{{webhook: {{url: "{self.url}"}}, on: [always]}}')
        self.hook.answers = [503, 429]
        self.do("backup", "nightly")
        self.assertEqual(["success"] * 3, self.events())
        self.hook.answers = [404]
        result = self.do("backup", "nightly", says="warning: notification ops was not sent: .*status 404")
        self.assertEqual(4, len(self.hook.got))
        self.hook.answers = [500, 500, 500]
        self.do("backup", "nightly", says="notification ops was not sent")
        self.assertEqual(7, len(self.hook.got))
        self.assertIn("files: snapshot", result.out)

    def test_command_gets_the_json_and_a_time_limit(self):
        told = self.folder / "told"
        self.configure(one=f'{{command: "cat >> {told}", on: success}}',
                       two=f'{{command: [/bin/sh, -c, "cat >> {told}; exit 7"], on: [success]}}',
                       three='{command: [sleep, "100"], timeout: 1s, on: success}')
        began = time.monotonic()
        result = self.do("backup", "nightly", says=["notification two was not sent: .*7",
                                                    "notification three was not sent: sleep did not end within 1 s"])
        self.assertLess(time.monotonic() - began, 60)
        self.assertNotIn("notification one", result.err)
        one, two = (json.loads(line) for line in told.read_text().splitlines())
        self.assertEqual(one, two)
        self.assertEqual(("success", "done"), (one["event"], one["outcome"]))

    def test_mail_is_sent(self):
        try:
            from aiosmtpd.controller import Controller
        except ImportError:
            self.skipTest("needs python3-aiosmtpd")

        class Box:
            letters = []

            async def handle_DATA(self, server, session, envelope):
                self.letters.append(envelope)
                return "250 OK"

        with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as free:
            port = free.getsockname()[1]
        smtp = Controller(Box(), hostname="127.0.0.1", port=port)
        smtp.start()
        self.addCleanup(smtp.stop)
        mail = f"server: smtp://127.0.0.1:{port}, from: hf@example.org, to: [a@example.org, b@example.org]"
        self.configure(ops=f"{{mail: {{{mail}, plain: true}}, on: success}}")
        self.do("backup", "nightly")
        [letter] = Box.letters
        self.assertEqual(("hf@example.org", ["a@example.org", "b@example.org"]),
                         (letter.mail_from, letter.rcpt_tos))
        text = letter.content.decode()
        self.assertRegex(text, r"Subject: holdfast on \S+: backup nightly: done\r\n")
        self.assertEqual("success", json.loads(text.rstrip().splitlines()[-1])["event"])
        self.configure(ops=f"{{mail: {{{mail}}}, on: success}}")  # without plain: never unencrypted
        self.do("backup", "nightly", says="notification ops was not sent: the mail server")
        self.assertEqual(1, len(Box.letters))

    def test_alarm_comes_once_and_is_over_once(self):
        self.configure(ops=f'{{webhook: {{url: "{self.url}"}}}}')
        self.do("backup", "nightly")
        self.do("list", "--alarms")
        later = {"HF_CLOCK_OFFSET": 9 * DAY}
        for _ in range(2):
            result = self.do("backup", "nightly", env=later)
        self.assertEqual(["alarm"], self.events())
        body = self.hook.got[0][2]
        self.assertEqual(("nightly", "files", None, 8 * DAY),
                         tuple(body[k] for k in ("job", "source", "proven", "proven_within_seconds")))
        self.assertIn("never proven", body["text"])
        result = self.do("list", "--alarms", env=later, expect=FAILED, says="1 source was not proven in time")
        self.assertRegex(result.out, r"files +\d+ .*never +ALARM: job nightly wants a proof every 8 days")
        [source] = [e for e in self.do("list", "--json", env=later).events if e["event"] == "source"]
        self.assertEqual((True, None, 8 * DAY),
                         tuple(source[k] for k in ("alarm", "proven", "proven_within_seconds")))
        self.do("restore", "files@latest", "--to", self.folder / "out", env=later)
        self.assertEqual(["alarm", "recovery"], self.events())
        self.do("list", "--alarms", env=later)
        self.assertRegex(self.do("list", env=later).out, r"\nfiles +3 +now +now +now *\n")
        self.do("backup", "nightly", env={"HF_CLOCK_OFFSET": 18 * DAY},
                says="error: nightly: files was last proven 9 days ago; job nightly allows 8 days")
        self.assertEqual(["alarm", "recovery", "alarm"], self.events())

    def test_configuration_is_checked(self):
        for target, says in (
                ("{}", '"webhook", "command" and "mail"'),
                ('{webhook: {url: x}, command: y}', "only one can be given"),
                ('{command: y, on: [sometimes]}', "takes failure, recovery, alarm, success and always"),
                ('{mail: {server: "http://x", from: a@b, to: c@d}}', "smtp://HOST"),
                ('{mail: {server: "smtp://x", from: a@b, to: "c\\nd@e"}}', "is no address"),
                ('{webhook: {ulr: x}}', 'did you mean "url"')):
            self.configure(ops=target)
            self.do("config", "check", expect=USAGE, says=says)
        (self.folder / "holdfast.yaml").write_text("http: {listen: 1.2.3.4.5.6.7:x}")
        self.do("config", "check", expect=USAGE, says=":1:16: .*unix:PATH")
        self.configure(ops="{command: y}")
        text = (self.folder / "holdfast.yaml").read_text()
        (self.folder / "holdfast.yaml").write_text(text.replace("notify: [ops]", "notify: [opps]"))
        self.do("config", "check", expect=USAGE, says='unknown notification "opps" .*did you mean "ops"')


if __name__ == "__main__":
    harness.main()
