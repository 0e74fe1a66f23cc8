#!/usr/bin/python3
"""Drills into a PostgreSQL container, which is gone afterwards whatever happens."""
import signal
import unittest

import harness
from harness import UNREACHABLE, USAGE, run
from test_docker import ENGINE, Engine

# What Docker's own image does with its environment, in short.
SERVE = ('umask 077; echo "$POSTGRES_PASSWORD" >/tmp/pw; '
         'initdb -D /data -U postgres -A scram-sha-256 --pwfile=/tmp/pw --no-sync --no-locale -E UTF8 >/dev/null; '
         'exec postgres -D /data -k /tmp -h 127.0.0.1')

CONFIG = """
sources:
  app: {{postgres: {{dsn: "{app}"}}}}
repositories:
  local: {{path: {repo}, identity_file: {identity}}}
jobs:
  nightly:
    sources: [app]
    repositories: local
    drill:
      scratch: {{postgres: {{image: {image}, docker_socket: {socket}, network: host, folder: {folder}{more}}}}}
      assert: {{sql: "select count(*) = 200 from links"}}
"""


class DockerDrill(Engine):
    SERVERS = {"postgres": {}}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        made = run([ENGINE, "postgres", cls.engine], check=False, timeout=120)
        if made.returncode == 77:
            raise unittest.SkipTest(made.stderr)
        docker = ["docker", "--host", f"unix://{cls.socket}"]
        for name, command in (("scratch", SERVE), ("broken", "echo no room for it >&2; exit 3"),
                              ("deaf", "while :; do sleep 1; done")):
            script = command.replace("\\", "\\\\").replace('"', '\\"')
            run([*docker, "create", "--name", name, "postgres" if name != "deaf" else "tools", "sh"])
            run([*docker, "commit", "--change", f'CMD ["sh", "-c", "{script}"]', name, name])
            run([*docker, "rm", name])
        cls.postgres.psql("postgres", "CREATE DATABASE app TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'")
        cls.postgres.psql("app", "CREATE TABLE links (id int PRIMARY KEY);"
                                 "INSERT INTO links SELECT generate_series(1, 200)")

    def setUp(self):
        super().setUp()
        self.scratch = self.folder / "scratch"
        self.scratch.mkdir()
        self.configure()
        self.hf("backup", "app", "--config", self.folder / "holdfast.yaml", repo=False)

    def configure(self, image="scratch", more=""):
        (self.folder / "holdfast.yaml").write_text(CONFIG.format(
            app=self.postgres.url("app"), repo=self.repo, identity=self.base / "identity", image=image,
            socket=self.socket, folder=self.scratch, more=more))

    def drill(self, **options):
        return self.hf("drill", "nightly", "--config", self.folder / "holdfast.yaml", repo=False, **options)

    def containers(self):
        return self.docker("ps", "-aq", "--filter", "label=org.holdfast.drill.folder")

    def assert_nothing_is_left(self):
        self.assertEqual("", self.containers())
        self.assertEqual([], list(self.scratch.iterdir()))

    def test_backup_is_proven_in_a_container(self):
        self.drill(says="container of scratch with PostgreSQL 15.*compared and equal")
        self.assert_nothing_is_left()

    def test_environment_is_blamed_for_its_faults(self):
        self.configure(image="no-such-image")
        self.drill(expect=UNREACHABLE, says='no image "no-such-image"')
        self.configure(image="broken")
        self.drill(expect=UNREACHABLE, says="ended before it answered: no room for it")
        self.assert_nothing_is_left()

    def test_image_and_server_are_refused(self):
        self.configure(more=f', server: {{dsn: "{self.postgres.url()}"}}')
        self.drill(expect=USAGE, says="not both")

    def begin(self):
        """A drill that waits for a container which never answers."""
        self.configure(image="deaf")
        process = self.start("drill", "nightly", "--config", self.folder / "holdfast.yaml", repo=False)
        self.addCleanup(process.kill)
        while not self.docker("ps", "-q", "--filter", "label=org.holdfast.drill.folder"):
            self.assertIsNone(process.poll(), "it ended")
        return process

    def test_interrupted_drill_removes_its_container(self):
        process = self.begin()
        process.send_signal(signal.SIGTERM)
        process.communicate()
        self.assertEqual(1, process.returncode)
        self.assert_nothing_is_left()

    def test_container_of_a_killed_drill_is_removed_by_the_next(self):
        process = self.begin()
        process.kill()
        process.communicate()
        self.assertNotEqual("", self.containers())
        self.configure()
        self.drill(says="removed container [0-9a-f]{12}, left over from a drill that was killed")
        self.assert_nothing_is_left()


if __name__ == "__main__":
    harness.main()
