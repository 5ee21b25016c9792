"""OriginQ's cloud, as pyqpanda3 speaks with it, without tomography, lists of instructions and the binary form."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from quantumjobs.core.states import JobState as S
from quantumjobs.errors import UsageError
from quantumjobs.testing.emulators import originq_chips, originq_payload, originq_run, originq_tasks, replies
from quantumjobs.testing.emulators.faults import Fault
from quantumjobs.testing.emulators.frame import Emulator, Handler
from quantumjobs.testing.emulators.jobs import Job
from quantumjobs.testing.emulators.originq_chips import CHIPS, RETIRED, Chip
from quantumjobs.testing.emulators.originq_payload import MAINTENANCE, NO_RESOURCE, Refusal, asked
from quantumjobs.testing.emulators.originq_tasks import OriginqTask, Shape
from quantumjobs.workers.aer import SEED_STEP, wrap_seed

UNAUTHORIZED = 401
_SCHEME = "oqcs_auth="


class OriginqEmulator(Emulator):
    """Serves `chips` and the three simulators, under any path; other settings: see `Emulator`.

    Program *i* of a task is seeded with `seed + 2113 * i`. All backends share one queue. What OriginQ has not published
    is a guess: most codes of refusals, what a cancel of a task that is over answers, and how amplitudes look.

    Answers come in the shapes of the service's history: `keys` "hex" (0x1), "HEX" (0X1) or "binary" (01); without
    `sizes` there is no measureQubitSize; `bare` results are texts and no lists; without `counts` there is no probCount;
    `stray`: a finished task has an errorMessage; `older`: in the envelope of QPanda-2; `state_as` "text", "int" or
    "float". With `http_401` a refused key is a 401, and not a code in the body.
    """

    operations = ("resources", "submit", "task", "cancel", "chip", "blocks")

    def __init__(
        self,
        *,
        chips: Sequence[Chip] = CHIPS,
        keys: str = "hex",
        sizes: bool = True,
        bare: bool = False,
        counts: bool = True,
        stray: bool = False,
        older: bool = False,
        state_as: str = "text",
        http_401: bool = False,
        **settings: Any,
    ) -> None:
        if keys not in ("hex", "HEX", "binary") or state_as not in ("text", "int", "float"):
            raise UsageError("keys is 'hex', 'HEX' or 'binary', and state_as 'text', 'int' or 'float'")
        self.chips = {one.name: one for one in chips}
        self.shape = Shape(keys=keys, sizes=sizes, bare=bare, counts=counts, stray=stray, state_as=state_as)
        self.older = older
        self.http_401 = http_401
        super().__init__(**settings)

    def routes(self) -> list[Route]:
        made = []
        for prefix in ("", "/{prefix:path}"):
            post = functools.partial(self.route, "POST")
            base = f"{prefix}/oqcs/task"
            made += [
                self.route("GET", f"{base}/getResourceList.json", "resources", self._resources),
                post(f"{base}/origin/submit.json", "submit", self._submit),
                post(f"{base}/origin/taskDetail.json", "task", self._task),
                post(f"{base}/origin/chipInfo.json", "chip", self._chip),
                post(f"{base}/cancelTask.json", "cancel", self._cancel),
                post(f"{base}/management/bestQubitBlocks.json", "blocks", self._blocks),
            ]
        return made

    def route(self, method: str, path: str, operation: str, handler: Handler, *, guarded: bool = True) -> Route:
        """As everywhere; a refusal that a handler raises is its reply, and the headers of what is posted are checked."""

        async def answer(request: Request, body: bytes) -> Response:
            try:
                if method == "POST":
                    _check_headers(request, operation)
                return await handler(request, body)
            except Refusal as refusal:
                return replies.json(self.said(refusal.code, refusal.message))

        return super().route(method, path, operation, answer, guarded=guarded)

    # --- what there is ------------------------------------------------------------------------
    async def _resources(self, request: Request, body: bytes) -> Response:  # noqa: ARG002 - a handler's form
        """A bare list. The client adds the simulators by itself, and skips other machines than chips."""
        machines = [{"machineType": number, "onlineFlag": True} for number in (0, 2, 3)]
        return replies.json([*machines, *map(originq_chips.resource, self.chips.values())])

    async def _chip(self, request: Request, body: bytes) -> Response:  # noqa: ARG002 - a handler's form
        return _good(originq_chips.information(self._wanted_chip(asked(body, "ChipID")["ChipID"])))

    async def _blocks(self, request: Request, body: bytes) -> Response:  # noqa: ARG002 - a handler's form
        found = asked(body, "chipId", "qubitNum", "label", "qubitBlockNum")
        chip = self._wanted_chip(found["chipId"])
        qubits, number = found["qubitNum"], found["qubitBlockNum"]
        if not (isinstance(qubits, int) and isinstance(number, int) and qubits > 0 and number > 0):
            raise Refusal("qubitNum and qubitBlockNum are positive")
        blocks = originq_chips.blocks(chip, qubits, number)
        return _good(
            {
                "ChipID": chip.name,
                "QubitNum": qubits,
                "Label": found["label"],
                "QubitBlockNum": len(blocks),
                "QubitBlocks": blocks,
            }
        )

    def _wanted_chip(self, name: Any) -> Chip:
        if name in RETIRED:
            raise Refusal("under maintenance", MAINTENANCE)
        chip = self.chips.get(name) if isinstance(name, str) else None
        if chip is None:
            raise Refusal("chip resource is null", NO_RESOURCE)
        return chip

    # --- tasks --------------------------------------------------------------------------------
    async def _submit(self, request: Request, body: bytes) -> Response:
        tasks, programs, about = originq_payload.read(body, request.headers.get("task_mode", ""), self.chips)
        if self.queue.is_full:
            raise Refusal("insufficient computing resources: the emulator keeps no more tasks")
        fault: Fault | None = request.state.fault
        fails = (fault.body or "scripted failure") if fault is not None and fault.kind == "fail" else None
        task = OriginqTask(tasks, programs, about, fails=fails)
        self.queue.accept(task)
        return _good({"taskId": task.id})

    async def _task(self, request: Request, body: bytes) -> Response:  # noqa: ARG002 - a handler's form
        found = asked(body, "taskId")
        task = self._wanted(found["taskId"])
        keys = found.get("keys", [])
        if not isinstance(keys, list):
            raise Refusal("keys is a list of names")
        is_next = task.state is S.QUEUED and self.queue.ahead(task) == 0
        told = originq_tasks.document(task, is_next=is_next, shape=self.shape, keys=keys)
        return _good(originq_tasks.older(told) if self.older else told)

    async def _cancel(self, request: Request, body: bytes) -> Response:  # noqa: ARG002 - a handler's form
        task = self._wanted(asked(body, "taskId")["taskId"])
        if task.is_over:
            raise Refusal("the task is over, and cannot be cancelled")
        self.queue.interrupt(task)
        return _good(None)

    def _wanted(self, wanted: Any) -> OriginqTask:
        found = self.jobs.get(wanted) if isinstance(wanted, str) else None
        if not isinstance(found, OriginqTask):
            raise Refusal("task resource is null", NO_RESOURCE)
        return found

    # --- outcomes -----------------------------------------------------------------------------
    async def run_circuit(self, job: Job, place: int) -> bytes:
        assert isinstance(job, OriginqTask)
        seed = None if self.seed is None else wrap_seed(self.seed + SEED_STEP * place)
        task = msgspec.structs.replace(job.circuits[place], seed=seed)
        memory = originq_run.memory(job.programs[place], task.shots or 0)
        return await self.work(originq_run.SIMULATE, originq_run.encode(task), memory=memory)

    def fixed_outcome(self, job: Job, place: int) -> bytes:
        assert isinstance(job, OriginqTask)
        task = job.circuits[place]
        wide = len(originq_run.bits(job.programs[place])) if task.shots else len(task.qubits)
        return _fixed(self.pattern, wide, task.shots, task.amplitudes)

    # --- refusals, and what goes wrong --------------------------------------------------------
    def credential(self, request: Request) -> str | None:
        """The key behind `oqcs_auth=`."""
        shown = request.headers.get("authorization", "")
        return shown.removeprefix(_SCHEME) if shown.startswith(_SCHEME) else None

    def unauthorized(self, request: Request) -> Response:  # noqa: ARG002 - whatever was shown, one answer
        return replies.json(self.said(UNAUTHORIZED, "Unauthorized"), UNAUTHORIZED if self.http_401 else 200)

    def said(self, code: int, message: str) -> dict[str, Any]:
        return {"success": False, "code": code, "message": message, "obj": None}

    def unknown_job(self, fault: Fault, request: Request) -> Response:  # noqa: ARG002 - the cloud says it in one way
        return replies.json(self.said(NO_RESOURCE, "task resource is null"))

    def reworded(self, reply: Response, word: str) -> Response:
        document = msgspec.json.decode(reply.body)
        if isinstance(document.get("obj"), dict) and "taskState" in document["obj"]:
            document["obj"]["taskState"] = word
            return replies.json(document)
        return reply


def _check_headers(request: Request, operation: str) -> None:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Refusal("the content type is application/json")
    if operation != "submit" and request.headers.get("task_mode") != "0":
        raise Refusal("task_mode is 0 in all requests but a submission")


def _good(obj: Any) -> Response:
    return replies.json({"success": True, "code": 10000, "message": "ok", "obj": obj})


@functools.lru_cache(maxsize=64)
def _fixed(pattern: str, wide: int, shots: int | None, amplitudes: tuple[str, ...]) -> bytes:
    key = (pattern * max(wide, 1))[:wide][::-1]
    if shots is not None:
        return originq_run.encode(originq_run.Outcome(counts={key: shots}, bits=wide))
    if amplitudes:
        zeros = {one: (float(int(one) == 0), 0.0) for one in amplitudes}
        return originq_run.encode(originq_run.Outcome(amplitudes=zeros))
    return originq_run.encode(originq_run.Outcome(probabilities={key: 1.0}, bits=wide))
