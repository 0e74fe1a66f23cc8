#!/usr/bin/python3
"""Volumes whose directory holdfast cannot see, because it runs in a container itself: by a helper."""
import json
import subprocess

import harness
import trees
from harness import BUSY, FAILED, UNREACHABLE, run
from test_docker import ENGINE, Engine


class Helper(Engine):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        run([ENGINE, "holdfast", cls.engine, harness.HOLDFAST], timeout=120)

    def setUp(self):
        super().setUp()
        (self.folder / "c.json").write_text(json.dumps({
            "repositories": {"r": {"path": "/mine/repo", "identity_file": "/identity"}},
            "sources": {"vol": {"volume": {"docker": "data", "docker_socket": "/engine.sock",
                                           "state_dir": "/mine/state"}}}}))
        self.agents = 0

    def agent_command(self, *arguments):
        """The program in a container: it has the engine's socket, and nothing of the engine's volumes."""
        self.agents += 1
        return ["docker", "--host", f"unix://{self.socket}", "run", "--rm", "--network", "none",
                "--name", f"agent{self.agents}", "--hostname", "agent", "-v", f"{self.socket}:/engine.sock",
                "-v", f"{self.folder}:/mine", "-v", f"{self.base / 'identity'}:/identity:ro",
                "holdfast", "holdfast", *arguments, "--config", "/mine/c.json"]

    def agent(self, *arguments, expect=0, says=()):
        result = run(self.agent_command(*arguments), check=False, timeout=300)
        said = result.stdout + result.stderr
        self.assertEqual(expect, result.returncode, said)
        self.assertNotIn("Sanitizer", said)
        for text in [says] if isinstance(says, str) else says:
            self.assertRegex(said, text)
        return said

    def helpers(self):
        return self.docker("ps", "-aq", "--filter", "label=org.holdfast.helper")

    def test_all_of_a_volume_and_back(self):
        trees.zoo(self.data() / "zoo")
        self.agent("doctor", says="by a helper container of image sha256")
        self.agent("backup")
        self.agent("restore", "vol@latest", "--to", "docker:fresh", says="compared and equal")
        self.assertEqual([], trees.differences(trees.describe(self.data()), trees.describe(self.data("fresh"))))
        trees.write(self.data("fresh") / "mine", b"mine")
        self.agent("restore", "vol@latest", "--to", "docker:fresh", expect=FAILED, says="--replace")
        self.agent("restore", "vol@latest", "--to", "docker:fresh", "--replace", says="kept as .*_data.before-")
        self.assertEqual(1, len(list(self.data("fresh").parent.glob("_data.before-*/mine"))))
        self.container("other", "sleep 100", volume="fresh")
        self.agent("restore", "vol@latest", "--to", "docker:fresh", "--replace", expect=BUSY, says="stop it first")
        self.assertEqual("", self.helpers())
        self.assertEqual([], self.left())

    def test_what_did_not_change_is_not_read_again(self):
        for n in range(20):
            trees.write(self.data() / f"f{n}", trees.noise(n, 10_000))
        self.agent("backup")
        while True:  # what is younger than two seconds is read again
            self.agent("backup")
            read = self.hf("show", "vol@latest", "--json").events[-1]["properties"]["read"]
            if read["files"] == 0:
                break
        (self.data() / "f3").write_text("changed")
        self.agent("backup")
        shown = self.hf("show", "vol@latest", "--json").events[-1]["properties"]
        self.assertEqual((1, "data"), (shown["read"]["files"], shown["docker"]))

    def test_stopped_containers_and_not_the_helper(self):
        config = json.loads((self.folder / "c.json").read_text())
        config["sources"]["vol"]["volume"]["stop"] = ["all"]
        (self.folder / "c.json").write_text(json.dumps(config))
        trees.write(self.data() / "x", b"x")
        self.agent("backup")
        self.assertEqual("running", self.state())
        self.assertEqual([], self.left())

    def test_volume_that_is_mounted_only_while_it_is_used(self):
        elsewhere = self.folder / "elsewhere"
        trees.zoo(elsewhere)
        self.docker("volume", "create", "--opt", "type=none", "--opt", "o=bind", "--opt", f"device={elsewhere}", "bound")
        self.addCleanup(self.docker, "volume", "rm", "-f", "bound", check=False)
        self.config(docker="bound", helper_image="holdfast")
        self.run_hf("backup")
        self.run_hf("restore", "vol@latest", "--to", self.folder / "out", "--numeric-owner")
        self.assertEqual([], trees.differences(trees.describe(elsewhere), trees.describe(self.folder / "out")))
        self.run_hf("restore", "vol@latest", "--to", "docker:bound", "--replace", expect=FAILED, says="a directory")

    def hidden(self, *arguments, expect=0, says=()):
        """The program on the engine's host, where the volumes' folder is covered for it."""
        script = f'mount -t tmpfs none {self.engine}/data/volumes && exec "$@"'
        command = ["unshare", "-m", "sh", "-c", script, "sh", harness.HOLDFAST, *arguments,
                   "--config", self.folder / "c.json"]
        result = run(command, check=False, timeout=300, env=self.environment(), cwd=self.folder)
        self.assertEqual(expect, result.returncode, result.stderr)
        for text in [says] if isinstance(says, str) else says:
            self.assertRegex(result.stdout + result.stderr, text)

    def test_image_that_is_named_or_missing(self):
        trees.zoo(self.data() / "zoo")
        self.config()
        self.hidden("backup", expect=UNREACHABLE, says="helper_image")
        self.hidden("doctor", expect=UNREACHABLE, says="helper_image")
        self.config(helper_image="tools")
        self.hidden("backup", expect=FAILED, says='helper container: docker: .*"?holdfast"?.*not found')
        self.config(helper_image="no-such-image")
        self.hidden("backup", expect=FAILED, says="[Nn]o such image")
        self.assertEqual([], self.snapshots())
        self.config(helper_image="holdfast")
        self.hidden("backup")
        self.hidden("restore", "vol@latest", "--to", "docker:fresh", says="compared and equal")
        self.assertEqual([], trees.differences(trees.describe(self.data()), trees.describe(self.data("fresh"))))
        self.assertEqual("", self.helpers())
        self.assertEqual([], self.left())

    def begin(self):
        """A backup in a container, which has begun to read."""
        trees.write(self.data() / "large", trees.noise(1, 80_000_000))
        process = subprocess.Popen([str(a) for a in self.agent_command("backup")], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.addCleanup(self.end, process)
        while not self.docker("ps", "-q", "--filter", "label=org.holdfast.helper"):
            self.assertIsNone(process.poll(), "it was too fast")
        return process

    def test_agent_that_is_killed_leaves_no_helper(self):
        process = self.begin()
        self.docker("kill", f"agent{self.agents}")
        process.communicate()
        while self.helpers():
            pass  # it ends by itself, as nobody listens
        self.assertEqual(1, len(self.left()))
        self.agent("backup", says="that helped to reach a volume")
        self.assertEqual([], self.left())

    def test_helper_that_hangs_is_removed_by_the_next_start(self):
        process = self.begin()
        self.docker("pause", self.helpers())
        self.docker("kill", f"agent{self.agents}")
        process.communicate()
        self.assertNotEqual("", self.helpers())
        self.agent("backup", says="that helped to reach a volume")
        self.assertEqual("", self.helpers())

    def test_helper_that_is_killed_fails_the_backup(self):
        process = self.begin()
        self.docker("rm", "-f", self.helpers())
        said = process.communicate()[1].decode()
        self.assertEqual(FAILED, process.returncode, said)
        self.assertIn("without a result", said)
        self.assertEqual([], self.snapshots())
        self.assertEqual([], self.left())


if __name__ == "__main__":
    harness.main()
