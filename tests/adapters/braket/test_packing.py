"""What is packed is the same bytes everywhere, really runs, and is refused where the container could not run it."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from quantumjobs.adapters.braket import packing, sources
from quantumjobs.adapters.braket.packing import Packed, inputs, pack, pack_function
from quantumjobs.errors import UsageError
from quantumjobs.workers.archives import unpack

ROOT = Path(__file__).parents[3]


def place(root: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def names(given: Packed) -> list[str]:
    with tarfile.open(fileobj=BytesIO(given.archive)) as tar:
        return tar.getnames()


def run(given: Packed, where: Path, *, results: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run it as the container does, in a process that has nothing of this one's."""
    archive = where / "source.tar.gz"
    archive.write_bytes(given.archive)
    code = where / "code"
    unpack(archive, code)
    results = results or where / "results"
    results.mkdir(exist_ok=True)
    module, colon, function = given.entry_point.partition(":")
    # The container has the code last in its path, and only an entry point without a function is the main program.
    program = f"import sys; sys.path.append({str(code)!r}); "
    program += (
        f"import importlib; importlib.import_module({module!r}).{function}()"
        if colon
        else f"import runpy; runpy.run_module({module!r}, run_name='__main__')"
    )
    return subprocess.run(
        [sys.executable, "-I", "-c", program],
        cwd=where,
        env={"AMZN_BRAKET_JOB_RESULTS_DIR": str(results)},
        capture_output=True,
        text=True,
        check=False,
    )


def saved(where: Path) -> Any:
    document = json.loads((where / "results" / "results.json").read_text())
    header = {"name": "braket.jobs_data.persisted_job_data", "version": "1"}
    assert (document["braketSchemaHeader"], document["dataFormat"]) == (header, "plaintext")
    return document["dataDictionary"]


# --- folders and files ------------------------------------------------------------------
TREE = {
    "algo/__init__.py": "",
    "algo/__main__.py": "from algo.inner import start\nstart()\n",
    "algo/inner.py": "def start():\n    print('started')\n",
    "algo/data/é.txt": "x",
}


def test_a_folder_is_one_entry_with_all_of_it(tmp_path: Path):
    place(tmp_path, TREE)
    (tmp_path / "algo" / "empty").mkdir()
    given = pack(tmp_path / "algo")
    assert given.entry_point == "algo"
    assert names(given) == ["algo", *sorted(f"algo/{name}" for name in ("__init__.py", "__main__.py", "data",
                            "data/é.txt", "empty", "inner.py"))]  # fmt: skip
    assert run(given, tmp_path).stdout == "started\n"


def test_a_file_is_one_entry(tmp_path: Path):
    place(tmp_path, {"script.py": "print('ran as', __name__)", "other.py": ""})
    given = pack(str(tmp_path / "script.py"))
    assert (names(given), given.entry_point) == (["script.py"], "script")
    assert run(given, tmp_path).stdout == "ran as __main__\n"


def test_an_entry_point_may_be_any_module_or_function(tmp_path: Path):
    place(tmp_path, TREE)
    for entry_point in ("algo.inner:start", "algo.__main__", "algo"):
        given = pack(tmp_path / "algo", entry_point)
        assert given.entry_point == entry_point
        with tempfile.TemporaryDirectory() as where:
            assert run(given, Path(where)).stdout == "started\n"


def test_a_relative_path_and_a_link_go_by_the_real_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    place(tmp_path, TREE)
    (tmp_path / "link").symlink_to("algo")
    monkeypatch.chdir(tmp_path / "algo" / "data")
    assert pack("..") == pack(tmp_path / "link") == pack(tmp_path / "algo")


def test_what_belongs_to_this_machine_is_left_out(tmp_path: Path):
    place(tmp_path, TREE)
    before = pack(tmp_path / "algo")
    place(
        tmp_path / "algo",
        {".git/config": "", "data/.git/x": "", "__pycache__/a.pyc": "", "old.pyc": "", "venv/pyvenv.cfg": "",
         "venv/lib/a.py": ""},
    )  # fmt: skip
    assert pack(tmp_path / "algo") == before


def test_nothing_in_it_tells_of_this_machine_or_of_now(tmp_path: Path):
    place(tmp_path, TREE)
    first = pack(tmp_path / "algo")
    (tmp_path / "algo" / "inner.py").touch()
    (tmp_path / "algo" / "inner.py").chmod(0o600)
    assert pack(tmp_path / "algo") == first
    with tarfile.open(fileobj=BytesIO(first.archive)) as tar:
        told = {(each.mtime, each.uid, each.gid, each.uname, each.gname) for each in tar.getmembers()}
        assert told == {(0, 0, 0, "", "")}
        assert {each.mode for each in tar.getmembers()} == {0o755, 0o644}
    (tmp_path / "algo" / "inner.py").chmod(0o700)
    assert pack(tmp_path / "algo") != first, "whether it can be run is part of it"


def test_two_processes_pack_the_same_bytes(tmp_path: Path):
    place(tmp_path, {f"algo/{name}.py": "def f(): pass" for name in "zyxabc"} | TREE)
    program = (
        "import hashlib, sys; from pathlib import Path; from quantumjobs.adapters.braket import packing\n"
        f"sys.path.insert(0, {str(tmp_path)!r}); import algo.a\n"
        f"first = packing.pack(Path({str(tmp_path)!r}, 'algo')).archive\n"
        "second = packing.pack_function(algo.a.f, {}).archive\n"
        "print(hashlib.sha256(first + second).hexdigest())"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONDONTWRITEBYTECODE": "1", "TZ": zone},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed, zone in (("1", "UTC"), ("2", "Asia/Tokyo"))
    }
    assert len(told) == 1


# --- links and odd files ----------------------------------------------------------------
def test_links_within_are_followed(tmp_path: Path):
    place(tmp_path, TREE)
    (tmp_path / "algo" / "again.py").symlink_to("inner.py")
    (tmp_path / "algo" / "more").symlink_to(tmp_path / "algo" / "data")
    given = pack(tmp_path / "algo")
    with tarfile.open(fileobj=BytesIO(given.archive)) as tar:
        assert all(each.isfile() or each.isdir() for each in tar.getmembers())
        read = tar.extractfile("algo/more/é.txt")
        assert read is not None
        assert read.read() == b"x"
        assert tar.getmember("algo/again.py").size == len(TREE["algo/inner.py"])


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("../secret", "is a link that leads out of"),
        ("/etc", "is a link that leads out of"),
        ("data/../../algo2/x", "is a link that leads out of"),
        ("nowhere", "cannot be read: No such file"),
        ("link", "cannot be read: "),
        (".", "is a link to a folder that it is in"),
        ("data", ""),
    ],
)
def test_links_that_leave_or_go_round_are_refused(tmp_path: Path, target: str, reason: str):
    place(tmp_path, {**TREE, "secret": "s", "algo2/x": "s"})
    (tmp_path / "algo" / "link").symlink_to(target)
    if reason:
        with pytest.raises(UsageError, match=rf"algo/link {reason}"):
            pack(tmp_path / "algo")
    else:
        pack(tmp_path / "algo")


def test_links_between_two_folders_are_refused(tmp_path: Path):
    place(tmp_path, {**TREE, "algo/a/x": "", "algo/b/x": ""})
    (tmp_path / "algo" / "a" / "to_b").symlink_to("../b")
    pack(tmp_path / "algo")
    (tmp_path / "algo" / "b" / "to_a").symlink_to("../a")
    with pytest.raises(UsageError, match="a/to_b/to_a is a link to a folder that it is in"):
        pack(tmp_path / "algo")


def test_links_that_double_at_each_step_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sources, "FILES", 1000)
    place(tmp_path, TREE)
    for step in range(40):
        folder = tmp_path / "algo" / f"s{step:02}"
        folder.mkdir()
        for name in ("a", "b"):
            (folder / name).symlink_to(f"../s{step + 1:02}")
    (tmp_path / "algo" / "s40").mkdir()
    with pytest.raises(UsageError, match="has more than 1,000 files and folders"):
        pack(tmp_path / "algo")


def test_what_is_no_file_is_refused(tmp_path: Path):
    place(tmp_path, TREE)
    os.mkfifo(tmp_path / "algo" / "pipe")
    with pytest.raises(UsageError, match="algo/pipe is neither a file nor a folder"):
        pack(tmp_path / "algo")


@pytest.mark.parametrize("name", ["a\\b", "a\nb", "a\udcff"])
def test_a_name_that_cannot_be_unpacked_is_refused(tmp_path: Path, name: str):
    place(tmp_path, {**TREE, f"algo/{name}": ""})
    with pytest.raises(UsageError, match="not every system can have a file of this name") as caught:
        pack(tmp_path / "algo")
    assert str(caught.value).isprintable()


@contextlib.contextmanager
def as_nobody() -> Iterator[None]:
    """What root may read says nothing."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


@pytest.mark.parametrize("name", ["inner.py", "data"])
def test_what_cannot_be_read_is_named(name: str):
    with tempfile.TemporaryDirectory() as root:  # pytest's own may be entered by its owner only
        Path(root).chmod(0o755)
        place(Path(root), TREE)
        Path(root, "algo", name).chmod(0)
        with as_nobody(), pytest.raises(UsageError, match=f"algo/{name} cannot be read: Permission denied"):
            pack(Path(root, "algo"))
        Path(root, "algo", name).chmod(0o700)


@pytest.mark.parametrize("change", ["longer", "shorter", "gone", "other"])
def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path, change: str, monkeypatch: pytest.MonkeyPatch):
    place(tmp_path, TREE)
    changing = tmp_path / "algo" / "inner.py"
    pieces = sources.pieces

    def meanwhile(file, path, size):
        if path == changing:
            if change == "longer":
                with changing.open("a") as more:
                    more.write("# more")
            elif change == "shorter":
                os.truncate(changing, 3)
            else:
                os.utime(changing, ns=(1, 1))
        yield from pieces(file, path, size)

    def removed(found, added=()):
        changing.unlink()
        return packed(found, added)

    packed = sources.packed
    if change == "gone":
        monkeypatch.setattr(packing, "packed", removed)
    else:
        monkeypatch.setattr(sources, "pieces", meanwhile)
    with pytest.raises(UsageError, match=r"inner\.py (has changed while it was read|cannot be read)"):
        pack(tmp_path / "algo")


def test_too_much_is_refused_with_the_largest_files_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sources, "MOST", 2 << 20)
    place(tmp_path, TREE)
    for number, size in enumerate((3, 2, 1, 4)):
        (tmp_path / "algo" / f"big{number}").write_bytes(os.urandom(size << 18))
    with pytest.raises(UsageError, match=r"more than 2 MiB .*big3 \(1\.0 MiB\), \S*big0 \(0\.8 MiB\), \S*big1 .*s3://"):
        pack(tmp_path / "algo")
    for number in range(4):
        (tmp_path / "algo" / f"big{number}").write_bytes(bytes(3 << 20))
    assert len(pack(tmp_path / "algo").archive) < 1 << 20, "it counts as it is packed"


# --- sources and entry points that are not there -----------------------------------------
WRONG = [
    ("algo", "algo.iner", "unknown module 'algo.iner' for entry_point 'algo.iner'; did you mean 'algo.inner'"),
    ("algo", "inner:start", "unknown module 'inner' .* did you mean 'algo.inner'"),
    ("algo", "algo.inner:strat", "unknown function 'strat' .* did you mean 'start'"),
    ("algo", "algo.inner:", "unknown function ''"),
    ("algo", "algo.inner:a.b", "unknown function 'a.b'"),
    ("algo", "algo.data", "'algo.data' is a package without a __main__.py"),
    ("algo", "algo.data:f", "unknown module 'algo.data'"),
    ("algo", ".inner", "unknown module '.inner'"),
    ("algo", "json:dumps", "Python's own module"),
    ("plain", None, "'plain' is a package without a __main__.py, .*'plain.module' or 'plain.module:function'"),
    ("random.py", None, "'random': the container would run Python's own module of that name"),
    ("algo/__main__.py", None, "unknown module '__main__'"),
    ("algo/__init__.py", None, "unknown module '__init__'"),
    ("my.script.py", None, "unknown module 'my.script'"),
    ("alg", None, "unknown file 'alg' for .*; did you mean 'algo'"),
    ("nowhere/algo", None, "nowhere/algo cannot be read: No such file"),
    ("notes.txt", None, "notes.txt: a folder, a .py file or s3://... is needed"),
    ("circle", None, "circle cannot be read: "),
]


@pytest.mark.parametrize(("source", "entry_point", "reason"), WRONG)
def test_what_the_container_would_not_find_is_refused(tmp_path: Path, source: str, entry_point: str, reason: str):
    files = dict.fromkeys(("plain/a.py", "plain/__init__.py", "random.py", "my.script.py", "notes.txt"), "")
    place(tmp_path, {**TREE, **files})
    (tmp_path / "circle").symlink_to("circle")
    with pytest.raises(UsageError, match=reason):
        pack(tmp_path / source, entry_point)


@pytest.mark.parametrize(
    "text",
    [
        "from os import getcwd as f",
        "try:\n    import numpy as f\nexcept ImportError:\n    f = None",
        "for f in (): pass",
        "class f: pass",
        "from os.path import *",
        "def __getattr__(name): ...",
        "a, (f, b) = 1, (2, 3)",
        "this is not Python, or not ours",
    ],
)
def test_a_function_may_come_to_its_name_in_any_way(tmp_path: Path, text: str):
    assert pack(place(tmp_path, {"a.py": text}) / "a.py", "a:f").entry_point == "a:f"


def test_a_name_within_a_function_is_none_of_the_module(tmp_path: Path):
    place(tmp_path, {"a.py": "def g():\n    def f(): pass\nclass C:\n    def f(self): pass\nh = lambda: (f := 1)"})
    with pytest.raises(UsageError, match="unknown function 'f'"):
        pack(tmp_path / "a.py", "a:f")


# --- functions --------------------------------------------------------------------------
MODULE = """
import asyncio, functools, json, os
from pathlib import Path

def timed(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return {"timed": function(*args, **kwargs)}
    return wrapper

class Program:
    def __init__(self, function):
        functools.update_wrapper(self, function)
        self.function = function
    def __call__(self, *args, **kwargs):
        raise RuntimeError("this would submit it again")

def hiding(function):
    return lambda: None

class Numbers:
    def tolist(self):
        return [1, [2.5]]

def add(a, b=1, **more):
    return a + b + sum(more.values())

def values(**given):
    return given

def nothing(): pass
def numbers(): return {"n": Numbers(), "t": (1, 2), 3: None}
def text(): return "\\u00e9\\n"
def unsaved(): return {"o": object(), "work": "of hours"}
def infinite(): return float("inf")
def broken(): raise ValueError("mine")
async def later(a):
    await asyncio.sleep(0)
    return a * 2

def saves_itself(again):
    file = Path(os.environ["AMZN_BRAKET_JOB_RESULTS_DIR"], "results.json")
    header = {"name": "braket.jobs_data.persisted_job_data", "version": "1"}
    file.write_text(json.dumps({"braketSchemaHeader": header, "dataFormat": "plaintext", "dataDictionary": {"a": 1}}))
    return {"b": 2} if again else None

def pickles(value):
    Path(os.environ["AMZN_BRAKET_JOB_RESULTS_DIR"], "results.json").write_text('{"dataFormat": "pickled_v4"}')
    return value

timed_add = timed(add)

@timed
def decorated(a): return a

@Program
def program(a): return a

@Program
@timed
def both(a): return a

@hiding
def hidden(): pass

@staticmethod
def static(): pass

def outer():
    def inner(): pass
    return inner

def generates(): yield 1
async def generates_later(): yield 1
shadowed = add
def shadow(): pass
was_shadow = shadow
shadow = 5
anonymous = lambda: 1
class Class:
    def method(self): pass
    def __call__(self): pass
partial = functools.partial(add, 1)
"""


def load(file: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def module(tmp_path: Path) -> Iterator[ModuleType]:
    file = place(tmp_path / "sources", {"user_code.py": MODULE}) / "user_code.py"
    yield load(file, "user_code")
    del sys.modules["user_code"]


CALLS: list[tuple[str, dict[str, Any], Any]] = [
    ("add", {"a": 1}, {"result": 2}),
    ("add", {"a": 1.5, "b": 2, "c": 3}, {"result": 6.5}),
    ("values", {"d": {"x": [None, True]}, "t": (1, (2,)), "s": "é"}, {"d": {"x": [None, True]}, "t": [1, [2]], "s": "é"}),
    ("nothing", {}, {}),
    ("numbers", {}, {"n": [1, [2.5]], "t": [1, 2], "3": None}),
    ("text", {}, {"result": "é\n"}),
    ("later", {"a": 21}, {"result": 42}),
    ("saves_itself", {"again": False}, {"a": 1}),
    ("saves_itself", {"again": True}, {"a": 1, "b": 2}),
    ("decorated", {"a": 1}, {"timed": 1}),
    ("program", {"a": [1]}, {"result": [1]}),
    ("both", {"a": [1]}, {"timed": [1]}),
    ("shadowed", {"a": 1}, {"result": 2}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "arguments", "expected"), CALLS)
def test_a_function_really_runs(module: ModuleType, tmp_path: Path, name: str, arguments: Any, expected: Any):
    given = pack_function(getattr(module, name), arguments)
    assert names(given) == ["quantumjobs_entry.py", "quantumjobs_arguments.json", "user_code.py"]
    done = run(given, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert saved(tmp_path) == expected


def test_it_can_be_run_as_the_main_program_too(module: ModuleType, tmp_path: Path):
    given = pack_function(module.add, {"a": 1})
    assert given.entry_point == "quantumjobs_entry:run"
    assert run(Packed(given.archive, "quantumjobs_entry"), tmp_path).returncode == 0
    assert saved(tmp_path) == {"result": 2}


def test_a_module_of_the_same_name_in_the_container_does_not_win(tmp_path: Path):
    file = place(tmp_path / "sources", {"httpx.py": "def f(): return 'mine'"}) / "httpx.py"
    there = sys.modules.get("httpx")
    try:
        given = pack_function(load(file, "httpx").f, {})
    finally:
        sys.modules.pop("httpx")
        sys.modules.update({"httpx": there} if there else {})
    assert run(given, tmp_path).returncode == 0
    assert saved(tmp_path) == {"result": "mine"}


@pytest.mark.parametrize("name", ["unsaved", "infinite"])
def test_a_result_that_cannot_be_saved_is_an_error_and_stays_in_the_log(module: ModuleType, tmp_path: Path, name: str):
    done = run(pack_function(getattr(module, name), {}), tmp_path)
    assert done.returncode == 1
    assert not list((tmp_path / "results").iterdir())
    assert done.stdout.startswith("What the function returned cannot be saved: ")
    assert ("'work': 'of hours'" if name == "unsaved" else "inf") in done.stdout


def test_nothing_is_added_to_what_was_pickled(module: ModuleType, tmp_path: Path):
    done = run(pack_function(module.pickles, {"value": 1}), tmp_path)
    assert "results.json was pickled, and nothing can be added to it" in done.stderr
    with tempfile.TemporaryDirectory() as where:
        assert run(pack_function(module.pickles, {"value": None}), Path(where)).returncode == 0
        assert Path(where, "results", "results.json").read_text() == '{"dataFormat": "pickled_v4"}'


def test_an_error_of_the_functions_own_ends_the_program(module: ModuleType, tmp_path: Path):
    done = run(pack_function(module.broken, {}), tmp_path)
    assert done.returncode == 1
    assert done.stderr.endswith("ValueError: mine\n")
    assert not list((tmp_path / "results").iterdir())


REFUSED = {
    "anonymous": "a lambda has no name",
    "hidden": "a lambda has no name",
    "partial": "partial cannot be run as a hybrid job: it is a partial, and no plain function",
    "Class": "it is a class, and no plain function",
    "static": "it is a staticmethod, and no plain function",
    "generates": "it is a generator",
    "generates_later": "it is a generator",
    "was_shadow": r"user_code\.shadow is something else, perhaps because of a decorator",
    "timed_add": r"user_code\.add is something else",
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_function_that_no_other_process_finds_is_refused(module: ModuleType, name: str):
    with pytest.raises(UsageError, match=REFUSED[name]):
        pack_function(getattr(module, name), {})


def test_what_is_no_function_of_a_module_is_refused(module: ModuleType):
    refused = {
        "within another function": module.outer(),
        "it is a method": module.Class.method,
        "a method, and no plain function": module.Class().method,
        "a Class, and no plain function": module.Class(),
        "a builtin_function_or_method": len,
        "within another": functools.wraps(module.outer())(module.add),
    }
    for reason, function in refused.items():
        with pytest.raises(UsageError, match=reason):
            pack_function(function, {})


def test_a_function_that_was_typed_in_is_refused(module: ModuleType, monkeypatch: pytest.MonkeyPatch):
    typed: dict[str, Any] = {"__name__": "user_code"}
    exec("def add(a): return a", typed)
    module.add = typed["add"]
    with pytest.raises(UsageError, match="typed into a notebook or a console"):
        pack_function(typed["add"], {"a": 1})
    monkeypatch.delattr(module, "__file__")
    with pytest.raises(UsageError, match="typed into a notebook or a console"):
        pack_function(module.values, {})
    monkeypatch.delitem(sys.modules, "user_code")
    with pytest.raises(UsageError, match="its module 'user_code' is not loaded"):
        pack_function(module.values, {})
    monkeypatch.setitem(sys.modules, "user_code", module)


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), {1: 2}, {1}, b"x", object(), 1j, "\ud800", {"a": [print]}, [[[float("nan")]]]]
)
def test_arguments_that_are_no_json_are_refused(module: ModuleType, value: Any):
    with pytest.raises(UsageError, match="argument 'a' is not JSON"):
        pack_function(module.add, {"a": value})


def test_arguments_that_contain_themselves_are_refused(module: ModuleType):
    circle: list[Any] = []
    circle.append(circle)
    with pytest.raises(UsageError, match="argument 'a' is not JSON"):
        pack_function(module.add, {"a": circle})


def test_arguments_that_do_not_fit_are_refused(module: ModuleType):
    with pytest.raises(UsageError, match=r"add\(a, b=1, \*\*more\) does not take these arguments: missing .* 'a'"):
        pack_function(module.add, {"b": 1})
    with pytest.raises(UsageError, match=r"later\(a\) does not take these arguments: got an unexpected .* 'b'"):
        pack_function(module.later, {"a": 1, "b": 2})
    with pytest.raises(UsageError, match="1 is no name of an argument"):
        pack_function(module.values, {1: 2})  # type: ignore[dict-item] # the point of it


def test_the_order_of_arguments_changes_nothing(module: ModuleType):
    assert pack_function(module.values, {"a": 1, "b": 2}) == pack_function(module.values, {"b": 2, "a": 1})
    assert pack_function(module.values, {"a": 1}) != pack_function(module.values, {"a": 2})


# --- where functions are ----------------------------------------------------------------
def test_a_package_is_packed_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    place(
        tmp_path / "sources",
        {
            "hybrid_user/__init__.py": "def top(): return 'top'",
            "hybrid_user/requirements.txt": "",
            "hybrid_user/inner/part.py": "from ..other import N\nfrom hybrid_user import other\ndef f(): return N",
            "hybrid_user/other.py": "N = 7",
            "beside.py": "",
        },
    )
    monkeypatch.syspath_prepend(tmp_path / "sources")
    top, part = importlib.import_module("hybrid_user"), importlib.import_module("hybrid_user.inner.part")
    try:
        given = pack_function(part.f, {})
        assert "hybrid_user/requirements.txt" in names(given)
        assert not [name for name in names(given) if "beside" in name or "pycache" in name]
        assert run(given, tmp_path).returncode == 0
        assert saved(tmp_path) == {"result": 7}
        with tempfile.TemporaryDirectory() as where:
            assert run(pack_function(top.top, {}), Path(where)).returncode == 0
            assert saved(Path(where)) == {"result": "top"}
    finally:
        for name in [name for name in sys.modules if name.startswith("hybrid_user")]:
            del sys.modules[name]


def test_requirements_beside_a_module_go_with_it(module: ModuleType, tmp_path: Path):
    place(tmp_path / "sources", {"requirements.txt": "quantumjobs"})
    assert names(pack_function(module.nothing, {}))[2:] == ["user_code.py", "requirements.txt"]


@pytest.mark.parametrize(
    "statement", ["import helper", "from helper import x", "import helper.sub as y", "if 1: import helper"]
)
def test_a_module_that_needs_what_is_beside_it_is_refused(tmp_path: Path, statement: str):
    place(tmp_path, {"user2.py": f"def f(): pass\nif f is None:\n    {statement}", "helper/__init__.py": ""})
    module = load(tmp_path / "user2.py", "user2")
    try:
        with pytest.raises(
            UsageError, match=r"user2\.py imports 'helper' from beside it, and only user2\.py is packed"
        ):
            pack_function(module.f, {})
        place(tmp_path, {"user2.py": "def f(): pass\nimport json\nif __name__ == '__main__':\n    import helper"})
        pack_function(module.f, {})
    finally:
        del sys.modules["user2"]


SCRIPT = """
import sys
from pathlib import Path
from quantumjobs.adapters.braket.packing import pack_function
from quantumjobs.errors import UsageError

print("loaded as", __name__, file=sys.stderr)

def work(a):
    return __name__, a

def main():
    packed = pack_function(work, {"a": 1})
    Path(sys.argv[1]).write_bytes(packed.archive)
"""
GUARDED = SCRIPT + '\nif __name__ == "__main__":\n    main()\n'
UNGUARDED = SCRIPT + "\ntry:\n    main()\nexcept UsageError as error:\n    print(error)\n"


def _script(where: Path, name: str, text: str, *args: str) -> str:
    place(where, {name: text})
    command = [sys.executable, *(args or (name,)), str(where / "packed")]
    paths = os.pathsep.join([str(ROOT), str(where)])
    told = subprocess.run(
        command, cwd=where, env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True, check=True
    )
    return told.stdout


@pytest.mark.parametrize("how", ["a script", "a module", "a module in a package"])
def test_a_function_of_the_main_program_is_imported_by_the_modules_name(tmp_path: Path, how: str):
    if how == "a script":
        _script(tmp_path, "my_script.py", GUARDED)
        expected = "my_script"
    elif how == "a module":
        _script(tmp_path, "my_script.py", GUARDED, "-m", "my_script")
        expected = "my_script"
    else:
        _script(tmp_path, "my_package/my_script.py", GUARDED, "-m", "my_package.my_script")
        expected = "my_package.my_script"
    given = Packed((tmp_path / "packed").read_bytes(), "quantumjobs_entry:run")
    # The job has this package installed, as a requirements.txt would see to.
    archive = tmp_path / "a.tar.gz"
    archive.write_bytes(given.archive)
    unpack(archive, tmp_path / "code")
    done = subprocess.run(
        [sys.executable, "-m", "quantumjobs_entry"],
        cwd=tmp_path / "code",
        env={**os.environ, "PYTHONPATH": str(ROOT), "AMZN_BRAKET_JOB_RESULTS_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == f"loaded as {expected}\n"
    assert json.loads((tmp_path / "results.json").read_text())["dataDictionary"] == {"result": [expected, 1]}


def test_a_script_that_would_submit_again_is_refused(tmp_path: Path):
    told = _script(tmp_path, "my_script.py", UNGUARDED)
    assert "the job imports my_script.py, and would run all of it again" in told
    assert not (tmp_path / "packed").exists()


def test_a_command_line_is_no_file(tmp_path: Path):
    assert "typed into a notebook or a console" in _script(tmp_path, "unused.py", "", "-c", UNGUARDED)


def test_a_script_whose_name_cannot_be_imported_is_refused(tmp_path: Path):
    with pytest.raises(subprocess.CalledProcessError) as caught:
        _script(tmp_path, "my-script.py", GUARDED)
    assert "'my-script' is no name that the job could import its module by" in caught.value.stderr


# --- input files ------------------------------------------------------------------------
def test_a_path_by_itself_is_the_channel_input(tmp_path: Path):
    place(tmp_path, {"data.csv": "1,2", "folder/a": "a", "folder/b/c": "c", "folder/.git/d": "d"})
    assert inputs(str(tmp_path / "data.csv")) == ({"input/data.csv": b"1,2"}, {})
    assert inputs(tmp_path / "folder") == ({"input/.git/d": b"d", "input/a": b"a", "input/b/c": b"c"}, {})
    assert inputs("s3://bucket/data") == ({}, {"input": "s3://bucket/data"})
    assert inputs(None) == inputs({}) == ({}, {})


def test_channels_go_by_their_names(tmp_path: Path):
    place(tmp_path, {"data.csv": "1,2", "folder/a": "a"})
    (tmp_path / "folder" / "link").symlink_to("a")
    (tmp_path / "renamed.csv").symlink_to("data.csv")
    found = inputs({"one": tmp_path / "renamed.csv", "two": str(tmp_path / "folder"), "three": "s3://bucket/x"})
    assert found == ({"one/renamed.csv": b"1,2", "two/a": b"a", "two/link": b"a"}, {"three": "s3://bucket/x"})


def test_input_that_is_not_there_is_refused(tmp_path: Path):
    place(tmp_path, {"data.csv": "1,2"})
    (tmp_path / "empty" / "folder").mkdir(parents=True)
    (tmp_path / "leaving").mkdir()
    (tmp_path / "leaving" / "link").symlink_to("../data.csv")
    os.mkfifo(tmp_path / "pipe")
    wrong = {
        "data.cvs": "unknown file 'data.cvs' for .*; did you mean 'data.csv'",
        "empty": "empty has no files in it",
        "leaving": "leaving/link is a link that leads out",
        "pipe": "pipe is neither a file nor a folder",
    }
    for name, reason in wrong.items():
        with pytest.raises(UsageError, match=reason):
            inputs(str(tmp_path / name))
    for channel in ("", "..", ".", "a/b", "../x"):
        with pytest.raises(UsageError, match="is no channel"):
            inputs({channel: tmp_path / "data.csv"})


def test_too_much_input_is_refused_with_advice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(packing, "MOST", 1 << 20)
    place(tmp_path, {"a/x": "x" * (600 << 10), "b/y": "y" * (500 << 10)})
    assert len(inputs(tmp_path / "a")[0]) == 1
    with pytest.raises(UsageError, match=r"input_data: 1 MiB are more than the 1 .*a/x \(0\.6 MiB\).*s3://"):
        inputs({"a": tmp_path / "a", "b": tmp_path / "b"})
