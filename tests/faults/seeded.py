"""Mistakes that must not go unnoticed: each a text of the library, what it becomes, and the tests that must fail then."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PATIENCE = 400.0
"""Seconds for the tests of one fault."""

_ENGINE = (
    "tests/engine/test_submitting.py",
    "tests/engine/test_doubts.py",
    "tests/engine/test_sharing.py",
    "tests/engine/test_ownership_races.py",
)
_MACHINE = "tests/engine/test_machine.py"
_ORDER = ("tests/engine/test_succession.py",)
_DIRECT = ("tests/adapters/aqt/test_direct.py",)
_FILES = "tests/ledgers/test_sqlite_files.py"


@dataclass(frozen=True)
class Seeded:
    """`text` stands once in `file`; `becomes` is the mistake."""

    name: str
    file: str
    text: str
    becomes: str
    tests: tuple[str, ...]


FAULTS = (
    Seeded(
        "the intent is written while it is sent already",
        "engine/intents.py",
        "await engine.ledger.commit([Change(record=record) for record in new], handles=(handle,), blobs=blobs)",
        "engine.spawn(engine.ledger.commit([Change(record=record) for record in new], handles=(handle,), blobs=blobs))",
        (*_ENGINE, _MACHINE),
    ),
    Seeded(
        "what nobody can know is sent again",
        "engine/sender.py",
        "        job.undecided = True\n        for handle",
        "        await engine.apply(job, SubmitDeferred(at=engine.wall(), reason='again'))\n        for handle",
        _ENGINE,
    ),
    Seeded(
        "a request that may have arrived counts as not sent",
        "engine/sender.py",
        "outcome = SubmitInDoubt if error.sent else SubmitDeferred",
        "outcome = SubmitDeferred",
        _ENGINE,
    ),
    Seeded(
        "garbage for an answer counts as not taken",
        "engine/sender.py",
        "            await engine.apply(job, SubmitInDoubt(at=now(), reason=str(error)))\n        else:",
        "            await engine.apply(job, SubmitDeferred(at=now(), reason=str(error)))\n        else:",
        _ENGINE,
    ),
    Seeded(
        "a search that finds nothing at once is a proof",
        "engine/sender.py",
        "if found is not None and isinstance(how, Findable) and",
        "if found is not None and isinstance(how, Findable) or",
        _ENGINE,
    ),
    Seeded(
        "of several that a search finds, one is remembered",
        "engine/sender.py",
        "for more in found[1:]:",
        "for more in found[:0]:",
        _ENGINE,
    ),
    Seeded(
        "the same bytes are sent again past the provider's window",
        "engine/sender.py",
        "until = (job.record.sent_at or job.record.created_at) + window",
        "until = engine.wall() + window",
        (*_ENGINE, _MACHINE),
    ),
    Seeded(
        "a submit that could not be written down is sent",
        "engine/keeping.py",
        "_WISHES = (SubmitStarted, ",
        "_WISHES = (",
        ("tests/engine/test_durable.py",),
    ),
    Seeded(
        "what the ledger could not keep is forgotten",
        "engine/keeping.py",
        "            job.unsaved, job.unsaved_blobs = changes, blobs\n            _tell",
        "            _tell",
        ("tests/engine/test_unsure_commits.py",),
    ),
    Seeded(
        "an event is written before its result",
        "engine/keeping.py",
        "            await self._engine.ledger.commit(changes, blobs=blobs)",
        "            await self._engine.ledger.commit(changes); await self._engine.ledger.commit((), blobs=blobs)",
        ("tests/engine/test_durable.py",),
    ),
    Seeded(
        "it is published before it is durable",
        "engine/engine.py",
        "                    await self.keeping.write(job, Change(record=new, event=event), blobs)",
        "                    job.record = new; await self.keeping.write(job, Change(record=new, event=event), blobs)",
        ("tests/engine/test_durable.py",),
    ),
    Seeded(
        "a former owner goes on as if it were one",
        "engine/engine.py",
        "if not job.ours and isinstance(event, _OWNERS):",
        "if not job and isinstance(event, _OWNERS):",
        (*_ENGINE, _MACHINE),
    ),
    Seeded(
        "a job found while it was sent is no doubt",
        "engine/sharing.py",
        "    if record.state is S.SUBMITTING:",
        "    if record.state is S.RUNNING:",
        _ENGINE,
    ),
    Seeded(
        "a take-over does not raise the fence",
        "engine/sharing.py",
        "TakenOver(at=at, fence=record.fence + 1)",
        "TakenOver(at=at, fence=record.fence)",
        _ENGINE,
    ),
    Seeded(
        "nobody looks for the dead after the start",
        "engine/sharing.py",
        "                    if self._everything or self._engine.has_foreign:",
        "                    if not self._everything:",
        _ENGINE,
    ),
    Seeded(
        "who was taken over from goes on looking and sending",
        "engine/sharing.py",
        "        if record.fence > old.fence and job.ours:",
        "        if record.fence < old.fence and job.ours:",
        (*_ENGINE, _MACHINE),
    ),
    Seeded(
        "jobs of another account are followed",
        "engine/finder.py",
        "            if here != record.lane:",
        "            if not here:",
        ("tests/engine/test_lifecycle.py", *_ENGINE, "tests/engine/test_portable.py"),
    ),
    Seeded(
        "a key is not looked up",
        "engine/engine.py",
        "            held = await self.intents.held(key, intent)\n            if held is not None:\n                return held, False\n        prepared",
        "            held = None\n            if held is not None:\n                return held, False\n        prepared",
        _ENGINE,
    ),
    Seeded(
        "a job that another run of its key found is taken for another client's",
        "engine/engine.py",
        "            job.ours = True  # just made here",
        "            pass  # just made here",
        ("tests/engine/test_slow_ledger.py",),
    ),
    Seeded(
        "the window of a resend is not looked at last",
        "engine/sender.py",
        "if now() >= until:",
        "if False:",
        ("tests/engine/test_slow_ledger.py",),
    ),
    Seeded(
        "a resend does not ask whether it is still in doubt",
        "engine/sender.py",
        "sent = await self._started(job, DOUBTFUL)",
        "sent = await self._started(job, frozenset(JobState))",
        (*_ENGINE, _MACHINE),
    ),
    Seeded(
        "one answer that a job is not there means that it is lost",
        "core/machine.py",
        "    return record.gone_count + 1 >= traits.gone_after and",
        "    return record.gone_count + 1 >= traits.gone_after or",
        ("tests/engine/test_looking.py", "tests/core/test_laws.py"),
    ),
    Seeded(
        "a local simulation runs again for ever",
        "core/machine.py",
        "return S.CREATED if record.attempts < traits.submit.attempts else S.FAILED",
        "return S.CREATED",
        ("tests/core/test_laws.py", "tests/engine/test_lifecycle.py", *_ENGINE, _MACHINE),
    ),
    Seeded(
        "a ledger in memory takes any version",
        "ledgers/memory.py",
        "if record.version != held.version + 1:",
        "if record.version < 0:",
        ("tests/ledgers/test_memory.py",),
    ),
    # --- the file -------------------------------------------------------------------------
    Seeded(
        "the file takes any version",
        "ledgers/sqlite/group.py",
        "if record.version != version + 1:",
        "if record.version < 0:",
        ("tests/ledgers/test_sqlite_rules.py",),
    ),
    Seeded(
        "the file takes an older fence",
        "ledgers/sqlite/group.py",
        "if record.fence < fence:",
        "if record.fence < 0:",
        ("tests/ledgers/test_sqlite_rules.py",),
    ),
    Seeded(
        "SQLite does not wait for the disk",
        "ledgers/sqlite/connection.py",
        "PRAGMA synchronous = {'FULL' if in_use == 'wal' else 'EXTRA'}",
        "PRAGMA synchronous = OFF",
        (_FILES,),
    ),
    Seeded(
        "a body's file is not synced",
        "ledgers/sqlite/bodies.py",
        "            sync_file(descriptor)\n",
        "",
        (_FILES, "tests/faults/test_syncs.py"),
    ),
    Seeded(
        "a body's name is not synced",
        "ledgers/sqlite/bodies.py",
        "            self._directory(directory)\n            sync_directory(directory)",
        "            self._directory(directory)",
        (_FILES, "tests/faults/test_syncs.py"),
    ),
    Seeded(
        "an owner whose lock is free counts as alive",
        "ledgers/sqlite/owners.py",
        "        return not _lock(descriptor, shared=True)",
        "        return True",
        ("tests/ledgers/test_sqlite_rules.py", "tests/ledgers/test_sqlite_processes.py"),
    ),
    Seeded(
        "parts in order do not wait for each other",
        "engine/succession.py",
        "        if before is not None and not before.terminal:",
        "        if before is not None and not before.terminal and not before:",
        (*_ORDER, _MACHINE),
    ),
    Seeded(
        "what stands behind a failed part is sent all the same",
        "engine/succession.py",
        "before.state is S.COMPLETED or job.record.after_failure",
        "before.terminal",
        _ORDER,
    ),
    Seeded(
        "a full disk leaves a part in order behind",
        "engine/succession.py",
        "            except LedgerError as error:",
        "            except ZeroDivisionError as error:",
        _ORDER,
    ),
    Seeded(
        "a retry forgets the order",
        "engine/intents.py",
        'after=new[-1].id if in_order and new else "",',
        'after="",',
        _ORDER,
    ),
    Seeded(
        "a look that holds is never asked anew",
        "wire/wire.py",
        "anyio.move_on_after(self._deadlines.hold)",
        "anyio.move_on_after(None)",
        ("tests/wire/test_wire.py",),
    ),
    Seeded(
        "an address alone says where a token goes",
        "adapters/aqt/provider.py",
        "url = self._settings.direct.get(host.lower())",
        'url = self._settings.direct.get(host.lower()) or f"http://{host}"',
        _DIRECT,
    ),
    Seeded(
        "a busy server counts as one that may have taken the job",
        "wire/replies.py",
        "taken=taken and not not_now,",
        "taken=taken,",
        ("tests/adapters/aqt/test_matrix.py",),
    ),
    Seeded(
        "a refused cancel page passes for a yes",
        "adapters/aqt/cloud.py",
        "status not in _CANCELLED:",
        "status not in range(200, 300):",
        ("tests/adapters/aqt/test_matrix.py",),
    ),
    Seeded(
        "a refresh token is used without the lock",
        "adapters/aqt/kept.py",
        "            if now.refresh is None or self._is_good(now, fresh) or not self._can_renew(now):",
        "            if now.refresh is None:",
        ("tests/adapters/aqt/test_sign_in_kept.py", "tests/adapters/aqt/test_sign_in_processes.py"),
    ),
    Seeded(
        "the word false means true",
        "adapters/aqt/configured.py",
        "        return word in _ON",
        "        return bool(word)",
        ("tests/adapters/aqt/test_sign_in_flaws.py",),
    ),
    Seeded(
        "a fork does not wait for a transaction",
        "ledgers/sqlite/forks.py",
        "self.changed.wait_for(lambda: not self.inside, PATIENCE)",
        "pass",
        ("tests/ledgers/test_sqlite_processes.py",),
    ),
    Seeded(
        "somebody else's page is kept as a result",
        "adapters/iqm/server.py",
        '    decode(body, form, provider="iqm", what="the result")\n',
        "",
        ("tests/adapters/iqm/test_matrix.py",),
    ),
    Seeded(
        "a cancel that comes too late counts as refused",
        "adapters/iqm/server.py",
        "explained(reply.body).error_code == TOO_LATE",
        "explained(reply.body).error_code is None",
        ("tests/adapters/iqm/test_server.py",),
    ),
    Seeded(
        "a turn about z is not kept for the next gate",
        "adapters/iqm/merge.py",
        "            self._waiting[qubit] = turns.rz(last)",
        "            self._waiting[qubit] = NONE",
        ("tests/adapters/iqm/test_native.py",),
    ),
    Seeded(
        "a changed tokens file is not seen",
        "wire/credentials.py",
        "if self._changed is not None and self._changed():",
        "if False:",
        ("tests/adapters/iqm/test_tokens_file.py",),
    ),
    Seeded(
        "a description is used for ever",
        "engine/lane.py",
        "if asyncio.get_running_loop().time() < until:",
        "if until:",
        ("tests/engine/test_described.py",),
    ),
    Seeded(
        "one program of a circuit alone is not gathered",
        "engine/reading.py",
        "    if not shares or not isinstance(codec, Gathers):",
        "    if shares <= 1 or not isinstance(codec, Gathers):",
        ("tests/engine/test_shares.py",),
    ),
    Seeded(
        "a state that nobody knows is a failure",
        "adapters/originq/cloud.py",
        "state = STATES.get(code)",
        "state = STATES.get(code, JobState.FAILED)",
        ("tests/adapters/originq/test_cloud.py",),
    ),
    Seeded(
        "a key goes over http to anybody",
        "adapters/originq/settings.py",
        'url=checked(url, what="originq: url", allow_http=checks.hosts(settings, where="originq")),',
        "url=url,",
        ("tests/adapters/originq/test_settings.py",),
    ),
    Seeded(
        "a gate that differs by a phase stands inside a control",
        "adapters/originq/originir.py",
        """    "h": "H", "x": "X",""",
        """    "h": "H", "sx": "X1", "x": "X",""",
        ("tests/adapters/originq/test_originir.py",),
    ),
    Seeded(
        "counts are made of probabilities without saying so",
        "adapters/originq/bits.py",
        '{**facts["metadata"], "counts_derived": True}',
        'facts["metadata"]',
        ("tests/adapters/originq/test_bits.py",),
    ),
    Seeded(
        "a key that is refused in the body of a 200 is let pass",
        "wire/wire.py",
        "return reply.status == 401 or (self._denies is not None and self._denies(reply))",
        "return reply.status == 401",
        ("tests/adapters/originq/test_cloud.py", "tests/wire/test_wire.py"),
    ),
    Seeded(
        "each attempt at a submit has a key of its own",
        "adapters/braket/cloud.py",
        'body["clientToken"] = sending.token',
        'body["clientToken"] = f"{sending.token}-{sending.attempt}"',
        ("tests/adapters/braket/test_killed.py",),
    ),
    Seeded(
        "a task is found by a part of its token",
        "adapters/braket/cloud.py",
        '.find(f"/{directory}/") >= 0',
        ".find(directory) >= 0",
        ("tests/adapters/braket/test_cloud.py",),
    ),
    Seeded(
        "a submit that was throttled counts as taken",
        "adapters/braket/replies.py",
        "sent=taken and code in PASSING,",
        "sent=taken,",
        ("tests/adapters/braket/test_cloud.py",),
    ),
    Seeded(
        "the service's clock is not learnt",
        "adapters/braket/connections.py",
        "mistimed=signer.mistimed,",
        "mistimed=None,",
        ("tests/adapters/braket/test_cloud.py",),
    ),
    Seeded(
        "a program set has the shots of one program",
        "adapters/braket/codec.py",
        '"shots": shots * len(group),',
        '"shots": shots,',
        ("tests/adapters/braket/test_codec.py",),
    ),
    Seeded(
        "a part of a result is fetched from where the service says",
        "adapters/braket/storage.py",
        " or whole.s3_location[0] != bucket:",
        ":",
        ("tests/adapters/braket/test_storage.py",),
    ),
    Seeded(
        "whatever S3 gives is a result",
        "adapters/braket/storage.py",
        "    if not is_one:",
        "    if False:",
        ("tests/adapters/braket/test_storage.py",),
    ),
    Seeded(
        "results go wherever a prefix leads",
        "adapters/braket/options.py",
        ' or any(not step.strip(".") for step in text.split("/")):',
        ":",
        ("tests/adapters/braket/test_options.py",),
    ),
)


@dataclass(frozen=True)
class Found:
    """What the tests said: some failed, all passed, or neither, where they could not run."""

    failed: bool
    passed: bool
    first: str
    output: str


def seed(fault: Seeded | None, place: Path) -> Path:
    """A copy of the library with that mistake, if any, and of the tests. Raises `AssertionError` where the text is not there once."""
    for name in ("quantumjobs", "tests"):
        shutil.copytree(ROOT / name, place / name, ignore=shutil.ignore_patterns("__pycache__", ".hypothesis"))
    shutil.copy(ROOT / "pyproject.toml", place)
    if fault is None:
        return place
    target = place / "quantumjobs" / fault.file
    text = target.read_text()
    assert text.count(fault.text) == 1, f"{fault.name}: its text stands {text.count(fault.text)} times in {fault.file}"
    target.write_text(text.replace(fault.text, fault.becomes))
    return place


def run(place: Path, tests: tuple[str, ...]) -> Found:
    """The tests against that copy."""
    environment = os.environ | {"PYTHONPATH": str(place), "PYTHONDONTWRITEBYTECODE": "1", "FAULT_SEEDED": "1"}
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-W", "ignore", "--tb=no", *tests]
    check = "import quantumjobs, sys; sys.exit(not quantumjobs.__file__.startswith(sys.argv[1]))"
    subprocess.run([sys.executable, "-c", check, str(place)], cwd=place, env=environment, check=True)
    try:
        done = subprocess.run(
            command, cwd=place, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        return Found(failed=True, passed=False, first="(they did not end)", output="")
    first = next((line.split(" - ")[0] for line in done.stdout.splitlines() if line.startswith("FAILED")), "")
    # 1: tests failed; anything else (2: they could not be collected, 4, 5) would prove nothing
    failed = done.returncode == 1 and bool(first)
    passed = done.returncode == 0
    return Found(failed=failed, passed=passed, first=first.removeprefix("FAILED "), output=done.stdout[-2000:])
