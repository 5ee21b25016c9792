"""Longer texts of the commands about signing in: what their `--help` shows. Light, so that help comes at once."""

from __future__ import annotations

_DOCUMENT = """\
\b
The document of --json; every key is always there, and null is what is unknown or not the case:
  {"schema": 1, "quantumjobs": VERSION, "exit_code": N,"""
_ERROR = '"error": {"type", "message", "hint"} or null}'
_IDENTITY = """\
     {"provider", "origin", "subject", "until": TIME, "accepted": BOOL, "reason", "workspaces": [NAME],
      "stored": [PATH], "notes": [TEXT]}"""

LOGIN = f"""Sign in at a provider, such as aqt or aqt:lab2.

Where a program's credentials are set up (client id and secret), they are tried. Else a link and a code are shown: open the
link, on any machine, and confirm the code. What comes of it is kept in files of yours, which the provider's own tools
use, too; nothing secret is ever printed. Ctrl-C leaves everything as it was. Jobs that wait for a credential, in whichever
program, go on soon after.

{_DOCUMENT}
   "identity":
{_IDENTITY} or null,
   {_ERROR}
"""

LOGOUT = f"""Remove the sign-in that is kept for a provider. Environment variables and settings stay, and are named.

{_DOCUMENT}
   "provider", "removed": [PATH], "left": [TEXT],
   {_ERROR}
"""

WHOAMI = f"""Show which credential is used, where it was found, until when it is good, and whether the provider takes it.

Without a PROVIDER: all that are set up. The credential itself is never shown. The exit code is 3 where one is missing, is
refused, or could not be checked.

{_DOCUMENT}
   "identities": [for each
{_IDENTITY}],
   {_ERROR}
"""
