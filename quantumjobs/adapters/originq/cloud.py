"""The I/O half: the service's requests about backends and tasks."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from quantumjobs.abc import Accepted, Answer, CancelReply, Gone, Raw, Remote, Sending, Status, Unreadable
from quantumjobs.adapters.originq.messages import (
    MAINTENANCE,
    NO_RESOURCE,
    STATES,
    WORDS,
    About,
    Chip,
    Envelope,
    Submitted,
    Task,
    json,
    newest,
    number,
)
from quantumjobs.adapters.originq.options import SIMULATORS
from quantumjobs.adapters.originq.replies import opened, reason, refused
from quantumjobs.adapters.originq.schemas import BODY, TASK
from quantumjobs.core.states import JobState
from quantumjobs.errors import ProviderProtocolError, ProviderUnavailable
from quantumjobs.wire import Reply, Wire, check, decode, shown

API = "/oqcs/task"
LANGUAGE = {"origin-language": "en"}
"""With every request: messages in English."""
_CHIP = 5
_LISTED: Any = list[dict[str, Any]] | Envelope
"""Bare, as pyqpanda3 takes it, or in the envelope in which refusals come."""
_NAMES = ("chipName", "chipId", "chipID", "ChipID", "backendName", "resourceName", "machineName", "name")
"""Where a resource's name may be: nobody has published the list's form."""
_NAME = re.compile(r"[A-Za-z0-9][\w.:+-]{0,99}", re.ASCII)
_SUCCESS = frozenset({"", "ok", "success", "successful"})
"""Messages of a reply that say nothing of why a task failed."""


class CloudAdapter:
    """One account."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    # --- what there is ----------------------------------------------------------------------
    async def describe(self, backend: str) -> bytes:
        """`messages.About` as JSON. One request for `<chip>`; none for `<chip>/...` and for simulators."""
        name, _, unasked = backend.partition("/")
        if unasked or name in SIMULATORS:
            return json(About(name))
        what = f"the question about chip {name!r}"
        told = opened(await self._ask(f"{API}/origin/chipInfo.json", {"ChipID": name}), what)
        if not told.success:
            raise refused(told, what)
        return json(About(name, _obj(told, Chip, "the chip's information")))

    async def backends(self) -> Sequence[str]:
        """The simulators, and every chip that the service lists, whether it is online or not."""
        reply = await self._wire.get(f"{API}/getResourceList.json")
        what = "the question about resources"
        check(reply, provider="originq", what=what, explain=lambda _: "")
        listed = decode(reply.body, _LISTED, provider="originq", what="the list of resources")
        if isinstance(listed, Envelope):
            if not listed.success:
                raise refused(listed, what)
            listed = _obj(listed, list[dict[str, Any]], "the list of resources")
        chips = (_named(one) for one in listed if one.get("machineType") == _CHIP)
        return [*SIMULATORS, *dict.fromkeys(name for name in chips if name)]

    # --- a task -----------------------------------------------------------------------------
    async def submit(self, sending: Sending) -> Accepted:
        """One POST. OriginQ has no key that would make a second one harmless, and no way to find a task."""
        headers = {"task_mode": sending.details.get("mode", "1")}
        reply = await self._wire.submit(f"{API}/origin/submit.json", sending.payload, headers=headers)
        told = opened(reply, "the submit", taken=True)
        if not told.success:
            error = refused(told, "the submit")
            error.stale_description = sending.details.get("placed") == "1"
            raise error
        task = _obj(told, Submitted, "the answer to the submit").task_id
        if not task.strip() or not task.isprintable():
            raise ProviderProtocolError("originq: the answer to the submit has no task id", provider="originq")
        return Accepted(remote_id=task)

    async def poll(self, jobs: Sequence[Remote]) -> Mapping[str, Answer]:
        """One POST a job."""
        return {job.id: await self._look(job) for job in jobs}

    async def _look(self, job: Remote) -> Answer:
        """An answer that is no success is no word on the task: maintenance, say, which passes."""
        body: dict[str, Any] = {"taskId": job.id}
        if job.details.get("keys"):
            body["keys"] = job.details["keys"].split(",")
        reply = await self._ask(f"{API}/origin/taskDetail.json", body)
        told = opened(reply, "the look")
        if not told.success:
            if number(told.code) == NO_RESOURCE:
                return Gone(reason(told))
            raise ProviderUnavailable(
                f"originq: the look was refused: {reason(told) or 'no reason given'}", provider="originq", sent=False
            )
        try:
            task = newest(_obj(told, Task, "the answer about the task"))
        except ProviderProtocolError as error:
            return Unreadable(str(error))
        if task.task_id is not None and task.task_id.casefold() != job.id.casefold():
            return Unreadable(f"originq: asked about task {job.id}, and was told about {shown(task.task_id)}")
        code = number(task.task_state)
        if not code:
            return Unreadable("originq: the answer about the task has no taskState")
        return _status(code, task, told, reply)

    async def cancel(self, job: Remote) -> CancelReply:
        """A yes says that it was accepted; a no does not say why, and only a look can tell whether it came too late."""
        told = opened(await self._ask(f"{API}/cancelTask.json", {"taskId": job.id}), "the cancel")
        if told.success:
            return CancelReply.ACCEPTED
        if number(told.code) == MAINTENANCE:
            raise ProviderUnavailable(f"originq: the cancel: {reason(told)}", provider="originq", sent=False)
        answer = await self._look(job)
        over = isinstance(answer, Status) and answer.state is not None and answer.state.is_terminal
        return CancelReply.TOO_LATE if over or isinstance(answer, Gone) else CancelReply.REFUSED

    async def drop_connections(self) -> None:
        """After a suspend they are dead."""
        await self._wire.drop_connections()

    async def _ask(self, path: str, body: Mapping[str, Any]) -> Reply:
        """Questions are POSTs here, and may be repeated."""
        return await self._wire.request("POST", path, json(body), headers={"task_mode": "0"})


def _obj(told: Envelope, kind: Any, what: str) -> Any:
    """What is in the envelope. Raises `ProviderProtocolError` where it is not there, or something else."""
    body = bytes(told.obj)
    if body in {b"", b"null"}:
        raise ProviderProtocolError(f"originq: {what} says success, and has no obj", provider="originq")
    return decode(body, kind, provider="originq", what=what)


def _named(resource: Mapping[str, Any]) -> str | None:
    found = [resource.get(name) for name in _NAMES] + list(resource.values())
    return next((one for one in found if isinstance(one, str) and _NAME.fullmatch(one)), None)


def _status(code: str, task: Task, told: Envelope, reply: Reply) -> Status:
    state = STATES.get(code)
    word = WORDS.get(code, code)
    has_result = task.task_result is not None or task.prob_count is not None
    return Status(
        state=state,
        raw_status=word,
        reason=_why(code, task, told) if state is JobState.FAILED else "",
        # Status and result are one reply, and nothing is asked twice.
        result=Raw(TASK, {BODY: reply.body}) if state is not None and state.is_terminal and has_result else None,
    )


def _why(code: str, task: Task, told: Envelope) -> str:
    """The task's own words; those of a successful question ("ok") are none."""
    own = [shown(words) for words in (task.error_message, task.error_detail) if words and words.strip()]
    if own:
        return ": ".join(dict.fromkeys(own))
    envelope = shown(told.message or "")
    return WORDS.get(code, f"state {code}") if envelope.casefold() in _SUCCESS else envelope
