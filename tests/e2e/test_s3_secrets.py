#!/usr/bin/python3
"""No secret of a bucket in any output, at any verbosity, nor in any program's arguments: whichever way
credentials come in, whether they are right or wrong, and whatever the server says back."""
import base64
import http.server
import json
import sys
import threading
import urllib.parse
from pathlib import Path

import harness
from harness import DONE, PASSPHRASE, TOP, UNREACHABLE, TestCase

sys.path.insert(0, str(TOP / "tests/support"))
from s3_memory import Answer, Memory, error  # noqa: E402
from s3_peer import Peer  # noqa: E402

ACCESS = "AKIASECRETSTEST00000"
SECRET = "Zq8+s3cr3t/Kx0pWvN7uLm4TbR9yHf2JdGe6aQc1"
TOKEN = "FwoGZXIvYXdzEJr//////////wEaDHs3c3Npb24tdG9rZW4tdGVzdA=="
POD_TOKEN = "eyJhbGciOiJSUzI1NiJ9.pod-authorization.Wm9uZQ"
IDENTITY = "eyJhbGciOiJSUzI1NiJ9.web-identity-token.U2VjcmV0"
EC2_TOKEN = "AQAEAEc2-metadata-session-token-0123456789=="
NEW_PASSPHRASE = "another horse, another battery"
SECRETS = [SECRET, TOKEN, POD_TOKEN, IDENTITY, EC2_TOKEN, PASSPHRASE, NEW_PASSPHRASE]
EXPIRES = "2099-01-01T00:00:00Z"


def forms(secret):
    """As it is, as URLs and base64 have it, and a piece of it."""
    raw = secret.encode()
    return {secret, urllib.parse.quote(secret, safe=""), base64.b64encode(raw).decode().rstrip("=")[:-2],
            raw.hex(), secret[4:20]}


ALL_FORMS = sorted({form for secret in SECRETS for form in forms(secret)})


def leaks(text):
    return [form for form in ALL_FORMS if form in text]


class Endpoints(http.server.BaseHTTPRequestHandler):
    """A container's endpoint, STS and EC2's metadata service in one; deny: all say no, and echo."""

    protocol_version = "HTTP/1.1"
    deny = False

    def do_GET(self):
        sent = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
        role = "/latest/meta-data/iam/security-credentials/"
        document = json.dumps({"Code": "Success", "AccessKeyId": ACCESS, "SecretAccessKey": SECRET,
                               "Token": TOKEN, "Expiration": EXPIRES})
        keys = (f"<AccessKeyId>{ACCESS}</AccessKeyId><SecretAccessKey>{SECRET}</SecretAccessKey>"
                f"<SessionToken>{TOKEN}</SessionToken><Expiration>{EXPIRES}</Expiration>")
        body = {"/pod": document, role: "backup", role + "backup": document, "/latest/api/token": EC2_TOKEN,
                "/": f"<R><Result><Credentials>{keys}</Credentials></Result></R>"}[self.path]
        status = 200
        if self.deny:
            sent = " ".join([*self.headers.values(), sent]).replace("&", " ")
            status, body = 403, (f"<ErrorResponse><Error><Code>Denied</Code><Message>you sent {sent[:600]}"
                                 "</Message></Error></ErrorResponse>")
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    do_PUT = do_POST = do_GET

    def log_message(self, *_):
        pass


class Watch:
    """Looks at the arguments of every process, all the time."""

    def __init__(self):
        self.found, self.ending = set(), threading.Event()
        self.looks = 0
        self.thread = threading.Thread(target=self.loop)

    def loop(self):
        while not self.ending.wait(0.01):  # between two looks: leaves the processor to what is looked at
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    text = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
                except OSError:
                    continue
                if leaks(text):
                    self.found.add(text)
            self.looks += 1

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ending.set()
        self.thread.join()


def echo(exchange):
    """An error that repeats everything the request had in it."""
    said = " ".join(exchange.request.headers.values())
    exchange.send(error(403, "AccessDenied", f"{said[-150:]} {TOKEN} {SECRET}", {"x-amz-request-id": TOKEN}))


def garbage(exchange):
    exchange.link.read_body(exchange.request)
    exchange.send(Answer(200, {"content-type": "application/xml"}, f"<{SECRET}>{TOKEN}".encode()))


class Secrets(TestCase):
    SERVERS = {"server": {}}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server.create("app")
        cls.server.query("app", "CREATE TABLE t AS SELECT g AS id, repeat('x', 100) AS text "
                                "FROM generate_series(1, 500) g")
        cls.endpoints = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Endpoints)
        thread = threading.Thread(target=cls.endpoints.serve_forever)
        thread.start()
        cls.addClassCleanup(thread.join)
        cls.addClassCleanup(cls.endpoints.shutdown)

    def setUp(self):
        super().setUp()
        Endpoints.deny = False
        self.peer = Peer(Memory(ACCESS, SECRET, token=TOKEN, buckets=("test",)))
        self.peer.__enter__()
        self.addCleanup(self.peer.__exit__)
        self.watch = self.enterContext(Watch())
        self.init()
        for name, text in {"id": ACCESS, "secret": SECRET, "token": TOKEN, "pod": POD_TOKEN, "jwt": IDENTITY}.items():
            self.secret(name, text)

    def tearDown(self):
        self.assertEqual(self.watch.found, set(), "a secret in the arguments of a program")
        self.assertGreater(self.watch.looks, 0)

    def ways(self):
        """{name: (keys of s3:, environment)}"""
        url = f"http://127.0.0.1:{self.endpoints.server_port}"
        files = "access_key_file: id, secret_key_file: secret, session_token_file: token"
        document = self.secret("document.json", json.dumps(
            {"Version": 1, "AccessKeyId": ACCESS, "SecretAccessKey": SECRET, "SessionToken": TOKEN}))
        self.secret("profiles", f"[keys]\naws_access_key_id = {ACCESS}\naws_secret_access_key = {SECRET}\n"
                                f"aws_session_token = {TOKEN}\n[program]\ncredential_process = cat {document}\n"
                                "[role]\nrole_arn = arn:r\nsource_profile = keys\n")
        profiles = {"AWS_SHARED_CREDENTIALS_FILE": self.folder / "profiles"}
        variables = {"AWS_ACCESS_KEY_ID": ACCESS, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_SESSION_TOKEN": TOKEN}
        return {
            "files": (files, {}),
            "commands": ("access_key_command: cat id, secret_key_command: [cat, secret], "
                         "session_token_command: cat token", {}),
            "in the file": (f"access_key: {ACCESS}, secret_key: '{SECRET}', session_token: '{TOKEN}'", {}),
            "variables of the file": ("access_key: '${HF_ID}', secret_key: '${HF_KEY}', session_token: '${HF_TOKEN}'",
                                      {"HF_ID": ACCESS, "HF_KEY": SECRET, "HF_TOKEN": TOKEN}),
            "environment": ("", variables),
            "profile": ("profile: keys", profiles),
            "program": ("", {**profiles, "AWS_PROFILE": "program"}),
            "role": ("profile: role", {**profiles, "AWS_ENDPOINT_URL_STS": url}),
            "container": ("", {"AWS_CONTAINER_CREDENTIALS_FULL_URI": url + "/pod",
                               "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": self.folder / "pod"}),
            "web identity": ("", {"AWS_WEB_IDENTITY_TOKEN_FILE": self.folder / "jwt", "AWS_ROLE_ARN": "arn:r",
                                  "AWS_ENDPOINT_URL_STS": url}),
            "instance": ("", {"AWS_EC2_METADATA_SERVICE_ENDPOINT": url, "AWS_EC2_METADATA_DISABLED": "false"}),
        }

    def configure(self, keys, sources=False, **more):
        keys = ", ".join(filter(None, [keys, *(f"{k}: {v}" for k, v in more.items())]))
        (self.folder / "holdfast.yaml").write_text(f"""repositories:
  r:
    passphrase_file: passphrase
    s3: {{endpoint: '{self.peer.settings["endpoint"]}', bucket: test{", " + keys if keys else ""}}}
""" + (f"""sources:
  app: {{postgres: {{dsn: "{self.server.url('app')}"}}}}
jobs:
  nightly: {{sources: [app], repositories: [r]}}
""" if sources else ""))

    def quiet(self, *arguments, env=(), expect=DONE, verbose=("--verbose",)):
        """Runs it at this verbosity; no secret comes out."""
        base = {"AWS_EC2_METADATA_DISABLED": "true", "HOME": self.folder,
                "AWS_SHARED_CREDENTIALS_FILE": self.folder / "none", **dict(env)}
        result = self.hf(*arguments, *verbose, repo=False, env=base, expect=expect)
        self.assertEqual(leaks(result.said), [], f"{arguments}: {result}")
        return result

    def loud(self, *arguments, **options):
        for verbose in (["--verbose"], ["--verbose", "--json"]):
            self.quiet(*arguments, verbose=verbose, **options)

    def test_every_command(self):
        keys, env = self.ways()["in the file"]
        self.configure(keys, sources=True, tags="{a: b}")
        self.quiet("init", "--repository", "r", env=env)
        self.quiet("config", "check", env=env)
        self.loud("doctor", "app", env=env)
        self.quiet("backup", "nightly", env=env)
        self.quiet("list", "--repository", "r", env=env)
        self.quiet("show", "app@latest", "--repository", "r", verbose=["--verbose", "--json"], env=env)
        self.quiet("check", "--read-data", "--repository", "r", env=env)
        self.quiet("export", "app@latest", "--repository", "r", "--output", self.folder / "app.sql", env=env)
        self.quiet("restore", "app@latest", "--to", "restored", "--repository", "r", env=env)
        self.server.drop("restored")
        self.assertEqual(self.peer.backend.violations, [])

    def test_keys_and_copies(self):
        """What has to do with keys prints none, new or old."""
        keys, env = self.ways()["in the file"]
        self.configure(keys)
        new = self.secret("new", NEW_PASSPHRASE)
        at, key = ("--repository", "r"), ("--passphrase-file", self.passphrase)
        self.quiet("init", *at, env=env)
        self.quiet("init", "--repository", self.folder / "replica", "--replica-of", "r", *key, env=env)
        identity = self.quiet("key", "identity", "--output", self.folder / "identity").out.split()[-1]
        self.quiet("key", "add", "--recipient", identity, "--label", "host", *at, env=env)
        self.quiet("key", "add", "--writer", "--new-passphrase-file", new, *at, env=env)
        self.quiet("key", "rotate", *at, env=env)
        listed = self.quiet("key", "list", *at, env=env, verbose=["--verbose", "--json"]).events
        self.loud("copy", "r", self.folder / "replica", *key, env=env)
        self.quiet("key", "remove", listed[0]["id"] if "id" in listed[0] else "none", *at, env=env, expect=None)
        for wrong in (["key", "add", "--new-passphrase-file", self.folder / "absent"], ["key", "remove", "nobody"],
                      ["key", "rotate", "--passphrase-file", new]):
            self.assertNotEqual(DONE, self.quiet(*wrong, *at, env=env, expect=None).code)

    def test_every_way_in(self):
        for name, (keys, env) in self.ways().items():
            with self.subTest(name):
                self.configure(keys)
                found = self.quiet("doctor", verbose=["--verbose", "--json"], env=env, expect=UNREACHABLE)
                self.assertIn('"ok":true,"subject":"repository r","text":"allowed;', found.out)

    def test_every_way_refused(self):
        """The server wants other credentials, and says what it was sent."""
        self.peer.backend.secret_key = "another"
        for name, (keys, env) in self.ways().items():
            for fault in (None, echo, garbage) if name == "files" else (echo,):
                with self.subTest(name, fault=fault):
                    self.peer.rules.clear()
                    if fault:
                        self.peer.on("*", fault, times=1000)
                    self.configure(keys)
                    self.quiet("doctor", verbose=["--verbose"], env=env, expect=UNREACHABLE)

    def test_work_refused(self):
        keys, env = self.ways()["environment"]
        for fault in (None, echo):
            self.peer.backend.secret_key = "another"
            self.peer.rules.clear()
            if fault:
                self.peer.on("*", fault, times=1000)
            self.configure(keys, sources=True)
            for command in (["init"], ["list"], ["show", "app@latest"], ["check"], ["key", "list"], ["backup", "app"],
                            ["export", "app@latest"], ["restore", "app@latest", "--to", "restored"]):
                with self.subTest(command, fault=fault):
                    verbose = ["--verbose"] if fault else ["--verbose", "--json"]
                    result = self.quiet(*command, "--repository", "r", env=env, expect=None, verbose=verbose)
                    self.assertNotEqual(result.code, DONE)

    def test_endpoints_that_refuse(self):
        """They say what they were sent."""
        Endpoints.deny = True
        for name in ("role", "container", "web identity", "instance"):
            with self.subTest(name):
                keys, env = self.ways()[name]
                self.configure(keys)
                self.loud("doctor", env=env, expect=UNREACHABLE)

    def test_proxy_with_a_password(self):
        self.configure(self.ways()["files"][0], proxy=f"'http://me:{urllib.parse.quote(SECRET, safe='')}@127.0.0.1:1'")
        self.quiet("doctor", expect=UNREACHABLE)
        self.configure(self.ways()["files"][0])
        self.quiet("doctor", expect=UNREACHABLE,
                   env={"http_proxy": f"http://me:{urllib.parse.quote(SECRET, safe='')}@127.0.0.1:1"})

    def test_secrets_that_are_none(self):
        """Of the wrong form: too long, with blanks, empty, in the wrong place."""
        for text in (SECRET + " " + TOKEN, SECRET * 200, SECRET + "\n" + TOKEN, ""):
            with self.subTest(text[:10]):
                self.secret("secret", text)
                self.configure(self.ways()["files"][0])
                self.quiet("doctor", expect=UNREACHABLE)
        for keys in (f"access_key: '{ACCESS}', secret_key: ['{SECRET}']", f"acess_key: '{SECRET}'",
                     f"secret_key: '{SECRET}'", f"access_key: x, secret_key: '{SECRET}', session_tokn: '{TOKEN}'"):
            with self.subTest(keys[:20]):
                self.configure(keys)
                self.quiet("config", "check", expect=harness.USAGE)
        self.quiet("list", "--repository", f"s3://{ACCESS}:{SECRET[:3]}@test/x", expect=harness.USAGE)


if __name__ == "__main__":
    harness.main()
