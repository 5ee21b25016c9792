"""What a program uses inside a hybrid job, and the decorator that makes a function one.

Inside a job its variables say where things are (`AMZN_BRAKET_...`): in the service's container, in a local job and in
the emulator. In a program that is started by hand they are missing; then files are read and written in the current
folder, as the vendor's SDK does, and `inside()` is False. The files and lines are those of that SDK. At the service the
container needs this package, too: name it in a `requirements.txt` beside the program.
"""

from __future__ import annotations

import functools
import json
import math
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Generic, ParamSpec, Protocol, TypeVar

from quantumjobs.errors import UsageError

P = ParamSpec("P")
R = TypeVar("R")
Submitted_co = TypeVar("Submitted_co", covariant=True)

_HALVES = re.compile("[\ud800-\udfff]")  # of characters: no reader takes them
_saving = threading.Lock()  # adding to a file reads it first


# --- where the program runs -------------------------------------------------------------
def inside() -> bool:
    """Whether this program runs inside a hybrid job, wherever that is."""
    return "AMZN_BRAKET_JOB_NAME" in os.environ


def job_name() -> str:
    """The job's name; "" outside."""
    return os.environ.get("AMZN_BRAKET_JOB_NAME", "")


def device() -> str:
    """The ARN of the device the job was created for, or "local:..."; "local:none/none" outside."""
    return os.environ.get("AMZN_BRAKET_DEVICE_ARN", "local:none/none")


def hyperparameters() -> dict[str, str]:
    """The job's hyperparameters, whose values are texts; none outside. Raises `UsageError` for a file that is broken."""
    file = os.environ.get("AMZN_BRAKET_HP_FILE")
    found = {} if file is None else _json(Path(file))
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise UsageError(f"{file} has no hyperparameters: they are a JSON object whose values are texts")
    return found


def input_dir(channel: str = "input") -> Path:
    """Where a channel's input files are; the current folder outside."""
    folder = os.environ.get("AMZN_BRAKET_INPUT_DIR", ".")
    return Path() if folder == "." else Path(folder, channel)


def results_dir() -> Path:
    """What is in this folder when the program ends is the job's output; the current folder outside."""
    return Path(os.environ.get("AMZN_BRAKET_JOB_RESULTS_DIR", "."))


def checkpoint_dir() -> Path:
    """What is in this folder is kept while the program runs, and can be given to a later job; the current one outside."""
    return Path(os.environ.get("AMZN_BRAKET_CHECKPOINT_DIR", "."))


# --- what it saves ----------------------------------------------------------------------
def save_result(data: Any) -> None:
    """Save the job's result, which `job.result()` gives. Later calls add keys, and replace those that are there.

    A dict is saved as it is, any other value as {"result": value}. Only JSON can be saved (tuples become lists): what
    other programs read must not be pickled. Raises `UsageError`, naming the place, for anything else, and where the
    file that is there was pickled or is broken; then that file stays as it is. A reader never sees half a file.
    """
    added = data if isinstance(data, dict) else {"result": data}
    _check_json(added, "result")
    with _saving:
        _write(results_dir() / "results.json", {**load_result(), **added})


def load_result() -> dict[str, Any]:
    """What has been saved so far; {} for nothing. Raises `UsageError` for a pickled file, or a broken one."""
    file = results_dir() / "results.json"
    return _read(file) if file.exists() else {}


def save_checkpoint(data: dict[str, Any], suffix: str = "") -> None:
    """Save where the program is: another file for each suffix. It replaces what was saved before, whole.

    Raises `UsageError`, naming the place, for what is no JSON, and for no data at all.
    """
    if not data or not isinstance(data, dict):
        raise UsageError(f"a checkpoint is a dict with something in it, and not {data!r:.50}")
    _check_json(data, "checkpoint")
    with _saving:
        _write(_checkpoint(job_name(), suffix), data)


def load_checkpoint(job_name: str | None = None, suffix: str = "") -> dict[str, Any]:
    """What `save_checkpoint` saved: in this job, or in that of another name whose checkpoints were given to this one.

    Raises `FileNotFoundError` where there is none, and `UsageError` for a pickled file or a broken one.
    """
    return _read(_checkpoint(job_name or os.environ.get("AMZN_BRAKET_JOB_NAME", ""), suffix))


def log_metric(name: str, value: float, *, timestamp: float | None = None, iteration_number: int | None = None) -> None:
    """Write one value of a metric into the log, where `job.metrics()` finds it; at once, also in a pipe.

    `timestamp` is in seconds since the epoch, by default now. Raises `UsageError` for a name that the log's readers
    would take for another one (it may have letters, digits and underscores), and for what is no number.
    """
    if re.fullmatch(r"\w+", name) is None:
        raise UsageError(f"metric {name!r}: a name may have letters, digits and underscores")
    if name in {"timestamp", "iteration_number", "node_id"}:
        raise UsageError(f"metric {name!r}: this is a column of each table of metrics; choose another name")
    now = time.time() if timestamp is None else timestamp
    columns = {"timestamp": now, name: value}
    if iteration_number is not None:
        columns["iteration_number"] = iteration_number
    line = " ".join(f"{column}={_number(column, found)};" for column, found in columns.items())
    sys.stdout.write(f"Metrics - {line}\n")  # in one piece: other threads write, too
    sys.stdout.flush()


# --- functions as programs --------------------------------------------------------------
class Submits(Protocol[Submitted_co]):
    """A client, async or blocking: what its `hybrid_job` gives is what submitting a program gives."""

    def hybrid_job(self, device: str, source: Any, *, arguments: Mapping[str, Any], **options: Any) -> Submitted_co: ...


class HybridProgram(Generic[P, R]):
    """A function that can be called here, and submitted as a hybrid job; `@program(...)` makes one."""

    def __init__(self, function: Callable[P, R], device: str, options: Mapping[str, Any]) -> None:
        if told := {"source", "arguments", "entry_point"} & options.keys():
            raise UsageError(f"{min(told)}= is told by the function and how it is submitted; leave it out")
        functools.update_wrapper(self, function)
        self.function = function
        self.device = device
        self.options = dict(options)

    def __repr__(self) -> str:
        return f"<HybridProgram {getattr(self.function, '__qualname__', self.function)} for {self.device}>"

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the function here, as if it were not decorated."""
        return self.function(*args, **kwargs)

    def with_options(self, device: str | None = None, **options: Any) -> HybridProgram[P, R]:
        """The same function, with these options of `client.hybrid_job` besides or instead, or for another device."""
        return HybridProgram(self.function, device or self.device, {**self.options, **options})

    def submit(self, client: Submits[Submitted_co], /, *args: P.args, **kwargs: P.kwargs) -> Submitted_co:
        """Submit it with these arguments: what `client.hybrid_job` gives, which is awaited with an async client.

        Raises `UsageError` for arguments that do not fit the function, or are not JSON: they travel as that.
        """
        arguments = self._bound(args, kwargs)
        return client.hybrid_job(self.device, self.function, arguments=arguments, **self.options)

    def _bound(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        import inspect  # takes longer than the rest of this module

        name = getattr(self.function, "__name__", "the function")
        signature = inspect.signature(self.function)
        for parameter in signature.parameters.values():
            if parameter.kind in {parameter.POSITIONAL_ONLY, parameter.VAR_POSITIONAL}:
                raise UsageError(f"{name}{signature}: arguments go by name; {str(parameter)!r} can only go by place")
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError as error:
            raise UsageError(f"{name}{signature} does not take these arguments: {error}") from None
        arguments = dict(bound.arguments)
        for parameter in signature.parameters.values():
            if parameter.kind is parameter.VAR_KEYWORD:
                arguments |= arguments.pop(parameter.name, {})
        for argument, value in arguments.items():
            _check_json(value, f"{name}: {argument}")
        return arguments


def program(device: str, **options: Any) -> Callable[[Callable[P, R]], HybridProgram[P, R]]:
    """Make a function a program for "braket/<device>", with options of `client.hybrid_job`.

        @hybrid.program("braket/sv1", max_runtime=600)
        def minimum(start: float, steps: int = 20) -> dict:
            ...

        minimum(0.5)                                       # runs here
        job = await minimum.submit(client, 0.5, steps=50)  # runs at the service
        job = await minimum.with_options(local=True).submit(client, 0.5)

    What the function returns is saved as the job's result. The function is not pickled: a pickle would fit only the
    same version of Python and of every library, and reading one runs what is in it. Its module's source is sent
    instead, with the arguments as JSON, and the job imports the function by its name. So functions are refused that
    have no such name or source: lambdas, functions inside functions, methods, and what was typed into a notebook.
    So is what can only be passed by place: `*args` and what stands before a `/`.
    """
    return lambda function: HybridProgram(function, device, options)


# --- values and files -------------------------------------------------------------------
def _check_json(value: Any, where: str) -> None:
    """Raise `UsageError` for what does not come out of JSON as it went in; only tuples may become lists."""
    try:
        fault = _fault(value)
    except RecursionError:
        fault = " is nested too deeply for JSON, or contains itself"
    if fault:
        raise UsageError(f"{where}{fault}")


def _fault(value: Any) -> str:
    """Where in the value the first one is, and what is wrong with it; "" for JSON."""
    if isinstance(value, float):
        return "" if math.isfinite(value) else f" is {value}, which JSON has no form for; save None or a text instead"
    if isinstance(value, str):
        return f" is no valid text: {value!r:.50}" if _HALVES.search(value) else ""
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str) or _HALVES.search(key):
                return f" has the key {key!r:.50}; JSON has texts as keys: str(key)"
            if fault := _fault(item):
                return f"[{key!r}]{fault}"
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            if fault := _fault(item):
                return f"[{index}]{fault}"
    elif value is not None and not isinstance(value, int):
        kind = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
        return f" is a {kind}, which is no JSON; {_advice(value)}"
    return ""


def _advice(value: Any) -> str:
    if isinstance(value, complex):
        return "save [value.real, value.imag]"
    if callable(getattr(value, "tolist", None)):  # numpy's arrays and scalars, and those of its kin
        return "save value.tolist()"
    return "save it as numbers, texts, lists and dicts: nothing is pickled"


def _number(name: str, value: Any) -> str:
    text = f"{value}"
    try:
        float(text)
    except ValueError:
        raise UsageError(f"{name}={text:.50}: this is no number; of an array with one in it, value.item() is") from None
    return text


def _checkpoint(job: str, suffix: str) -> Path:
    if {"/", "\\", "\0"} & {*job, *suffix}:
        raise UsageError(f"{job!r}, {suffix!r}: these are parts of a file's name and have no slash")
    return checkpoint_dir() / f"{job}_{suffix}.json" if suffix else checkpoint_dir() / f"{job}.json"


def _read(file: Path) -> dict[str, Any]:
    found = _json(file)
    if not isinstance(found, dict) or not isinstance(found.get("dataDictionary"), dict):
        raise UsageError(f"{file}: nothing that a hybrid job saved: it has no dataDictionary")
    form = found.get("dataFormat")
    if form == "pickled_v4":
        raise UsageError(f"{file} was pickled, and a pickle runs what is in it when it is read; save it as plain text")
    if form != "plaintext":
        raise UsageError(f"{file}: its dataFormat {form!r:.50} is not known")
    return dict(found["dataDictionary"])


def _json(file: Path) -> Any:
    try:
        return json.loads(file.read_bytes())
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{file} is no JSON: {error}") from None


def _write(file: Path, data: Mapping[str, Any]) -> None:
    """All of it, or nothing: beside the file first."""
    header = {"name": "braket.jobs_data.persisted_job_data", "version": "1"}
    text = json.dumps({"braketSchemaHeader": header, "dataDictionary": data, "dataFormat": "plaintext"})
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        beside.write_text(text, encoding="ascii")
        beside.replace(file)
    finally:
        beside.unlink(missing_ok=True)
