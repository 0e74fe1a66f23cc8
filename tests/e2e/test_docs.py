#!/usr/bin/python3
"""What the documentation shows of the configuration is right: whole ones pass "config check"."""
import re

import harness
from harness import TOP, TestCase

WHOLE = re.compile(r"^```yaml\n((?:repositories|sources|jobs):\n.*?)^```", re.M | re.S)


# What a page that shows only jobs leaves out.
REST = {"repositories": "{local: {path: /r}, offsite: {path: /o}}",
        "sources": "{app: {postgres: {database: a}}, archive: {postgres: {database: b}}, "
                   "cache: {redis: {url: 'redis://c'}}, uploads: {volume: {path: /u}}}",
        "notify": "{ops: {webhook: {url: 'https://hooks.example.net/x'}}}"}


def whole(text):
    return text + "".join(f"{key}: {value}\n" for key, value in REST.items()
                          if not re.search(rf"^{key}:", text, re.M))


class Docs(TestCase):
    SERVERS = {}

    def test_configurations_pass(self):
        pages = [TOP / "README.md", *sorted((TOP / "docs").rglob("*.md"))]
        found = [(page, text) for page in pages for text in WHOLE.findall(page.read_text())]
        self.assertGreater(len(found), 8)
        for page, text in found:
            with self.subTest(f"{page.relative_to(TOP)}: {text[:60]}"):
                (self.folder / "holdfast.yaml").write_text(whole(text))
                self.hf("config", "check", repo=False)


if __name__ == "__main__":
    harness.main()
