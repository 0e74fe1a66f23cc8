#!/usr/bin/python3
"""The examples for CI: YAML, whose configuration passes and whose commands the program takes."""
import re
import shlex
import xml.etree.ElementTree

import yaml

import harness
from harness import DAMAGED, TOP, TestCase

CI = TOP / "examples/ci"
PIPELINES = ("github-actions.yml", "gitlab-ci.yml")
ENVIRONMENT = {"SCRATCH_PASSWORD": "scratch"}


def texts(value):
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [text for inner in value for text in texts(inner)]
    return [value] if isinstance(value, str) else []


def commands(pipeline):
    """The words of each line that runs the program, up to what the shell does with its status."""
    lines = [line for text in texts(pipeline) for line in text.splitlines()]
    return [shlex.split(re.split(r"\|\||&&|[|;>]", line)[0]) for line in lines if re.match(r"\s*holdfast ", line)]


class Examples(TestCase):
    SERVERS = {}

    def test_configuration_passes(self):
        (self.folder / "holdfast.yaml").write_text((CI / "holdfast.yaml").read_text())
        self.hf("config", "check", repo=False, env=ENVIRONMENT)

    def test_commands_are_taken(self):
        self.init()
        config = (CI / "holdfast.yaml").read_text()
        here = f"{{path: {self.repo}, identity_file: {self.base / 'identity'}}}"
        config, changed = re.subn(r"(?<=  offsite: ).*", here, config)
        self.assertEqual(1, changed)
        (self.folder / "holdfast.yaml").write_text(config)
        for name in PIPELINES:
            with self.subTest(name):
                found = commands(yaml.safe_load((CI / name).read_text()))
                self.assertEqual(1, len(found))
                for words in found:
                    # An empty repository: a bad backup, not a bad command line.
                    self.hf(*words[1:], repo=False, env=ENVIRONMENT, expect=DAMAGED, says="no snapshot")
                suites = xml.etree.ElementTree.parse(self.folder / "drill.xml")
                self.assertEqual(1, len(suites.findall(".//testcase/failure")))
                self.assertIn("<html", (self.folder / "drill.html").read_text())
                (self.folder / "drill.xml").unlink()

    def test_artifacts_are_what_the_command_writes(self):
        for name in PIPELINES:
            with self.subTest(name):
                pipeline = yaml.safe_load((CI / name).read_text())
                said = [line.strip() for text in texts(pipeline) for line in text.splitlines()]
                for words in commands(pipeline):
                    for option in ("--junit", "--html"):
                        self.assertIn(words[words.index(option) + 1], said)


if __name__ == "__main__":
    harness.main()
