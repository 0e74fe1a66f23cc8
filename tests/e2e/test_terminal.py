#!/usr/bin/python3
"""Passphrases that are asked for on a terminal, and where else they come from."""
import contextlib
import os
import pty
import signal
import termios
import time

import harness
from harness import DONE, FAILED, HOLDFAST, USAGE, TestCase


class Terminal(TestCase):
    SERVERS = {}

    def converse(self, *arguments, answers=(), expect=DONE):
        """Runs the program on a terminal of its own. answers: (what it asks, what is typed)."""
        pid, terminal = pty.fork()
        if pid == 0:
            os.chdir(self.folder)
            os.execve(HOLDFAST, [str(HOLDFAST), *arguments, "--repository", str(self.repo)],
                      self.environment({"TERM": "xterm"}))
        self.addCleanup(os.close, terminal)
        said = b""
        for question, answer in answers:
            while question.encode() not in said:
                said += self.read(terminal)
            said = b""
            self.wait_for_silence(terminal)
            os.write(terminal, answer.encode())
        while more := self.read(terminal):
            said += more
        self.assertEqual(expect, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), said)
        return said.decode()

    def read(self, terminal):
        try:
            return os.read(terminal, 4096)
        except OSError:  # how Linux says that nobody has the other end any more
            return b""

    def wait_for_silence(self, terminal):
        """Until echo is off: what is typed before may be thrown away, as passwords are everywhere."""
        deadline = time.monotonic() + 10
        while termios.tcgetattr(terminal)[3] & termios.ECHO and time.monotonic() < deadline:
            time.sleep(0.01)

    def test_init_asks_twice_and_list_once(self):
        said = self.converse("init", answers=[("Enter a new", "open sesame\n"), ("again", "open sesame\n")])
        self.assertIn("fingerprint", said)
        said = self.converse("list", answers=[("Enter the passphrase", "open sesame\n")])
        self.assertNotIn("sesame", said)
        self.assertIn("no snapshots", said)
        self.converse("list", answers=[("Enter the passphrase", "wrong\n")], expect=FAILED)

    def test_entries_that_differ_make_nothing(self):
        said = self.converse("init", answers=[("Enter", "one\n"), ("again", "two\n")], expect=USAGE)
        self.assertIn("differ", said)
        self.assertFalse(self.repo.exists())

    def test_nothing_entered_and_interrupt(self):
        self.init()
        self.assertIn("nothing was entered", self.converse("list", answers=[("Enter", "\n")], expect=USAGE))
        self.assertIn("interrupted", self.converse("list", answers=[("Enter", "\x03")], expect=FAILED))

    def test_no_terminal_says_what_to_give(self):
        self.init()
        self.hf("list", key=False, start_new_session=True, expect=USAGE, says="--passphrase-file")
        self.hf("key", "add", start_new_session=True, expect=USAGE, says="--new-passphrase-file")

    def test_environment_is_used_and_wiped(self):
        self.init()
        self.hf("list", key=False, env={"HOLDFAST_PASSPHRASE": harness.PASSPHRASE})
        self.hf("list", key=False, env={"HOLDFAST_PASSPHRASE_FILE": self.passphrase})
        with self.waiting("list", env={"HOLDFAST_PASSPHRASE": harness.PASSPHRASE}) as process:
            self.assertNotIn(harness.PASSPHRASE.encode(), self.memory(process, "environ"))
            self.assertIn(b"LC_ALL=", self.memory(process, "environ"))

    def test_passwords_in_arguments_are_hidden(self):
        self.init()
        with self.waiting("backup", "postgresql://me:open-sesame@localhost/x") as process:
            self.assertNotIn(b"sesame", self.memory(process, "cmdline"))
            self.assertIn(b"postgresql://xxx", self.memory(process, "cmdline"))

    @contextlib.contextmanager
    def waiting(self, *arguments, env=None):
        """The program while it waits for a command that prints the passphrase."""
        ready = self.folder / "ready"
        process = self.start(*arguments, "--passphrase-command", f"touch {ready}; sleep 60", key=False, env=env)
        try:
            deadline = time.monotonic() + 20
            while not ready.exists() and time.monotonic() < deadline:
                time.sleep(0.02)
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            self.finish(process, expect=FAILED)

    def memory(self, process, name):
        try:
            with open(f"/proc/{process.pid}/{name}", "rb") as file:
                return file.read()
        except PermissionError:  # the program does not let its own user look into it; root may
            self.skipTest(f"/proc/PID/{name} cannot be read")


if __name__ == "__main__":
    harness.main()
