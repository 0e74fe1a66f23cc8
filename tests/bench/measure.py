"""Running commands and knowing what they cost."""
import os
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

GIB = 1 << 30


@dataclass
class Cost:
    """Of one command: seconds on the clock, processor seconds of it and of its children, memory."""
    seconds: float
    own_cpu: float = 0
    all_cpu: float = 0
    peak: int = 0  # bytes; of the command itself
    out: str = ""
    command: str = ""
    extra: dict = field(default_factory=dict)


def fail(command, code, log):
    raise SystemExit(f"failed with {code}: {command}\n{log[-3000:]}")


def shell(command, **env):
    """A pipeline of the shell, measured as a whole; every part of it must succeed."""
    began = time.monotonic()
    result = subprocess.run(["bash", "-o", "pipefail", "-c", command], env={**os.environ, **env},
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            stdin=subprocess.DEVNULL)
    seconds = time.monotonic() - began
    if result.returncode:
        fail(command, result.returncode, result.stderr)
    return Cost(seconds, out=result.stdout, command=command)


def _peak_watch(pid, peak, done):
    """VmHWM only grows, so what is read last is right to within the interval."""
    while not done.wait(0.02):
        try:
            for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith("VmHWM:"):
                    peak[0] = int(line.split()[1]) * 1024
        except OSError:
            return


def program(argv, **env):
    """One program: what it used itself is read from its /proc entry between its end and wait."""
    argv = [str(a) for a in argv]
    began = time.monotonic()
    process = subprocess.Popen(argv, env={**os.environ, **env}, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
    peak, done = [0], threading.Event()
    watch = threading.Thread(target=_peak_watch, args=(process.pid, peak, done))
    texts = {}
    readers = [threading.Thread(target=lambda n=n, s=s: texts.update({n: s.read()}))
               for n, s in (("out", process.stdout), ("err", process.stderr))]
    for thread in [watch, *readers]:
        thread.start()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    seconds = time.monotonic() - began
    fields = Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    own, children = sum(map(int, fields[11:13])), sum(map(int, fields[13:15]))
    done.set()
    for thread in [watch, *readers]:
        thread.join()
    if process.wait():
        fail(" ".join(argv), process.returncode, texts["err"])
    tick = os.sysconf("SC_CLK_TCK")
    return Cost(seconds, own / tick, (own + children) / tick, peak[0], texts["out"], " ".join(argv))


def size_of(path):
    path = Path(path)
    if path.is_file():
        return path.stat().st_size
    return sum(p.stat().st_size for p in path.rglob("*") if p.is_file())
