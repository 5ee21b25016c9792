"""Where deaths are carried out, a few at a time: kill, recover in a fresh process, and have it judged."""

from __future__ import annotations

import queue
import re
import shutil
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.crash.processes import Ran, Service, Template
from tests.crash.verdict import Case, Verdict, intents, judge

SUBMITS = ("idempotent", "findable", "rerunnable", "unknown")
MODES = ("delete", "wal")
TEMPLATES = 6
"""Programs at a time."""


class Ground:
    """Where cases are carried out, a few at a time."""

    def __init__(self, folder: Path, *, at_a_time: int = TEMPLATES) -> None:
        self._folder = folder
        self._at_a_time = at_a_time
        self._services: dict[str, Service] = {}
        self._templates: queue.Queue[Template] = queue.Queue()
        self._lock = threading.Lock()
        self._number = 0
        self._tokens: dict[str, set[str]] = {submit: set() for submit in SUBMITS}
        self.verdicts: list[Verdict] = []
        self._all: list[Template] = []

    def open(self) -> None:
        for _ in range(self._at_a_time):
            template = Template()
            self._all.append(template)
            self._templates.put(template)

    def close(self) -> None:
        for one in (*self._all, *self._services.values()):
            one.close()

    def _service(self, case: Case) -> Service:
        switches = case.service or case.submit
        with self._lock:
            if switches not in self._services:
                self._services[switches] = Service(switches)
            return self._services[switches]

    def _place(self) -> Path:
        with self._lock:
            self._number += 1
            folder = self._folder / str(self._number)
        folder.mkdir()
        return folder

    @contextmanager
    def _template(self) -> Iterator[Template]:
        template = self._templates.get()
        try:
            yield template
        finally:
            self._templates.put(template)

    def points(self, submit: str, scenario: str, left: str = "") -> list[str]:
        """Those that a run reaches which nobody kills, in their order."""
        case = Case(submit, "delete", scenario, left=left)
        with self._template() as template:
            place = self._place()
            ran = self._runs(template, case, place, list=True)[-1]
        assert ran.code == 0, ran
        self._know(case, place)
        return [one["name"] for one in ran.all("point")]

    def calls(self, case: Case, kinds: Sequence[str]) -> Counter[str]:
        """How often a run that nobody kills makes each of these system calls: in the thread that makes the most."""
        place = self._place()
        log = place / "strace"
        traced = Case(case.submit, case.mode, case.scenario, trace=("-o", str(log), "-e", _set(kinds)), left=case.left)
        with self._template() as template:
            ran = self._runs(template, traced, place)[-1]
        assert ran.code == 0, ran
        self._know(case, place)
        threads: dict[str, Counter[str]] = {}
        for line in log.read_text(errors="replace").splitlines():
            found = re.match(r"(\d+) +(\w+)\(", line)
            if found:
                threads.setdefault(found[1], Counter())[found[2]] += 1
        most = Counter[str]()
        for counted in threads.values():
            most |= counted
        return most

    def judge_all(self, cases: Sequence[Case]) -> list[Verdict]:
        with ThreadPoolExecutor(self._at_a_time) as pool:
            verdicts = list(pool.map(self.judge, cases))
        self.verdicts += verdicts
        return verdicts

    def judge(self, case: Case) -> Verdict:
        """Kill it, recover in a fresh process, and look at what is left."""
        place = self._place()
        with self._template() as template:
            runs = self._runs(template, case, place)
            recovery = Case(case.submit, case.mode, "recover", service=case.service)
            last = self._run(template, recovery, place, "recovered")
        verdict = Verdict(case, runs[-1].killed)
        if case.left and not runs[0].killed:
            verdict.problems.append(f"{case.left} was not reached")
        if last.code != 0:
            verdict.problems.append(f"the recovery failed: {last.error}")
        if not runs[-1].killed and runs[-1].code != 0 and not case.breaks:
            verdict.problems.append(f"the program failed by itself: {runs[-1].error}")
        judge(verdict, [*runs, last], place / "ledger.db", self._service(case).stats())
        self._know(case, place)
        shutil.rmtree(place)
        return verdict

    def strangers(self) -> set[str]:
        """Tokens that came to a service, and that no ledger ever held: something was sent without an intent."""
        return {
            token
            for submit, service in self._services.items()
            for token in set(service.stats()["posts_by_token"]) - self._tokens[submit]
        }

    def _know(self, case: Case, place: Path) -> None:
        found = intents(place / "ledger.db", case.mode)
        with self._lock:
            self._tokens[case.service or case.submit] |= found

    def _runs(self, template: Template, case: Case, place: Path, **more: Any) -> list[Ran]:
        runs = []
        if case.scenario == "recover" and case.left:
            before = Case(case.submit, case.mode, "look" if "poll" in case.left else "submit", kill=case.left)
            runs.append(self._run(template, before, place, "before"))
        return [*runs, self._run(template, case, place, "killed", **more)]

    def _run(self, template: Template, case: Case, place: Path, name: str, **more: Any) -> Ran:
        order = {
            "scenario": case.scenario,
            "url": self._service(case).url,
            "ledger": str(place / "ledger.db"),
            "mode": case.mode,
            "submit": case.submit,
            "out": str(place / name),
            "kill": case.kill,
            "fault": case.fault,
            **more,
        }
        return template.run(order, case.trace)

    def can_trace(self) -> bool:
        """Whether strace is there and may look at other processes."""
        if shutil.which("strace") is None:
            return False
        case = Case("unknown", "delete", "submit", trace=("-e", "trace=none"))
        try:
            place = self._place()
            with self._template() as template:
                ran = self._run(template, case, place, "traced")
            self._know(case, place)
            return ran.code == 0
        except AssertionError:
            return False


def _set(kinds: Sequence[str]) -> str:
    return "trace=" + ",".join(kinds)


def at_call(name: str, number: int, what: str = "signal=KILL") -> tuple[str, ...]:
    """strace's options for what happens when a thread makes this system call for the n-th time."""
    return "-e", f"trace={name}", "-e", f"inject={name}:{what}:when={number}"
