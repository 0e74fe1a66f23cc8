"""Runs a program with failpoint.so (see failpoint.c) and says what happened.

    from failpoint import Failpoint
    failpoint = Failpoint(BUILD / "tests/failpoint.so")

    calls = failpoint.run(argv, "files", under=repository).count
    for n, result in failpoint.each(argv, "sync", how="EIO", under=repository, prepare=fresh):
        ...            # result.returncode, .stdout, .stderr, .where: which call it was
"""
import itertools
import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Result:
    returncode: int  # negative: the signal that ended it
    stdout: str
    stderr: str
    count: int  # calls that were made, up to the end or to where it was ended
    fired: bool
    where: str  # "rename /repo/…"; empty unless fired


class Failpoint:
    def __init__(self, library):
        self.library = Path(library).resolve(strict=True)

    def run(self, argv, call, at=0, how="EIO", under=None, env=None, timeout=120, **options):
        """One run. at: 0 only counts, n is the n-th call, "n+" that and all after it. env is the
        program's whole environment (default: ours)."""
        with tempfile.TemporaryDirectory(prefix="hf-failpoint-") as folder:
            report = Path(folder) / "report"
            env = dict(os.environ if env is None else env)
            env.update(LD_PRELOAD=str(self.library), HF_FAIL_CALL=call, HF_FAIL_AT=str(at),
                       HF_FAIL_HOW=str(how), HF_FAIL_REPORT=str(report))
            if under is not None:
                env["HF_FAIL_UNDER"] = str(under)
            options.setdefault("stdin", subprocess.DEVNULL)
            ended = subprocess.run([str(a) for a in argv], env=env, timeout=timeout, text=True,
                                   errors="replace", stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, **options)
            if not report.exists():
                raise AssertionError(f"{argv[0]} ended with {ended.returncode} by itself, without "
                                     f"a report ({call} {at} {how}): {ended.stderr[-2000:]}")
            facts = dict(line.split(" ", 1) for line in report.read_text().splitlines())
        return Result(ended.returncode, ended.stdout, ended.stderr, int(facts["count"]),
                      facts["fired"] == "1", facts.get("call", ""))

    def each(self, argv, call, how="EIO", under=None, prepare=None, first=1, step=1, **options):
        """Yields (n, result) for every n-th call until a run makes fewer than n. prepare() is
        called before each run."""
        for n in itertools.count(first, step):
            if prepare:
                prepare()
            result = self.run(argv, call, at=n, how=how, under=under, **options)
            if not result.fired:
                return
            yield n, result
