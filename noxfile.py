"""The one door to every check: `nox -l` lists them, `nox -s tests` runs one.

Environments are made from the hash-pinned files in requirements/ (`nox -s pins` writes them), then the project is
installed into them without its dependencies.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tomllib
from pathlib import Path

import nox

nox.needs_version = ">=2025.5.1"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.sessions = ["lint", "typing", "generate", "docs", "tests"]
nox.options.error_on_external_run = True

ROOT = Path(__file__).parent
PINS = ROOT / "requirements"
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PYTHONS = [
    version
    for line in PYPROJECT["project"]["classifiers"]
    if (version := line.removeprefix("Programming Language :: Python :: ")).startswith("3.")
]
OLDEST = PYTHONS[0]
# Whose published client, pinned in requirements/oracle-<vendor>.txt, we are compared with.
VENDORS = ("aqt", "aqt2", "braket", "iqm", "originq")
BASELINES = ("dbos",)  # what else benchmarks/oracle_*.py compare with, likewise pinned; no test needs it
SPREAD = ("-n", "auto", "--dist", "worksteal")  # over all cores

# What each file in requirements/ is compiled from: arguments of `uv pip compile`.
COMPILED = {
    "test": ("pyproject.toml", "--extra=test", "--group=build"),
    "lint": ("--group=lint",),
    "typing": ("pyproject.toml", "--extra=test", "--group=build", "--group=typing"),
    "bench": ("pyproject.toml", "--extra=cli", "--extra=emulators", "--extra=fast", "--group=build"),
    "nox": ("--group=nox",),
    **{f"oracle-{name}": (f"--group=oracle-{name}",) for name in (*VENDORS, *BASELINES)},
}


def present(version: str) -> bool:
    """Whether that Python is here and starts (a version manager's shim may be there and not start)."""
    found = shutil.which(f"python{version}")
    if found is None:
        return False
    probe = [found, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    answer = subprocess.run(probe, capture_output=True, text=True, check=False)
    return answer.returncode == 0 and answer.stdout.strip() == version


def install(session: nox.Session, pins: str) -> None:
    """The pinned packages, then the project as it lies here."""
    session.install("--require-hashes", "-r", str(PINS / f"{pins}.txt"))
    session.install("--no-deps", "--no-build-isolation", "-e", ".")


@nox.session(python=[version for version in PYTHONS if present(version)] or [OLDEST])
def tests(session: nox.Session) -> None:
    """The test-suite, on every supported Python that is here."""
    install(session, "test")
    session.run("python", "-m", "pytest", *(session.posargs or SPREAD))


@nox.session(python=OLDEST, venv_backend="uv")
def tests_lowest(session: nox.Session) -> None:
    """The test-suite with the oldest packages we claim to work with."""
    session.install("--resolution=lowest-direct", "-e", ".[test]")
    session.run("python", "-m", "pytest", *(session.posargs or SPREAD))


@nox.session(python=OLDEST)
def soak(session: nox.Session) -> None:
    """Long runs that the test-suite leaves out."""
    install(session, "test")
    session.run("python", "-m", "pytest", "-m", "soak", "--timeout=3600", *session.posargs)


@nox.session(python=OLDEST, venv_backend="uv")
def oracles(session: nox.Session) -> None:
    """Our emulators and adapters against the vendors' published clients; `-- --bench` runs benchmarks/oracle_*.py."""
    install(session, "test")
    compared = (*VENDORS, *BASELINES) if "--bench" in session.posargs else VENDORS
    env = {f"QUANTUMJOBS_ORACLE_{name.upper()}": client_of(session, name) for name in compared}
    if "--bench" not in session.posargs:
        session.run("python", "-m", "pytest", *SPREAD, "-m", "not soak", "tests/oracles", *session.posargs, env=env)
        return
    options = [word for word in session.posargs if word != "--bench"]
    for script in sorted((ROOT / "benchmarks").glob("oracle_*.py")):
        session.log(f"{script.stem}: ratios to the other side in the same run")
        session.run("python", str(script), *options, env=env)


def client_of(session: nox.Session, vendor: str) -> str:
    """The Python of an environment with what we are compared with, and nothing of ours; kept until its pins change."""
    requirements = PINS / f"oracle-{vendor}.txt"
    digest = hashlib.sha256(requirements.read_bytes()).hexdigest()[:12]
    kept = Path(session.virtualenv.location).parent
    folder = kept / f"oracle-{vendor}-{digest}"
    python = folder / "bin" / "python"
    finished = folder / "finished"
    if not finished.exists():
        for old in kept.glob(f"oracle-{vendor}-*"):
            shutil.rmtree(old)
        session.run("uv", "venv", "--quiet", f"--python={OLDEST}", str(folder))
        session.run(
            *("uv", "pip", "install", "--quiet", f"--python={python}", "--require-hashes", "-r", str(requirements))
        )
        finished.touch()
    return str(python)


@nox.session(python=OLDEST)
def lint(session: nox.Session) -> None:
    """Ruff: rules and format. `-- --fix` repairs what it can."""
    session.install("--require-hashes", "-r", str(PINS / "lint.txt"))
    fix = "--fix" in session.posargs
    session.run("ruff", "check", *(["--fix"] if fix else []), ".")
    session.run("ruff", "format", *([] if fix else ["--check", "--diff"]), ".")


@nox.session(python=OLDEST)
def typing(session: nox.Session) -> None:
    """Strict mypy and basedpyright over the package and over tests/typing."""
    install(session, "typing")
    session.run("mypy")
    session.run("basedpyright")


@nox.session(python=OLDEST)
def generate(session: nox.Session) -> None:
    """Write the generated files; `-- --check` fails if one differs from what would be written."""
    install(session, "test")
    session.run("python", "-m", "quantumjobs._tools.generate", *session.posargs)


@nox.session(python=OLDEST)
def docs(session: nox.Session) -> None:
    """Links between our pages lead somewhere, and change notes are named as they should be."""
    session.run("python", "quantumjobs/_tools/pages.py", *session.posargs)


@nox.session(python=OLDEST)
def bench(session: nox.Session) -> None:
    """Every benchmarks/bench_*.py, or those named: `nox -s bench -- waiting`."""
    install(session, "bench")
    wanted = [word for word in session.posargs if not word.startswith("-")]
    options = [word for word in session.posargs if word.startswith("-")]
    for script in sorted((ROOT / "benchmarks").glob("bench_*.py")):
        if not wanted or any(word in script.stem for word in wanted):
            session.log(f"{script.stem}: ratios to the baseline of the same run")
            session.run("python", str(script), *options)


@nox.session(python=OLDEST)
def pins(session: nox.Session) -> None:
    """Compile requirements/*.txt from pyproject.toml; `-- --upgrade` takes the newest of everything."""
    session.install("--require-hashes", "-r", str(PINS / "nox.txt"))
    for name, options in COMPILED.items():
        session.run(
            *("uv", "pip", "compile", "--quiet", "--universal", f"--python-version={OLDEST}", "--generate-hashes"),
            *("--no-header", *options, f"--output-file=requirements/{name}.txt"),
            *session.posargs,
        )
