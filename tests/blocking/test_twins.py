"""The blocking classes say and take what the async ones do, but for time limits; and the generator notices changes."""

from __future__ import annotations

import inspect
import pydoc
import re

import pytest

import quantumjobs as qj
from quantumjobs import blocking
from quantumjobs._tools import blocking as generator
from quantumjobs._tools import twins

TWINS = [(getattr(qj, source.name), getattr(blocking, source.name)) for source in twins.SOURCES]
TIME_LIMITS = ["timeout", "on_timeout"]
TIMED = {"Job.result", "Job.wait", "HybridJob.result", "as_completed.__init__"}
LIMITED = {"HybridJob.metrics", "HybridJob.download_result"}
OTHER_NAMES = {"aclose": "close", "__aenter__": "__enter__", "__aexit__": "__exit__", "__aiter__": "__iter__"}
ONLY_ASYNC = {"__await__", "__del__"}


def members(class_):
    """Public members, and the special methods that are written in Python."""
    return {
        name: member
        for name, member in vars(class_).items()
        if not name.startswith("_") or (inspect.isfunction(member) and re.fullmatch(r"__\w+__|_repr_\w+_", name))
    }


CASES = [
    pytest.param(f"{ours.__name__}.{name}", member, twin, id=f"{ours.__name__}.{name}")
    for ours, twin in TWINS
    for name, member in members(ours).items()
    if name not in ONLY_ASYNC and not (name == "__init__" and ours.__name__ in ("Job", "HybridJob", "Backend"))
]


def counterpart(full, twin):
    name = full.partition(".")[2]
    return vars(twin)[{**OTHER_NAMES, "__anext__": "__next__"}.get(name, name)]


def is_async(function):
    return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)


@pytest.mark.parametrize(("full", "member", "twin"), CASES)
def test_a_twin_has_the_same_signature(full, member, twin):
    other = counterpart(full, twin)
    if isinstance(member, property):
        assert isinstance(other, property)
        assert (member.fset is None) == (other.fset is None)
        member, other = member.fget, other.fget
    ours, theirs = inspect.signature(member), inspect.signature(other)
    extra = [name for name in theirs.parameters if name not in ours.parameters]
    assert extra == (TIME_LIMITS if full in TIMED else TIME_LIMITS[:1] if full in LIMITED else [])
    kept = [one for name, one in theirs.parameters.items() if name not in extra]
    assert kept == list(ours.parameters.values())
    assert theirs.return_annotation == str(ours.return_annotation).replace("AsyncIterator[", "Stream[")


@pytest.mark.parametrize(("full", "member", "twin"), CASES)
def test_nothing_of_a_twin_is_or_leads_to_a_coroutine_function(full, member, twin):
    other = counterpart(full, twin)
    other = other.fget if isinstance(other, property) else other
    assert not is_async(other)
    assert not hasattr(other, "__wrapped__")
    assert not is_async(inspect.unwrap(other))
    assert inspect.getsourcefile(other).endswith(f"blocking/{twin.__module__.rpartition('.')[2]}.py")


@pytest.mark.parametrize(("full", "member", "twin"), CASES)
def test_help_says_the_same_without_await(full, member, twin):
    other = counterpart(full, twin)
    said, says = inspect.getdoc(member), inspect.getdoc(other)
    if member.__doc__ is None:
        assert other.__doc__ is None
        return
    kept = set(re.findall(r"\w+", said)) - {"await", "async", "aclose", "Cancelling"}
    assert kept <= set(re.findall(r"\w+", says))
    limits = TIME_LIMITS if full in TIMED - {"as_completed.__init__"} else TIME_LIMITS[:1] if full in LIMITED else []
    for name in limits:
        assert f"`{name}" in says


@pytest.mark.parametrize(("ours", "twin"), TWINS)
def test_help_of_a_twin_never_speaks_of_await(ours, twin):
    text = pydoc.plain(pydoc.render_doc(twin))
    assert not re.search(r"\bawait\b|\basync\b|\baclose\b|coroutine", text)
    assert "quantumjobs.blocking" in text


def test_a_twin_has_nothing_that_the_async_class_does_not_have():
    for ours, twin in TWINS:
        names = {{**OTHER_NAMES, "__anext__": "__next__"}.get(name, name) for name in members(ours)}
        assert set(members(twin)) - names <= {"__init__"}


def test_the_module_has_every_public_name_and_its_own_classes():
    assert set(qj.__all__) - set(blocking.__all__) == {"__version__"}
    assert set(blocking.__all__) - set(qj.__all__) == {"Stream"}
    own = {source.name for source in twins.SOURCES}
    for name in blocking.__all__:
        same = name not in own and name != "Stream"
        assert (getattr(blocking, name) is getattr(qj, name, None)) == same
    assert dir(blocking) == blocking.__all__
    with pytest.raises(AttributeError, match="has no attribute 'Clinet'"):
        blocking.Clinet  # noqa: B018


# --- the generator ----------------------------------------------------------------------
def changed(monkeypatch, tmp_path, path, old, new):
    """The generated texts for a checkout where a source is different."""
    for source in (*(one.path for one in twins.SOURCES), generator.FACE):
        text = (generator.ROOT / source).read_text(encoding="utf-8")
        if source == path:
            assert old in text
            text = text.replace(old, new)
        (tmp_path / source).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / source).write_text(text, encoding="utf-8")
    monkeypatch.setattr(generator, "ROOT", tmp_path)
    return generator.outputs()


JOB, CLIENT = "quantumjobs/engine/job.py", "quantumjobs/client/client.py"
CHANGES = {
    "a parameter": (
        JOB,
        "async def refresh(self)",
        "async def refresh(self, hard: bool = True)",
        "self._twin.refresh(hard)",
    ),
    "a default": (CLIENT, "since: int = 0", "since: int = 5", "since: int = 5"),
    "a docstring": (JOB, '"""Look now, once.', '"""Await nothing, look now.', '"""Await nothing, look now.'),
    "a method": (
        JOB,
        "    async def refresh(self)",
        (
            '    async def pause(self, *, by: str) -> Job:\n        """Pause."""\n        return self\n\n'
            "    async def refresh(self)"
        ),
        "return self._bridge.job(self._bridge.call(self._twin.pause(by=by)))",
    ),
    "a stream": (
        JOB,
        "    async def refresh(self)",
        (
            '    async def logs(self, *, follow: bool = False) -> AsyncIterator[str]:\n        """Lines."""\n'
            '        yield ""\n\n    async def refresh(self)'
        ),
        "return self._bridge.stream(self._twin.logs(follow=follow))",
    ),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_of_the_async_side_changes_the_twin(monkeypatch, tmp_path, what):
    path, old, new, expected = CHANGES[what]
    before, after = generator.outputs(), changed(monkeypatch, tmp_path, path, old, new)
    assert before != after
    assert expected in "".join(after.values())


@pytest.mark.parametrize(
    "table", ["AT_ONCE", "LIMITED", "IN_THE_CALLERS_THREAD", "AFTERWARDS", "OVERRIDES", "ABOUT_TIMEOUT"]
)
def test_an_entry_of_the_tables_that_nothing_uses_is_an_error(monkeypatch, table):
    monkeypatch.setitem(getattr(twins, table), "Job.gone", "")
    with pytest.raises(ValueError, match=r"nothing uses: Job\.gone"):
        generator.outputs()


def test_a_wording_that_nothing_says_is_an_error(monkeypatch):
    monkeypatch.setattr(twins, "REWORDED", (*twins.REWORDED, ("never said anywhere", "nor here")))
    with pytest.raises(ValueError, match="never said anywhere"):
        generator.outputs()


def test_a_public_method_needs_a_docstring_and_a_return_type(monkeypatch, tmp_path):
    with pytest.raises(ValueError, match=r"Job\.refresh has no return annotation"):
        changed(monkeypatch, tmp_path, JOB, "async def refresh(self) -> Job:", "async def refresh(self):")
