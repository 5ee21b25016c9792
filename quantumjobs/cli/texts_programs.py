"""Longer texts of the commands about hybrid jobs: what their `--help` shows. Light, so that help comes at once."""

from __future__ import annotations

_DOCUMENT = """\
\b
The document of --json; every key is always there, and null is what is unknown or not the case:
  {"schema": 1, "quantumjobs": VERSION, "exit_code": N, "job": ID,"""
_ERROR = '   "error": {"type", "message", "hint"} or null}'

LOGS = f"""Print what a hybrid job has written, in the order of time; on a terminal in a colour for each of its instances.

With --follow the command ends with the job, and its exit code tells how, as for 'quantumjobs watch'. Ctrl-C and --timeout
end the reading, never the job. Sequences that would command a terminal are written out, but for colours. With --json
everything is printed at the end, as it was written.

{_DOCUMENT}
   "state": STATE, "lines": [{{"at": SECONDS since 1970, "stream", "index", "message"}}],
{_ERROR}
"""

METRICS = f"""Print what a hybrid job has reported so far, as a table in ascending order.

A job reports by lines such as 'Metrics - timestamp=1767225600.5; loss=0.25; iteration_number=3;' in its log. A row is of
one node and one value of --by; what reports none is left out.

{_DOCUMENT}
   "columns": {{NAME: [for each row: N, or TEXT of a node and of nan, inf, -inf, or null]}},
{_ERROR}
"""

DOWNLOAD = f"""Wait for a hybrid job, and unpack the files that it has saved into a new folder, which is called as the job is.

Files that would end outside that folder, links, devices and endless archives are refused, and then nothing is kept.
Ctrl-C and --timeout end the wait and the download, never the job. The exit code is that of 'quantumjobs run'.

{_DOCUMENT}
   "folder": PATH or null,
{_ERROR}
"""
