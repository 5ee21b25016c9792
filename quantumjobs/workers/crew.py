"""The workers of one pool, and who of them gets which call: dealing out, taking back, watching the clock.

Everything here runs in callbacks of the loop and never waits. What a caller sees is in ``pool``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec

from quantumjobs.workers import launch
from quantumjobs.workers.backlog import Backlog, Budget, Pending
from quantumjobs.workers.ending import Cause, Ending, PoolClosed, WorkerDied, WorkersUnavailable
from quantumjobs.workers.envelope import Fault
from quantumjobs.workers.frames import Done, Failed, FromWorker, Hello, Progress, Skipped
from quantumjobs.workers.hand import Hand, Role

__all__ = ["Crew"]

_BATCH = 32  # calls in one worker's hands
_BATCH_BYTES = 1 << 20
_BATCH_SECONDS = 0.02  # of expected work in one worker's hands, beyond the first call
_REFILL = 4  # a worker with no more than this many calls is given some
_LONG = 0.25  # seconds after which a light call is promoted
_LONG_AT_FIRST = 1.0  # the same for a worker's first call, in which it imports
_GRACE = 0.1  # seconds a cancelled call may take to end by itself; a new process costs more than a short wait
_TICK = 0.05
_SPARE = 10.0  # seconds a worker that was promoted is kept beside the warm ones
_START = 120.0  # seconds until a worker must have said hello
_LOSSES = 4  # workers a call may lose through no fault of its own before it is given up
_STRIKES = 4  # workers in a row that ended before their hello

_decode_fault = msgspec.msgpack.Decoder(Fault).decode


class Crew:
    """Warm workers for light calls, a new one for each heavy call, and the calls that wait for either."""

    def __init__(self, cores: int, budget: Budget) -> None:
        self._loop = asyncio.get_running_loop()
        self.cores = cores
        self.closed = False
        self.hands: set[Hand] = set()
        self.backlog = Backlog(budget)
        self._most_promoted = max(4, 2 * cores)
        self._pace: dict[str, float] = {}  # seconds a call of this function takes, lately
        self._planned = False
        self._ticker: asyncio.TimerHandle | None = None
        self._starts: set[asyncio.Task[None]] = set()
        self._strikes = 0

    def add(self, call: Pending) -> None:
        self.backlog.push(call)
        self._plan()

    def warm(self) -> None:
        """Start a warm worker if there is none."""
        if not any(hand.role is Role.WARM for hand in self.hands):
            self._start(Role.WARM)

    async def close(self) -> None:
        """Fail all calls with ``PoolClosed``, end what runs, park who is idle."""
        self.closed = True
        if self._ticker is not None:
            self._ticker.cancel()
        for task in self._starts:
            task.cancel()
        hands = list(self.hands)
        self.hands.clear()
        calls = self.backlog.drain()
        released = []
        for hand in hands:
            calls += hand.mine()
            released += hand.release()
        for call in calls:
            if not call.future.done():
                call.future.set_exception(PoolClosed("the worker pool was closed during the call"))
        try:
            settling = (channel.settled() for _, channel in released)
            await asyncio.gather(*self._starts, *settling, return_exceptions=True)
        finally:
            for link, _ in released:
                launch.park(link)

    def abandon(self) -> None:
        """Let the workers go when the loop was closed before: nobody waits, and the loop takes no call."""
        self.closed = True
        for hand in self.hands:
            hand.close(detach=False)
        self.hands.clear()

    # --- who gets what --------------------------------------------------------------------

    def _plan(self) -> None:
        if not self._planned:
            # Once per turn of the loop: a burst of calls is dealt out together.
            self._planned = True
            self._loop.call_soon(self._deal)

    def _deal(self) -> None:
        self._planned = False
        if self.closed:
            return
        backlog = self.backlog
        if backlog.light:
            self._deal_light()
        # An errand that somebody waits for does not wait for simulations; they have the cores, it is over soon.
        while (heavy := sum(hand.role is Role.HEAVY for hand in self.hands)) < 2 * self.cores:
            call = backlog.next_heavy(urgent=heavy >= self.cores)
            if call is None:
                break
            self._start(Role.HEAVY, call)
        self._arm()

    def _deal_light(self) -> None:
        warm = [hand for hand in self.hands if hand.role is Role.WARM]
        waiting = self.backlog.light
        coming = sum(not hand.calls for hand in warm)
        for _ in range(min(self.cores - len(warm), waiting - coming)):
            self._start(Role.WARM)
        late = self._loop.time() - _LONG
        for hand in sorted(warm, key=Hand.__len__):
            if hand.ready and len(hand.calls) <= _REFILL and (hand.head_since > late or not hand.calls):
                # An even share, so that two calls go to two workers and not to one.
                self._fill(hand, min(_BATCH, -(-waiting // self.cores)))

    def _fill(self, hand: Hand, share: int) -> None:
        seconds = sum(self._pace.get(call.function, _BATCH_SECONDS) for call in hand.calls.values())
        size = 0
        batch: list[Pending] = []
        while len(batch) < share and size < _BATCH_BYTES and (seconds < _BATCH_SECONDS or not (batch or hand.calls)):
            call = self.backlog.next_light()
            if call is None:
                break
            batch.append(call)
            size += len(call.body)
            seconds += self._pace.get(call.function, _BATCH_SECONDS)
        if batch:
            self._give(hand, batch)

    def _give(self, hand: Hand, batch: list[Pending]) -> None:
        if not hand.calls:
            hand.head_since = self._loop.time()
        hand.give(batch)
        self._begin_head(hand)
        self._arm()

    def _begin_head(self, hand: Hand) -> None:
        call = hand.head()
        if call is not None and not call.begun and call.holder is hand:
            call.begun = True
            if call.started is not None:
                self._call_back(call.started)

    def _call_back(self, function: Callable[..., None], *args: bytes) -> None:
        try:
            function(*args)
        except Exception as error:  # a bug of the caller must not end the reading
            self._loop.call_exception_handler({"message": f"error in {function!r}", "exception": error})

    # --- workers come -----------------------------------------------------------------------

    def _start(self, role: Role, call: Pending | None = None) -> None:
        if role is Role.WARM:
            spare = next((hand for hand in self.hands if hand.role is Role.SPARE), None)
            if spare is not None:
                spare.role = Role.WARM
                self._plan()
                return
        hand = Hand(role, call, self._loop.time())
        self.hands.add(hand)
        if call is not None:
            call.holder = hand
        link = launch.unpark() if role is Role.WARM else None
        if link is not None:
            self._connect(hand, link)
            self._greeted(hand)
            return
        task = self._loop.create_task(self._launch(hand))
        self._starts.add(task)
        task.add_done_callback(self._starts.discard)
        self._arm()

    async def _launch(self, hand: Hand) -> None:
        try:
            link = await launch.launcher().start()
        except Exception as error:  # whatever it is, somebody waits for a worker
            self._gone(hand, Ending(Cause.START, text=f"{type(error).__name__}: {error}", hopeless=True))
            return
        if self.closed or hand.role is Role.DOOMED:
            link.close()
            self._gone(hand, Ending(Cause.EXPIRED))
            return
        self._connect(hand, link)

    def _connect(self, hand: Hand, link: launch.Link) -> None:
        hand.connect(
            link,
            lambda message, body: self._received(hand, message, body),
            lambda: self._lost(hand, self._loop.time()),
        )

    def _greeted(self, hand: Hand) -> None:
        hand.ready = True
        if hand.errand is not None:
            call, hand.errand = hand.errand, None
            self._give(hand, [call])
        else:
            self._plan()

    # --- workers speak ----------------------------------------------------------------------

    def _received(self, hand: Hand, message: FromWorker, body: bytes) -> None:
        if isinstance(message, Hello):
            self._strikes = 0
            hand.greeted(message.pid)
            self._greeted(hand)
            return
        if isinstance(message, Progress):
            call = hand.calls.get(message.call)
            if call is not None and call.report is not None and call.holder is hand and not call.future.done():
                self._call_back(call.report, body)
            return
        call = hand.calls.pop(message.call, None)
        if call is not None:
            self._answered(hand, call, message, body)

    def _answered(self, hand: Hand, call: Pending, message: Done | Failed | Skipped, body: bytes) -> None:
        hand.head_since = self._loop.time()
        hand.is_new = False
        if isinstance(message, Done):
            if hand.role is Role.WARM:
                self._learn(call.function, message.micros / 1e6)
            if not call.future.done():
                self._settle(call, hand)
                call.future.set_result(body)
        elif isinstance(message, Failed) and not call.future.done():
            self._settle(call, hand)
            call.future.set_exception(_decode_fault(body).to_exception())
        if hand.calls:
            self._begin_head(hand)
            if len(hand.calls) <= _REFILL and self.backlog.light and hand.role is Role.WARM:
                self._plan()
        elif hand.role is Role.WARM:
            if self.backlog.light:
                self._plan()
        elif hand.role is Role.PROMOTED:
            self._keep(hand)
        else:
            self._kill(hand)  # its one call is done; its place and memory are free when it is really gone

    def _keep(self, hand: Hand) -> None:
        """A promoted worker is free. On a loaded machine every call seems long: workers must not wear out by that."""
        if sum(other.role is Role.WARM for other in self.hands) < self.cores:
            hand.role = Role.WARM
            self._plan()
        else:
            hand.role = Role.SPARE
            self._loop.call_later(_SPARE, self._retire, hand)

    def _retire(self, hand: Hand) -> None:
        # It may have been of use since; then another timer is set, or will be.
        if hand in self.hands and hand.role is Role.SPARE and self._loop.time() - hand.head_since >= _SPARE:
            self._kill(hand)

    def _learn(self, function: str, seconds: float) -> None:
        before = self._pace.get(function, seconds)
        self._pace[function] = before + 0.2 * (seconds - before)

    def _settle(self, call: Pending, hand: Hand) -> None:
        """A call is answered, by whichever worker came first: take it from the others."""
        if call.holder is None:
            self.backlog.discard(call)
        elif call.holder is not hand:
            call.holder.skip(call)

    # --- workers go -------------------------------------------------------------------------

    def _lost(self, hand: Hand, since: float) -> None:
        """The worker's socket is closed; find out how it ended, which the server knows a moment later."""
        if self.closed:
            return
        ending = Ending(Cause.EXPIRED) if hand.role is Role.DOOMED else hand.ending()
        if ending is not None:
            self._gone(hand, ending)
        elif self._loop.time() - since > 3:
            self._gone(hand, Ending(Cause.ITSELF, text="it closed its socket"))
        else:
            self._loop.call_later(0.005, self._lost, hand, since)

    def _gone(self, hand: Hand, ending: Ending) -> None:
        if hand not in self.hands:
            return
        self.hands.discard(hand)
        if hand.memory:
            self.backlog.budget.give_back(hand.memory)
        calls = hand.mine()
        head = hand.head()
        hand.close()
        died = f"the worker process died: {ending.text}"
        for call in calls:
            if (call is head and ending.cause is Cause.ITSELF) or call.losses >= _LOSSES:
                call.holder = None
                call.future.set_exception(WorkerDied(died, signal=ending.signal, exit_code=ending.exit_code))
            else:
                call.losses += 1
                self._requeue(call)
        if not hand.ready and ending.cause is not Cause.EXPIRED:
            self._strikes += 1
            if ending.hopeless or self._strikes >= _STRIKES:
                self._strikes = 0
                for call in self.backlog.drain():
                    call.future.set_exception(WorkersUnavailable(f"no worker process can be started: {ending.text}"))
        self._plan()

    def _requeue(self, call: Pending) -> None:
        call.holder = None
        if not call.future.done():
            self.backlog.push(call)
            self._plan()

    def _kill(self, hand: Hand) -> None:
        """End a worker; what it has not begun goes to others at once."""
        hand.role = Role.DOOMED
        hand.kill()
        for call in hand.mine():
            self._requeue(call)
        self._plan()

    # --- time passes ------------------------------------------------------------------------

    def cancel(self, call: Pending) -> None:
        if not call.future.cancelled():
            return  # it was answered in the same turn of the loop
        hand = call.holder
        if hand is None:
            self.backlog.discard(call)
        elif call.delivery in hand.calls or hand.errand is call:
            now = self._loop.time()
            late = hand.head() is call and now - hand.head_since > _GRACE
            if hand.role is not Role.WARM or late:
                self._kill(hand)
            else:
                call.cancelled_at = now
                hand.skip(call)
                self._arm()

    def _arm(self) -> None:
        if self._ticker is None and not self.closed and any(hand.calls or not hand.ready for hand in self.hands):
            self._ticker = self._loop.call_later(_TICK, self._tick, self._loop.time() + _TICK)

    def _tick(self, due: float) -> None:
        self._ticker = None
        now = self._loop.time()
        # When the loop itself was held up, answers are waiting in the sockets: look again after they were read.
        if now - due < _TICK:
            for hand in list(self.hands):
                self._watch(hand, now)
        self._arm()

    def _watch(self, hand: Hand, now: float) -> None:
        if not hand.ready:
            if now - hand.since > _START:
                hand.kill()
                self._gone(hand, Ending(Cause.START, text=f"none said hello within {_START:.0f} s", hopeless=True))
            return
        head = hand.head()
        if head is None or hand.role is not Role.WARM:
            return
        busy = now - hand.head_since
        if head.cancelled_at is not None:
            if now - max(head.cancelled_at, hand.head_since) > _GRACE:
                self._kill(hand)
        elif busy > (_LONG_AT_FIRST if hand.is_new else _LONG):
            if sum(other.role is Role.PROMOTED for other in self.hands) < self._most_promoted:
                hand.role = Role.PROMOTED
                self._plan()  # its place is free, for what waits in the backlog too
            self._take_back(hand)
        elif busy > _TICK and not self.backlog.light and any(other.is_idle for other in self.hands):
            self._take_back(hand)

    def _take_back(self, hand: Hand) -> None:
        """Take from a worker what it has not begun, and deal it out anew."""
        head = hand.head()
        for call in hand.mine():
            if call is not head:
                hand.skip(call)
                self._requeue(call)
