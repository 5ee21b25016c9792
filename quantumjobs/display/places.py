"""Where progress is drawn: in a notebook, on a terminal, or, elsewhere, as a line per change. Never on standard output.

A place draws frames (`Canvas`) or is told news (`Told`). Both may raise anything: a terminal may be gone, a stream
closed, a notebook's display broken. Neither waits for somebody to read: what cannot be written now is left out.
"""

from __future__ import annotations

import contextvars
import sys
import uuid
from collections.abc import Hashable
from concurrent.futures import Future
from functools import cache, partial
from importlib.util import find_spec
from threading import Thread
from typing import TYPE_CHECKING, Any, Protocol, TextIO, runtime_checkable

from quantumjobs.display.progress import HEIGHT, Frame
from quantumjobs.display.streams import Stream, is_drawn_on, size

if TYPE_CHECKING:
    from quantumjobs.display.screen import Screen


class Canvas(Protocol):
    """Shows one frame at a time, each in the place of the one before."""

    key: Hashable
    """Equal for what is drawn together."""
    period: float
    """Seconds between two frames, at least."""

    @property
    def height(self) -> int:
        """Lines that a frame may have now."""
        ...

    def draw(self, frame: Frame) -> None:
        """Show this frame."""
        ...

    def finish(self, frame: Frame) -> None:
        """Show the last frame, which stays."""
        ...


@runtime_checkable
class Told(Protocol):
    """Takes lines of text."""

    key: Hashable

    def tell(self, line: str) -> bool:
        """Write a line; False where it would have to wait for a reader."""
        ...


def find() -> Canvas | Told | None:
    """Where the caller's user looks; None where nobody can."""
    shell = _kernel_shell()
    if shell is not None:
        return Notebook(shell)
    stream = sys.stderr
    if stream is None or stream.closed:
        return None
    if not is_drawn_on(stream):
        return Stream(stream)
    screens = _screens()
    return Stream(stream) if screens.done() and screens.exception() else Terminal(stream, screens)


# --- a notebook -------------------------------------------------------------------------
class Notebook:
    """One output of the cell that the caller runs in. The last frame stays, in saved notebooks too."""

    period = 0.25  # each frame is a message to a browser
    height = HEIGHT

    def __init__(self, shell: Any) -> None:
        self.key: Hashable = ("notebook", _cell(shell))
        # A kernel finds the cell in the context, and frames are drawn from timers that anybody may have set.
        self._context = contextvars.copy_context()
        self._id = uuid.uuid4().hex
        self._shown: dict[str, str] = {}

    def draw(self, frame: Frame) -> None:
        """Show or update the output."""
        bundle = {"text/html": frame.html(), "text/plain": "\n".join(frame.lines())}
        if bundle != self._shown:
            from IPython.display import display

            self._context.run(partial(display, bundle, raw=True, display_id=self._id, update=bool(self._shown)))
            self._shown = bundle

    finish = draw


def _kernel_shell() -> Any:
    """IPython's shell, where it runs in a kernel. IPython is not imported: who runs in it has loaded it."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None and hasattr(ipython, "get_ipython") else None
    return shell if getattr(shell, "kernel", None) is not None else None


def _cell(shell: Any) -> Hashable:
    """What tells the caller's cell from others; None where the kernel does not say."""
    header = getattr(getattr(shell, "display_pub", None), "parent_header", None)
    name = header.get("msg_id") if isinstance(header, dict) else None
    return name if isinstance(name, str) else None


# --- a terminal -------------------------------------------------------------------------
class Terminal:
    """The lines below what the program writes, from the moment on that what draws them is loaded."""

    period = 0.1

    def __init__(self, stream: TextIO, screens: Future[type[Screen]]) -> None:
        self.key: Hashable = ("terminal", id(stream))
        self._stream = stream
        self._screens = screens
        self._screen: Screen | None = None

    @property
    def height(self) -> int:
        """So many that a line above them is on the screen."""
        return max(1, min(HEIGHT, size(self._stream).lines - 2))

    def draw(self, frame: Frame) -> None:
        """Draw, if everything is there."""
        screen = self._loaded()
        if screen is not None:
            screen.draw(frame)

    def finish(self, frame: Frame) -> None:
        """Draw what stays."""
        screen = self._loaded()
        if screen is not None:
            screen.finish(frame)

    def _loaded(self) -> Screen | None:
        if self._screen is None and self._screens.done():
            self._screen = self._screens.result()(self._stream)
        return self._screen


@cache
def _screens() -> Future[type[Screen]]:
    """What draws in terminals. Importing Rich takes longer than a loop may be held up, so a thread does it."""
    screens: Future[type[Screen]] = Future()
    if find_spec("rich") is None:
        screens.set_exception(ModuleNotFoundError("pip install 'quantumjobs[cli]'"))
    else:
        Thread(target=_load, args=(screens,), name="quantumjobs-rich", daemon=True).start()
    return screens


def _load(screens: Future[type[Screen]]) -> None:
    try:
        from quantumjobs.display.screen import Screen
    except BaseException as error:
        screens.set_exception(error)
    else:
        screens.set_result(Screen)
