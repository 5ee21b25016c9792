"""Longer texts of the command line: what `--help` shows. Light, so that help comes at once."""

from __future__ import annotations

from quantumjobs.cli.exits import MEANINGS

_CODES = "\n".join(f"  {code.value:>3}  {meaning}" for code, meaning in MEANINGS.items())

SCHEMA = """\
  {"schema": 1, "quantumjobs": VERSION, "exit_code": N,
   "jobs": [for each FILE, in order:
     {"file", "backend", "job": ID, "remote_id", "state", "shots", "seed",
      "circuits": [for each circuit that was run:
        {"name", "shots", "seed", "counts": {OUTCOME: N}, "memory": [OUTCOME],
         "data": [NAME], "error": TEXT}],
      "error": {"type", "message", "hint"}}],
   "error": {"type", "message", "hint"} of what concerns no single file}
  Every key is always there; null is what is unknown or not the case."""

RUN = f"""Run circuits, and print how often each outcome was measured.

Each FILE (.qasm or .qpy; - is OpenQASM on standard input) is a job of its own. The jobs run at the same time and are
printed in the order given. Ctrl-C and --timeout cancel local simulations; jobs at a provider go on, and their ids are
printed.

Errors go to standard error, a line each. When one job fails, the others are printed all the same.

\b
Exit codes:
{_CODES}

\b
The document of --json:
{SCHEMA}
"""

BACKENDS = """List the backends of all providers that are set up here, as --backend takes them.

\b
The document of --json:
  {"schema": 1, "quantumjobs": VERSION, "exit_code": N, "backends": [ADDRESS],
   "error": {"type", "message", "hint"} or null}
"""

EMULATE = """Be a vendor's cloud on this machine, up to Ctrl-C: the vendor's protocol, and circuits that really run.

VENDOR is aqt, braket, iqm, originq, or generic: a job service of no vendor, which runs nothing and counts what it was sent. No account is needed, nothing leaves this machine, and any token is let in. Braket's runs hybrid jobs, too: their entry points are programs that run with your rights. When the emulator is ready,
one line on standard output says so: listening on http://127.0.0.1:8801

\b
Under that address:
  GET /_emulator/stats      what was asked for, and how many jobs there are
  POST /_emulator/faults    begin another script of faults
  POST /_emulator/token     {"token": TEXT}: let in this one only; DELETE: it has expired
  POST /_emulator/device    {"user_code": TEXT, "allow": true}: what a user says to a device flow (aqt)

AQT's emulator is a device with direct access and an OIDC issuer too, all under the one address. IQM's has the quantum computers garnet (20 qubits), emerald (54), deneb (6 and a resonator), line and adonis (5). OriginQ's has its three simulators and the chips WK_C180 (12 qubits) and PQPUMESH8 (7). Braket's has the simulators SV1 and DM1, the QPUs Garnet (20 qubits) and Forte-1 (36), S3 and STS; its --token is ACCESS_KEY:SECRET_KEY.

Needs the extra 'emulators'.
"""
