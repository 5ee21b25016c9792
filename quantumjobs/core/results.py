"""What a job gives: one entry per circuit, kept packed, formatted when somebody looks.

`CircuitResult` reads one `Entry`; `Result` is the sequence of them that the user awaits. numpy loads when bits are read,
Qiskit only in `to_qiskit`, `to_bit_array` and `plot`.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, overload

import msgspec
from msgspec import Struct

from quantumjobs.core import bits as packed
from quantumjobs.core import html, values
from quantumjobs.core.entries import NOTHING, Entry, failed_entry
from quantumjobs.core.text import one_line
from quantumjobs.errors import ResultUnavailable, UsageError

if TYPE_CHECKING:
    import numpy as np

_WORTH = 1 << 20
"""Bytes of outcomes that are counted unasked, where a result is only looked at; more is not worth a wait."""
_MOST_BARS = 64
"""Outcomes that a histogram shows where nobody says how many: two thousand take 14 seconds, and cannot be read."""


class _Segment(Struct, frozen=True, array_like=True):
    """Entries of one remote job, and what that job said of itself."""

    about: memoryview
    entries: tuple[Entry, ...]


class CircuitResult:
    """The outcome of one circuit. A circuit that failed raises `ResultUnavailable` when its outcome is read."""

    def __init__(self, entry: Entry, about: memoryview = NOTHING, raw: Any = None) -> None:
        self._entry = entry
        self._about = about
        self._raw = raw

    def __repr__(self) -> str:
        entry = self._entry
        if entry.error is not None:
            return f"<CircuitResult {entry.name!r} failed: {entry.error}>"
        return f"<CircuitResult {entry.name!r} {entry.shots} shots{self._glance()}>"

    def _repr_html_(self) -> str:
        return html.circuit(self._shown(html.OUTCOMES, _WORTH))

    def __reduce__(self) -> tuple[Any, ...]:
        return _first, (Result([self]).to_bytes(), self._raw)

    # --- plain facts ----------------------------------------------------------------------
    @property
    def name(self) -> str:
        """The circuit's name."""
        return self._entry.name

    @property
    def shots(self) -> int:
        """How often the circuit was run."""
        return self._entry.shots

    @property
    def clbits(self) -> int:
        """How many classical bits an outcome has."""
        return self._entry.clbits

    @property
    def registers(self) -> tuple[tuple[str, int], ...]:
        """The classical registers, (name, size), first register first."""
        return self._entry.registers

    @property
    def seed(self) -> int | None:
        """The simulator's seed for this circuit: the same seed and options give the same outcome."""
        return self._entry.seed

    @property
    def error(self) -> str | None:
        """Why this circuit failed; None when it did not."""
        return self._entry.error

    @property
    def raw(self) -> Any:
        """The provider's own answer (name to bytes); circuits of one remote job share it."""
        return self._raw

    # --- outcomes -------------------------------------------------------------------------
    @cached_property
    def counts(self) -> dict[str, int]:
        """Outcome to number of shots, in ascending order of outcomes.

        Qiskit's bit order: clbit 0 right-most, registers separated by spaces, the last register first.
        """
        rows, often = self._counted()
        return dict(zip(packed.texts(rows, self.clbits, self.registers), often.tolist(), strict=True))

    @cached_property
    def probabilities(self) -> dict[str, float]:
        """Outcome to relative frequency; where nothing was counted, the probabilities that the provider computed."""
        if not self._entry.rows and "probabilities" in self.data:
            return dict(self.data["probabilities"])
        counts = self.counts
        total = sum(counts.values())
        return {outcome: number / total for outcome, number in counts.items()}

    @cached_property
    def memory(self) -> list[str]:
        """Each shot's outcome, in the order of the shots; kept only for jobs run with `memory=True`."""
        entry = self._measured()
        if entry.weights is not None:
            raise UsageError(
                f"the single shots of {entry.name!r} were not kept: ask for them by run(..., memory=True); "
                "counts has how often each outcome occurred"
            )
        return packed.texts(entry.rows, entry.clbits, entry.registers)

    @cached_property
    def bits(self) -> np.ndarray[Any, np.dtype[np.uint8]]:
        """Outcomes packed as `uint8` of shape `(shots, ceil(clbits / 8))`, exactly as in Qiskit's `BitArray.array`.

        Row order is shot order for a job run with `memory=True`; otherwise equal outcomes stand together, in ascending
        order, since the order of the shots was not kept. Read-only.
        """
        import numpy as np

        entry = self._measured()
        if entry.weights is None:
            return packed.array(entry.rows, entry.clbits)
        rows, often = self._counted()
        repeated = np.repeat(packed.array(rows, entry.clbits), often.astype(np.intp), axis=0)
        repeated.flags.writeable = False
        return repeated

    @property
    def data(self) -> Mapping[str, Any]:
        """What else the circuit gave, by label: saved states, expectation values, result types."""
        self._check()
        data: Mapping[str, Any] = self._more.get("data", {})
        return data

    @cached_property
    def metadata(self) -> Mapping[str, Any]:
        """What the provider says of the run; under "circuit_metadata" what the circuit carried."""
        more = self._more
        return {**more.get("metadata", {}), "circuit_metadata": more.get("circuit_metadata")}

    # --- Qiskit ---------------------------------------------------------------------------
    def to_bit_array(self, register: str | None = None) -> Any:
        """Qiskit's `BitArray` of all clbits, or of one register. Row order as in `bits`."""
        entry = self._measured()
        array = importlib.import_module("qiskit.primitives").BitArray(self.bits, num_bits=entry.clbits)
        if register is None:
            return array
        start = 0
        for name, size in entry.registers:
            if name == register:
                return array.slice_bits(range(start, start + size))
            start += size
        names = ", ".join(name for name, _ in entry.registers) or "none"
        raise UsageError(f"{entry.name!r} has no classical register {register!r}; it has: {names}")

    def to_qiskit(self) -> Any:
        """A `qiskit.result.Result` of this one circuit."""
        return Result([self]).to_qiskit()

    def plot(self, **options: Any) -> Any:
        """A histogram of the counts (Qiskit's `plot_histogram`, which takes the options): a matplotlib figure.

        Raises `ResultUnavailable` where the circuit failed, and `UsageError` where matplotlib is missing.
        """
        return Result([self]).plot(**options)

    # --- inside ---------------------------------------------------------------------------
    def with_entry(self, entry: Entry) -> CircuitResult:
        """Another outcome in the place of this one; what its remote job said of itself stays."""
        return CircuitResult(entry, self._about, self._raw)

    def _check(self) -> None:
        if self._entry.error is not None:
            raise ResultUnavailable(f"circuit {self._entry.name!r} failed: {self._entry.error}")

    def _measured(self) -> Entry:
        self._check()
        entry = self._entry
        if not entry.rows:
            saved = ", ".join(self._more.get("data", ())) or "nothing either"
            raise UsageError(f"circuit {entry.name!r} has no measured outcomes; data has: {saved}")
        return entry

    @cached_property
    def _more(self) -> dict[str, Any]:
        more = self._entry.more
        return values.load(more) if more else {}

    def _counted(self) -> tuple[packed.Buffer, np.ndarray[Any, np.dtype[np.uint64]]]:
        """The distinct rows in ascending order, and their numbers."""
        import numpy as np

        entry = self._measured()
        if entry.weights is None:
            rows, weights = packed.distinct(entry.rows, entry.clbits)
            return rows, np.frombuffer(weights, dtype="<u8")
        return entry.rows, np.frombuffer(entry.weights, dtype="<u8")

    def _glance(self) -> str:
        if not self._entry.rows or len(self._entry.rows) > _WORTH:
            return ""
        best = sorted(self.counts.items(), key=lambda item: -item[1])
        shown = ", ".join(f"{outcome!r}: {number}" for outcome, number in best[:4])
        return f" {{{shown}{', ...' if len(best) > 4 else ''}}}"

    def _shown(self, top: int, worth: int) -> html.Circuit:
        """What a notebook shows. Outcomes of more than `worth` bytes are not counted, nor is much else read."""
        entry = self._entry
        about = html.Circuit(entry.name, entry.shots, entry.clbits, entry.registers, entry.seed, entry.error)
        if entry.error is not None:
            return about
        unread = []
        if len(entry.rows) <= (worth if entry.weights is None else 16 * worth):  # counted already: choosing is quick
            about = about._replace(outcomes=self._most_frequent(top))
        else:
            unread.append("too many outcomes to look through here: counts has them")
        if len(entry.more) <= 16 * worth:
            about = about._replace(saved=self._more.get("data", {}))
        else:
            unread.append("too much saved data to read it here: data has it")
        return about._replace(note="; ".join(unread))

    def _most_frequent(self, top: int) -> html.Outcomes | None:
        """The first of them, equally frequent ones in ascending order; only these become text."""
        if not self._entry.rows:
            return None
        import numpy as np

        rows, often = self._counted()
        chosen = np.arange(len(often))
        if len(often) > top:
            least = np.partition(often, -top)[-top]
            chosen = np.concatenate([np.flatnonzero(often > least), np.flatnonzero(often == least)])[:top]
        numbers = often[chosen].tolist()
        shown = packed.array(rows, self.clbits)[chosen].tobytes()
        outcomes = zip(packed.texts(shown, self.clbits, self.registers), numbers, strict=True)
        ordered = sorted(outcomes, key=lambda outcome: (-outcome[1], outcome[0]))
        return html.Outcomes(ordered, len(often), int(often.sum()))


class Result(Sequence[CircuitResult]):
    """What a job gives: a sequence with one `CircuitResult` per circuit, in the order they were given.

    Its `counts`, `memory` and so on are those of the circuit when there is one; otherwise say which: `result[0].counts`.
    """

    __slots__ = ("_items",)

    def __init__(self, items: Iterable[CircuitResult]) -> None:
        self._items = tuple(items)

    @classmethod
    def of(cls, entries: Iterable[Entry], *, about: Mapping[str, Any] | None = None, raw: Any = None) -> Result:
        """From the entries of one remote job. `about`: "backend_name", "job_id", "date" ..., as Qiskit's result has."""
        shared = memoryview(values.dump(dict(about))) if about else NOTHING
        return cls([CircuitResult(entry, shared, raw) for entry in entries])

    @classmethod
    def of_parts(cls, parts: Iterable[Result]) -> Result:
        """Put the results of several parts together, in the order given."""
        return cls([item for part in parts for item in part])

    @classmethod
    def failed(cls, count: int, error: str, *, name: str = "") -> Result:
        """So many circuits without a result: a part that failed altogether, within a partial result."""
        return cls([CircuitResult(failed_entry(error, name=name))] * count)

    @classmethod
    def from_bytes(cls, body: bytes | memoryview, *, raw: Any = None) -> Result:
        """The inverse of `to_bytes`. Entries are views of `body`, which is not copied."""
        segments = _decode(body)
        if len(segments) == 1:
            about = segments[0].about
            return cls([CircuitResult(entry, about, raw) for entry in segments[0].entries])
        return cls([CircuitResult(entry, segment.about, raw) for segment in segments for entry in segment.entries])

    def to_bytes(self) -> bytes:
        """A compact form without pickle, for another process or for keeping. `raw` is not part of it."""
        segments: list[tuple[memoryview, list[Entry]]] = []
        for item in self._items:
            if not segments or segments[-1][0] is not item._about:
                segments.append((item._about, []))
            segments[-1][1].append(item._entry)
        return _encode([_Segment(about, tuple(entries)) for about, entries in segments])

    def with_raw(self, raw: Any) -> Result:
        """The same, with the provider's own answer beside it."""
        return type(self)([CircuitResult(item._entry, item._about, raw) for item in self._items])

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (list(self._items),)

    def __len__(self) -> int:
        return len(self._items)

    @overload
    def __getitem__(self, index: int) -> CircuitResult: ...
    @overload
    def __getitem__(self, index: slice) -> Result: ...
    def __getitem__(self, index: int | slice) -> CircuitResult | Result:
        return Result(self._items[index]) if isinstance(index, slice) else self._items[index]

    def __repr__(self) -> str:
        if len(self._items) == 1:
            return f"<Result {repr(self._items[0])[1:-1].removeprefix('CircuitResult ')}>"
        failed = sum(item.error is not None for item in self._items)
        return f"<Result of {len(self._items)} circuits{f', {failed} failed' if failed else ''}>"

    def _repr_html_(self) -> str:
        if len(self._items) == 1:
            return html.circuit(self._items[0]._shown(html.OUTCOMES, _WORTH), title="Result")
        failed = [at for at, item in enumerate(self._items) if item.error is not None]
        # The first ones, and wherever they stand some of those that failed.
        indices = sorted(islice(dict.fromkeys(chain(failed[: html.CIRCUITS // 2], range(len(self)))), html.CIRCUITS))
        worth = _WORTH // html.CIRCUITS
        shown = [(at, self._items[at]._shown(html.BRIEFLY, worth)) for at in indices]
        return html.circuits(shown, count=len(self), failed=len(failed))

    def _only(self, what: str) -> CircuitResult:
        if len(self._items) != 1:
            raise UsageError(
                f"this result has {len(self._items)} circuits: say which, as in result[0].{what}, "
                f"or go through them: for one in result: one.{what}"
            )
        return self._items[0]

    @property
    def counts(self) -> dict[str, int]:
        """`CircuitResult.counts` of the only circuit."""
        return self._only("counts").counts

    @property
    def memory(self) -> list[str]:
        """`CircuitResult.memory` of the only circuit."""
        return self._only("memory").memory

    @property
    def probabilities(self) -> dict[str, float]:
        """`CircuitResult.probabilities` of the only circuit."""
        return self._only("probabilities").probabilities

    @property
    def bits(self) -> np.ndarray[Any, np.dtype[np.uint8]]:
        """`CircuitResult.bits` of the only circuit."""
        return self._only("bits").bits

    @property
    def data(self) -> Mapping[str, Any]:
        """`CircuitResult.data` of the only circuit."""
        return self._only("data").data

    @property
    def metadata(self) -> Mapping[str, Any]:
        """`CircuitResult.metadata` of the only circuit."""
        return self._only("metadata").metadata

    @property
    def raw(self) -> Any:
        """`CircuitResult.raw` of the only circuit."""
        return self._only("raw").raw

    def to_bit_array(self, register: str | None = None) -> Any:
        """`CircuitResult.to_bit_array` of the only circuit."""
        return self._only("to_bit_array()").to_bit_array(register)

    def to_qiskit(self) -> Any:
        """Qiskit's `Result`, with Aer's saved data as Aer gives it (`Statevector`, `DensityMatrix`, ...)."""
        first = self._items[0]._about if self._items else NOTHING
        about = values.load(first) if first else {}
        ok = all(item.error is None for item in self._items)
        document = {"backend_name": "", "backend_version": "", "job_id": "", "status": "COMPLETED", **about}
        if not ok:
            document["status"] = "PARTIAL COMPLETED"
        document |= {"success": ok, "results": [_experiment(item) for item in self._items]}
        return importlib.import_module("qiskit.result").Result.from_dict(document)

    def plot(self, **options: Any) -> Any:
        """Histograms of the counts (Qiskit's `plot_histogram`, which takes the options): a matplotlib figure.

        Of very many outcomes the most frequent are shown, and the rest together; `number_to_keep` says how many. Raises
        `ResultUnavailable` where a circuit failed, and `UsageError` where matplotlib is missing. In a notebook the
        figure is shown once; elsewhere `plt.show()` shows it, as always, until `plt.close(figure)`.
        """
        try:
            importlib.import_module("matplotlib")
        except ImportError as error:
            raise UsageError("plot() needs matplotlib: pip install 'quantumjobs[plot]'") from error
        if not self._items:
            raise UsageError("this result has no circuits: there is nothing to plot")
        counts = [item.counts for item in self._items]
        if len(counts) > 1:
            options.setdefault("legend", [_legend(item.name) for item in self._items])
        if max(map(len, counts)) > _MOST_BARS:
            options.setdefault("number_to_keep", _MOST_BARS)
        return importlib.import_module("qiskit.visualization").plot_histogram(counts, **options)


# --- inside -----------------------------------------------------------------------------
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[_Segment, ...]).decode


def _first(body: bytes, raw: Any) -> CircuitResult:
    return Result.from_bytes(body, raw=raw)[0]


def _legend(name: str) -> str:
    """A name as matplotlib shows it: a dollar sign would begin a formula, and an underscore hide it."""
    line = one_line(name, limit=40).replace("$", r"\$")
    return f" {line}" if line.startswith("_") else line


def _experiment(item: CircuitResult) -> dict[str, Any]:
    """One circuit in the form of Qiskit's result documents."""
    entry, more = item._entry, item._more
    known = more.get("qiskit", {})
    metadata = more.get("metadata", {})
    data: dict[str, Any] = dict(more.get("data", {}))
    kinds = metadata.get("result_types", {})
    if kinds:  # Aer's own classes, which compare unequal to their namesakes in qiskit.quantum_info
        shape = importlib.import_module("qiskit_aer.backends.backend_utils").format_save_type
        subtypes = metadata.get("result_subtypes", {})
        data = {
            key: shape(value, kinds[key], subtypes.get(key, "")) if key in kinds else value
            for key, value in data.items()
        }
    if entry.rows:
        rows, often = item._counted()
        data["counts"] = dict(zip(packed.hexes(rows, entry.clbits), often.tolist(), strict=True))
        if entry.weights is None:
            data["memory"] = packed.hexes(entry.rows, entry.clbits)
    document = {
        "shots": entry.shots,
        "success": entry.error is None,
        "status": known.get("status", "DONE") if entry.error is None else entry.error,
        "data": data,
        "header": {
            "name": entry.name,
            "memory_slots": entry.clbits,
            "creg_sizes": [list(register) for register in entry.registers],
            **known.get("header", {}),
            "metadata": more.get("circuit_metadata") or {},
        },
        "metadata": metadata,
    }
    if "time_taken" in known:
        document["time_taken"] = known["time_taken"]
    if entry.seed is not None:
        document["seed_simulator"] = entry.seed
    return document
