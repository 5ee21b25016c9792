"""The process that watches over one program and writes into its folder what is true of it; see `programs`.

Run as ``python -P -m quantumjobs.workers.supervisor <folder> [<leash>]`` with the program's environment on stdin. That
process ends as soon as the program is known to have begun, here or by another's hand; a grandchild stays, in a session
of its own. Beside it there is a *warden*, which leads the program's process group and has one task: when the supervisor
is gone, whatever became of it, to kill the group. Both hold the lock, so it is free only when nothing runs.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import msgspec

from quantumjobs.workers import entry
from quantumjobs.workers.bundle import pack
from quantumjobs.workers.ending import Ending
from quantumjobs.workers.logbook import Logbook
from quantumjobs.workers.programs import INSIDE, Plan, Run, State, holding, keep

__all__ = ["main"]

_TICK = 0.2
"""Seconds between two looks for somebody's wish to cancel."""
_SOON = 0.02
"""The same when the program has closed its output: as a rule it ends at this very moment."""
_READ = 1 << 16
_LEFT = 1.0
"""Seconds for which output is read when the program has ended: what escaped from its group may hold the pipe open."""
_REASON = 1024
"""Characters of a reason: what the vendor's service allows."""
_PATIENCE = 1.0
"""Seconds between two tries to write the last word."""
_CANCELLED = "cancelled"


class _Supervisor:
    """One program, from its first process to its last word. `leash`: see `programs`."""

    def __init__(self, folder: Path, leash: int | None) -> None:
        self._folder = folder
        self._inside = folder / INSIDE
        self._plan: Plan = Run(folder).plan()
        self._failure = self._inside / "failure"
        self._log = Logbook(folder / "log.txt", self._inside / "log.jsonl")
        self._poll = select.poll()
        self._leash = leash
        if leash is not None:
            self._poll.register(leash, select.POLLIN)
        self._is_asked = self._is_alone = False
        signal.signal(signal.SIGTERM, self._ask)

    def _ask(self, *_: object) -> None:
        self._is_asked = True

    def run(self, environment: dict[str, str], started_at: float) -> State:
        """Run the program to its end, and pack what it left."""
        with self._log:
            code, why = self._run(environment)
        if why == _CANCELLED:
            state = State(state="cancelled")
        elif why or code:
            state = State(state="failed", reason=why or self._reason(code))
        else:
            state = State(state="completed")
        reasons = [state.reason, self._log.trouble]
        if self._plan.packed:
            try:
                pack(self._folder, Run(self._folder).packed, without=(INSIDE, "log.txt"))
            except OSError as error:
                reasons.append(f"what it left could not be packed: {error}")
        return msgspec.structs.replace(
            state,
            reason="; ".join(filter(None, reasons)),
            started_at=started_at,
            ended_at=time.time(),
            exit_code=code,
        )

    def _run(self, environment: dict[str, str]) -> tuple[int, str]:
        group = _warden()
        self._out, into = os.pipe()
        child = subprocess.Popen(
            [sys.executable, entry.__file__, str(self._inside / "code"), self._plan.entry_point, str(self._failure)],
            stdin=subprocess.DEVNULL,
            stdout=into,
            stderr=subprocess.STDOUT,
            env={**environment, **self._variables()},
            cwd=self._inside / "code",
            process_group=group,
        )
        os.close(into)
        self._poll.register(self._out, select.POLLIN)
        self._is_open = True
        why = self._follow(child, group)
        _kill(group)  # what it began and left behind; the warden has nothing more to do, either
        os.waitpid(group, 0)
        until = time.monotonic() + _LEFT
        while self._is_open and time.monotonic() < until:
            self._pump(_TICK)
        self._log.finish()
        if child.returncode:
            self._log.remark(f"Process exited with code: {child.returncode}")  # as the vendor's local jobs end it
        return child.returncode, why

    def _variables(self) -> dict[str, str]:
        inside = self._inside
        own = {
            **self._plan.variables,
            "PYTHONUNBUFFERED": "1",
            "AMZN_BRAKET_SCRIPT_ENTRY_POINT": self._plan.entry_point,
            "AMZN_BRAKET_JOB_RESULTS_DIR": str(self._folder),
            "AMZN_BRAKET_CHECKPOINT_DIR": str(inside / "checkpoints"),
            "AMZN_BRAKET_INPUT_DIR": str(inside / "input/data"),
        }
        parameters = inside / "input/config/hyperparameters.json"
        if parameters.exists():
            own["AMZN_BRAKET_HP_FILE"] = str(parameters)
        return own

    # --- while it runs ----------------------------------------------------------------------
    def _follow(self, child: subprocess.Popen[bytes], group: int) -> str:
        """Until the program has ended. Why it was told to: "" where it was not."""
        begun = time.monotonic()
        look_at, kill_at, why = begun, float("inf"), ""
        while child.poll() is None:
            self._pump(_TICK if self._is_open else _SOON)
            now = time.monotonic()
            if not why and now >= look_at:
                look_at = now + _TICK
                why = self._wish(now - begun)
                if why:
                    kill_at = now if self._is_alone else now + self._plan.grace
                    os.killpg(group, signal.SIGTERM)
            if now >= kill_at:
                _kill(group)
                child.wait()
        return why

    def _wish(self, lasted: float) -> str:
        if self._is_alone:
            return "the process that began it has ended"
        if self._is_asked or (self._inside / "cancel").exists():
            return _CANCELLED
        if lasted > self._plan.max_runtime:
            return f"it ran longer than {self._plan.max_runtime:g} s, which is its limit"
        return ""

    def _pump(self, seconds: float) -> None:
        """Keep what the program writes; wait for it so long."""
        for file, _ in self._poll.poll(seconds * 1000):
            if file == self._leash:
                self._is_alone = True
            elif data := os.read(file, _READ):
                self._log.add(data, time.time())
                continue
            else:
                self._is_open = False
            self._poll.unregister(file)

    def _reason(self, code: int) -> str:
        try:
            return self._failure.read_text(encoding="utf-8")[:_REASON]
        except FileNotFoundError:
            pass
        text = Ending.from_code(code).text
        return f"{text}: {self._log.last}"[:_REASON] if code > 0 and self._log.last else text


def _kill(group: int) -> None:
    with suppress(PermissionError):  # so macOS says that all of them have ended already
        os.killpg(group, signal.SIGKILL)


def _warden() -> int:
    """Start the warden. Its number is the group's, and nobody else's until it is waited for."""
    watched, held = os.pipe()
    pid = os.fork()
    if pid:
        os.close(watched)
        os.setpgid(pid, pid)  # here, too: the program must find the group
        return pid
    try:
        os.setpgid(0, 0)
        os.close(held)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.read(watched, 1)
        os.killpg(0, signal.SIGKILL)
    finally:
        os._exit(1)


def main() -> NoReturn:
    """Begin the program and leave it to a grandchild, or find that it was begun before."""
    folder = Path(sys.argv[1])
    leash = int(sys.argv[2]) if len(sys.argv) > 2 else None
    given = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=dict[bytes, bytes])
    environment = {os.fsdecode(name): os.fsdecode(value) for name, value in given.items()}
    state_file = folder / INSIDE / "state.json"
    while True:
        with holding(folder / INSIDE / "lock", wait=False) as held:
            if state_file.exists():
                os._exit(0)
            if held:
                _begin(folder, leash, environment)
        time.sleep(0.005)  # somebody begins it, or cancels it, right now


def _begin(folder: Path, leash: int | None, environment: dict[str, str]) -> NoReturn:
    started_at = time.time()
    keep(folder, State(state="running", started_at=started_at))
    if os.fork():
        os._exit(0)
    state = State(state="failed", reason="the supervisor failed", started_at=started_at)
    try:
        os.setsid()
        nowhere = os.open(os.devnull, os.O_RDWR)
        for file in range(3):
            os.dup2(nowhere, file)
        for name in (signal.SIGINT, signal.SIGHUP):
            signal.signal(name, lambda *_: None)  # the program would inherit that it is ignored, but not a function
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        state = _Supervisor(folder, leash).run(environment, started_at)
    except BaseException as error:  # nobody else can say what happened
        state = msgspec.structs.replace(state, reason=f"the supervisor failed: {type(error).__name__}: {error}")
    finally:
        try:
            _last_word(folder, msgspec.structs.replace(state, ended_at=state.ended_at or time.time()))
        finally:
            os._exit(0)


def _last_word(folder: Path, state: State) -> None:
    """Keep it, also on a full disk: as long as it is not kept, the lock says that the program is not over."""
    while folder.exists():
        try:
            keep(folder, state)
        except OSError:
            time.sleep(_PATIENCE)
        else:
            return


if __name__ == "__main__":
    main()
