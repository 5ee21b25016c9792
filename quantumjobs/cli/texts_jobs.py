"""Longer texts of the commands about jobs: what their `--help` shows. Light, so that help comes at once."""

from __future__ import annotations

_DOCUMENT = """\
\b
The document of --json; every key is always there, and null is what is unknown or not the case:
  {"schema": 1, "quantumjobs": VERSION, "exit_code": N,"""
_ERROR = '"error": {"type", "message", "hint"} or null}'
_JOB = """\
     {"job": ID, "name", "tags": [TAG], "key", "backend", "provider", "state", "raw_status",
      "progress": {"done", "total"}, "queue_position", "eta", "created_at", "changed_at",
      "remote_ids": [ID], "error": {"type", "message", "hint"}"""
_DETAILS = f"""\
{_JOB},
      "options": {{NAME: VALUE}}, "token", "timeline": {{STATE: TIME}},
      "story": [{{"at", "event", "before", "after", "note"}}],
      "parts": [{{"token", "lane", "backend", "state", "circuits", "attempts", "sent_at", "accepted_at",
        "remote_id", "extra_ids": [ID], "raw_status", "reason", "trouble", "cancel_wanted",
        "has_result", "result_kept", "result_gone"}}],
      "decide": [COMMAND]}}"""


def _document(content: str) -> str:
    return f"{_DOCUMENT}\n{content}\n   {_ERROR}"


_ONE_JOB = _document(f'   "job":\n{_DETAILS} or null,')
_JOBS = _document(f'   "jobs": [for each job\n{_JOB}}}],')
_GONE = _document(f'   "jobs": [for each that goes\n{_JOB}}}],\n   "bytes": N, "dry_run": BOOL,')
_CAME = _document(f'   "file": PATH,\n   "jobs": [for each job of the file\n{_JOB}, "already": BOOL}}],')
_WRITTEN = _document('   "file": PATH, "jobs": N,')
_CANCELS = _document('   "jobs": [{"job": ID, "outcome": WORD, "state", "error": {"type", "message", "hint"}}],')
_FOUND = _document("""\
   "doubts": [{"job", "name", "backend", "lane", "token", "sent_at", "attempts", "reason", "check",
     "needs_you", "decide": [COMMAND]}],
   "elsewhere": [{"job", "state", "why"}],
   "ledger": {"path", "sqlite_version", "journal_mode", "schema_version", "read_only", "file_mode",
     "directory_mode", "network_file_system", "integrity", "owners_alive", "owners_dead",
     "file_size", "bodies_size"},
   "warnings": [TEXT], "notes": [TEXT],""")

JOBS = f"""List the jobs of the ledger, newest first.

These are the jobs of every program that used this ledger, also of 'quantumjobs run'. No provider is asked: what is shown
is what the ledger knows. 'quantumjobs watch' follows the jobs.

{_JOBS}
"""

SHOW = f"""Show everything about one job: where it is and was, what went wrong, and what there is to do.

No provider is asked.

{_ONE_JOB}
"""

RESULT = """Wait for a job that is there already, and print how often each outcome was measured.

Where nobody follows the job, it is followed from here: the provider is asked, and a local simulation whose program has
ended is run again. Ctrl-C and --timeout end the wait; a job at a provider goes on.

Exit codes, and the document of --json, are those of 'quantumjobs run'; "file" is the job's name.
"""

CANCEL = f"""Ask for the end of jobs.

The exit code is 0 when every one is cancelled or asked to stop, 1 when it was too late or the provider does not do it, and
3 when there is no answer yet (the wish is kept). A job that another program follows is cancelled by that program.

{_CANCELS}
"""

WATCH = f"""Follow jobs until they are over, and print each as it ends. Without an ID: all jobs that go on.

Ctrl-C and --timeout only end the watching. (One exception: a local simulation whose program has ended is run again here,
and ends with this command.) The exit code is that of 'quantumjobs run'.

{_JOBS}
"""

DOCTOR = f"""Look for what needs your attention: jobs in doubt, jobs of accounts that are not set up here, and the ledger's file.

Every job that the provider may or may not have taken is listed with what to check there (origin, account, when it was
sent, how often, the token that was sent along), and with the commands that decide. No provider is asked, and nothing is
changed.

The exit code is 4 when a job needs your decision, 3 when a job cannot be followed here or the ledger's file is not as it
should be, else 0.

{_FOUND}
"""

ADOPT = f"""Decide about a job in doubt: it is at the provider, under this id. It is followed from now on.

{_ONE_JOB}
"""

RESUBMIT = f"""Decide about a job in doubt: you have looked, and it is not at the provider. It is sent once more.

If the provider has it after all, it runs twice, and may be paid for twice. Waits until the provider has taken it; after
--timeout the job stays in the ledger, and whoever follows it sends it.

{_ONE_JOB}
"""

ABANDON = f"""Decide about a job in doubt: give it up. Nothing is sent, and it ends as lost.

{_ONE_JOB}
"""

GC = f"""Forget jobs that finished long ago, with their circuits and results.

Jobs that go on, are in doubt, or have a result that is not fetched yet are never forgotten.

{_GONE}
"""

EXPORT = f"""Write jobs, with their circuits and results, into one file. Without an ID: all jobs.

The file has no secret in it, and 'quantumjobs import' reads it, on this host or another.

{_WRITTEN}
"""

IMPORT = f"""Take the jobs of a file into the ledger. Those that it holds already stay as they are.

A file can be anybody's: what was pickled in it (a few circuits of the local simulator need that) is never loaded or run.

{_CAME}
"""
