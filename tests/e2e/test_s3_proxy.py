#!/usr/bin/python3
"""A bucket behind a real forward proxy: https through CONNECT, http by whole URLs, with a user and a
password; and around it, where it is not to be used."""
import subprocess
import urllib.parse

import harness
from harness import TOP, UNREACHABLE
from volume_in_bucket import VolumeInBucket

PROXY = TOP / "tests/servers/proxy"
PASSWORD = "open-sesame"


class Proxy(VolumeInBucket):
    def setUp(self):
        super().setUp()
        self.ports = [str(urllib.parse.urlsplit(self.settings["tls_endpoint"]).port)]
        self.start_proxy()

    def start_proxy(self, *ports):
        self.at = self.folder / f"proxy{len(ports)}"
        made = subprocess.run([PROXY, "start", self.at, "me", PASSWORD, *(ports or self.ports)], capture_output=True,
                              text=True)
        if made.returncode == 77:
            self.skipTest(made.stderr)
        self.assertEqual(0, made.returncode, made.stderr)
        self.addCleanup(subprocess.run, [PROXY, "stop", self.at], check=True)

    def url(self, password=PASSWORD):
        return f"http://me:{urllib.parse.quote(password, safe='')}@127.0.0.1:{(self.at / 'port').read_text().strip()}"

    def requests(self):
        """What the proxy was asked: [(method, target)]."""
        lines = (self.at / "log/requests").read_text().splitlines()
        return [tuple(line.split("): ", 1)[1].split()[:2]) for line in lines if "Request (file" in line]

    def tls(self, **more):
        self.configure("tls_endpoint", ca_file=f"'{self.settings['ca_file']}'", **more)

    def test_https_goes_through_a_tunnel(self):
        self.tls(proxy=f"'{self.url()}'")
        self.init_here()
        self.there_and_back()
        host = urllib.parse.urlsplit(self.settings["tls_endpoint"]).netloc
        self.assertEqual({("CONNECT", host)}, set(self.requests()))

    def test_http_goes_by_whole_urls(self):
        self.configure(proxy=f"'{self.url()}'")
        self.init_here()
        self.there_and_back()
        found = self.requests()
        self.assertTrue(all(target.startswith(self.settings["endpoint"] + "/") for _, target in found), found)
        self.assertGreaterEqual({method for method, _ in found}, {"GET", "PUT", "HEAD", "DELETE"} - {"HEAD"})

    def test_environment(self):
        for name, configure in (("https_proxy", self.tls), ("HTTPS_PROXY", self.tls), ("ALL_PROXY", self.tls),
                                ("http_proxy", self.configure)):
            with self.subTest(name):
                before = len(self.requests())
                configure()
                self.say("doctor", "--repository", "r", env={name: self.url()}, expect=None, says="allowed")
                self.assertGreater(len(self.requests()), before)

    def test_around_it(self):
        for env, keys in (({"HTTPS_PROXY": self.url(), "NO_PROXY": "127.0.0.1"}, {}),
                          ({"HTTPS_PROXY": self.url(), "no_proxy": "*"}, {}),
                          ({"HTTPS_PROXY": self.url()}, {"proxy": "none"})):
            with self.subTest(env=list(env), keys=keys):
                self.tls(**keys)
                self.say("doctor", "--repository", "r", env=env, expect=None, says="allowed")
                self.assertEqual([], self.requests())

    def test_refusals_say_what_to_do(self):
        """At once, and without the password."""
        wrong = self.url("closed-sesame")
        self.tls(proxy=f"'{wrong}'")
        found = self.say("doctor", expect=UNREACHABLE, timeout=20, says="the proxy wants another user and password")
        self.assertNotIn("sesame", found.said)
        self.configure(proxy=f"'{wrong}'")
        found = self.say("doctor", expect=UNREACHABLE, timeout=20, says="credentials, also those of a proxy|proxy wants")
        self.assertNotIn("sesame", found.said)
        self.start_proxy("1", "2")  # no tunnel to where the server is
        self.tls(proxy=f"'{self.url()}'")
        self.say("doctor", expect=UNREACHABLE, timeout=20, says="the proxy does not let connections to there through")


if __name__ == "__main__":
    harness.main()
