"""`@hybrid.program`: a function that is called here, and submitted elsewhere with arguments that are JSON."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

from quantumjobs import hybrid
from quantumjobs.errors import UsageError


class Client:
    """Notes what it is asked for, and gives it back: as a job, or to be awaited."""

    def hybrid_job(self, device: str, source: Any, *, arguments: Any = None, **options: Any) -> Any:
        return device, source, arguments, options


class AsyncClient(Client):
    async def hybrid_job(self, device: str, source: Any, *, arguments: Any = None, **options: Any) -> Any:
        return super().hybrid_job(device, source, arguments=arguments, **options)


@hybrid.program("braket/sv1", max_runtime=600)
def minimum(start: float, steps: int = 20, **more: Any) -> dict:
    """The lowest there is."""
    return {"start": start, "steps": steps, **more}


@hybrid.program(device="braket/sv1")
def of_a_client(client: str, self: str) -> str:
    return client + self


def test_called_it_is_the_function():
    assert minimum(0.5, steps=3) == {"start": 0.5, "steps": 3}
    assert minimum(0.5) == minimum.function(0.5)
    assert (minimum.__name__, minimum.__doc__) == ("minimum", "The lowest there is.")
    assert str(inspect.signature(minimum)) == "(start: 'float', steps: 'int' = 20, **more: 'Any') -> 'dict'"
    assert repr(minimum) == "<HybridProgram minimum for braket/sv1>"


def test_submitted_it_is_the_client_s_with_arguments_by_name():
    device, source, arguments, options = minimum.submit(Client(), 0.5, rate=[1, None], tags={"a": "b"})
    assert (device, options) == ("braket/sv1", {"max_runtime": 600})
    assert source is minimum.function
    assert arguments == {"start": 0.5, "rate": [1, None], "tags": {"a": "b"}}


async def test_with_an_async_client_it_is_awaited():
    assert await minimum.submit(AsyncClient(), 1) == minimum.submit(Client(), 1)


def test_a_function_may_call_its_parameters_as_it_likes():
    assert of_a_client.submit(Client(), "a", self="b")[2] == {"client": "a", "self": "b"}


def test_options_are_replaced_in_a_program_of_its_own():
    local = minimum.with_options(local=True, max_runtime=5)
    assert local.submit(Client(), 1) == (
        "braket/sv1",
        minimum.function,
        {"start": 1},
        {"max_runtime": 5, "local": True},
    )
    assert minimum.with_options(device="braket/tn1").submit(Client(), 1)[0] == "braket/tn1"
    assert minimum.submit(Client(), 1)[3] == {"max_runtime": 600}


@pytest.mark.parametrize("name", ["source", "arguments", "entry_point"])
def test_what_the_function_tells_is_no_option(name):
    with pytest.raises(UsageError, match=f"^{name}= is told by the function"):
        minimum.with_options(**{name: "x"})
    with pytest.raises(UsageError, match=f"^{name}="):
        hybrid.program("braket/sv1", **{name: "x"})(len)


@pytest.mark.parametrize(
    ("args", "kwargs", "because"),
    [
        ((), {}, "minimum(.*) does not take these arguments: missing a required argument: 'start'"),
        ((1, 2, 3), {}, "too many positional arguments"),
        ((1,), {"start": 2}, "multiple values for argument 'start'"),
        ((np.zeros(2),), {}, r"minimum: start is a numpy.ndarray, .*value\.tolist\(\)"),
        ((1,), {"more": {"deep": [0, {1, 2}]}}, r"minimum: more\['deep'\]\[1\] is a set"),
        ((float("inf"),), {}, "minimum: start is inf"),
    ],
)
def test_arguments_that_do_not_fit_or_are_no_json_are_refused_before_the_client_is_asked(args, kwargs, because):
    with pytest.raises(UsageError, match=because):
        minimum.submit(None, *args, **kwargs)


def test_what_can_only_be_passed_by_place_is_refused():
    @hybrid.program("braket/sv1")
    def several(*angles):
        return len(angles)

    @hybrid.program("braket/sv1")
    def first(angle, /):
        return angle

    assert (several(1, 2), first(1)) == (2, 1)
    for program, named in ((several, r"'\*angles'"), (first, "'angle'")):
        with pytest.raises(UsageError, match=f"arguments go by name; {named} can only go by place"):
            program.submit(None, 1)
