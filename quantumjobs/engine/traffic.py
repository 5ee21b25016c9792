"""The traffic of one lane: which request may go when, and what its end means for the others.

Every request of a lane is a `Passage` through some channels: the lane's credentials, the operation, and the hosts it is
known to go through. Looks and submits ask `free_at` and stay in the heap and in the queue until then; the others wait
their `turn` here. Nothing waits in the transport.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Self

from quantumjobs.core.traffic import Channel
from quantumjobs.core.traits import Traits
from quantumjobs.engine.policies import Policy, is_weather, retry_after
from quantumjobs.errors import (
    AdapterError,
    CredentialError,
    ProviderError,
    ProviderRejected,
    ProviderUnavailable,
    UsageError,
)

OPERATIONS = frozenset(
    {
        "describe",
        "backends",
        "stage",
        "submit",
        "find",
        "poll",
        "survey",
        "fetch",
        "cancel",
        "logs",
        "metrics",
        "download",
    }
)
"""Channels that every lane has. Any other name that an adapter gives is a host's."""
HOSTS_LIMIT = 8
"""Hosts remembered per operation; of an adapter that names ever new ones, the latest count."""


class Passage:
    """One request under way, from the moment its place is taken. As a context it tells the traffic how it ended."""

    __slots__ = ("_traffic", "doing", "operation", "who")

    def __init__(self, traffic: Traffic, operation: str, who: str) -> None:
        self._traffic = traffic
        self.operation = operation
        self.doing = operation
        """Whose channel a failure counts for: staging is a step of a submit's passage."""
        self.who = who

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None or not self._traffic.quiet:
            self._traffic.ended(self, error)

    def unused(self) -> None:
        """Nothing was sent."""
        self._traffic.unused(self)


class Traffic:
    """The channels of one lane.

    `opened(error)` hears of a channel that lets nothing but probes go from now on, and of every refused credential;
    `moved` hears that something may go which could not; `closed` that all may go again.
    """

    def __init__(
        self,
        policy: Policy,
        *,
        opened: Callable[[Exception], None],
        moved: Callable[[], None],
        closed: Callable[[], None],
    ) -> None:
        self._policy = policy
        self._opened = opened
        self._moved = moved
        self._closed = closed
        self._loop = asyncio.get_running_loop()
        self.quiet = True
        """No rates, no gates and no failures: nothing to ask or to tell, which is the usual thing, for every look."""
        self.credentials = Channel(after=1)
        self._channels: dict[str, Channel] = {}
        self._hosts: dict[str, list[str]] = {}  # operation -> hosts, and for a submit its staging
        self._paths: dict[str, tuple[Channel, ...]] = {}
        self._rates = dict(policy.rates)
        self._families: set[str] = set()
        self._queues: dict[str, deque[tuple[asyncio.Future[Passage], str, bool]]] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}

    # --- what is known of the channels --------------------------------------------------------
    def learn(self, family: str, traits: Traits) -> None:
        """Take up what a family declares; of two rates for one channel the lower holds, the policy's before both."""
        if family in self._families:
            return
        self._families.add(family)
        for name, rate in traits.rates.items():
            known = self._rates.get(name)
            if name not in self._policy.rates and (known is None or rate.per_second < known.per_second):
                self._rates[name] = rate
                self._channels.pop(name, None)  # a channel that is in use already begins anew, with its rate
        for operation, host in traits.channels.items():
            self.leads_through(operation, host)
        self._paths.clear()
        self._calm()

    def leads_through(self, operation: str, name: str) -> None:
        """Requests of that operation also need that channel."""
        names = self._hosts.setdefault(operation, [])
        if name not in names:
            names.append(name)
            del names[:-HOSTS_LIMIT]
            self._paths.clear()

    def _channel(self, name: str) -> Channel:
        channel = self._channels.get(name)
        if channel is None:
            channel = self._channels[name] = Channel(self._policy.breaker, self._rates.get(name))
        return channel

    def _path(self, operation: str) -> tuple[Channel, ...]:
        path = self._paths.get(operation)
        if path is None:
            names = [operation, *self._hosts.get(operation, ())]
            names += [host for name in names[1:] for host in self._hosts.get(name, ())]
            path = self._paths[operation] = (self.credentials, *(self._channel(name) for name in dict.fromkeys(names)))
        return path

    def trouble(self, operation: str) -> Exception | None:
        """Why requests of that operation are held back, where a breaker or a refused credential does it."""
        for channel in self._path(operation):
            if channel.error is not None:
                return channel.error
        return None

    # --- going --------------------------------------------------------------------------------
    def free_at(self, operation: str) -> float:
        """When the next request of that operation may go, by the loop's clock; a moment that has passed means now."""
        if self.quiet:
            return 0.0
        return max(channel.free_at() for channel in self._path(operation))

    def begin(self, operation: str, who: str) -> Passage:
        """Take the place of one request, now. `who` asks: failures of one asker do not stand for the channel's."""
        passage = Passage(self, operation, who)
        if not self.quiet:
            now = self._loop.time()
            for channel in self._path(operation):
                channel.begin(now, passage)
        return passage

    async def turn(self, operation: str, who: str, *, urgent: bool = False) -> Passage:
        """Wait until a request of that operation may go; first come, first served.

        `urgent`: somebody waits for just this answer, so breakers and refused credentials are no reason to wait.
        """
        queue = self._queues.setdefault(operation, deque())
        if not queue and self._wait(operation, urgent=urgent) <= 0:
            return self.begin(operation, who)
        mine: asyncio.Future[Passage] = self._loop.create_future()
        queue.append((mine, who, urgent))
        self._serve(operation)
        try:
            return await mine
        except asyncio.CancelledError:
            if mine.done() and not mine.cancelled():
                mine.result().unused()
            raise

    def _wait(self, operation: str, *, urgent: bool) -> float:
        now = self._loop.time()
        if not urgent:
            return self.free_at(operation) - now
        asked = (max(c.gate, c.bucket.free_at()) if c.bucket is not None else c.gate for c in self._path(operation))
        return max(asked) - now

    def _serve(self, operation: str) -> None:
        """Give the turns that may be given, and come again for the next."""
        queue = self._queues[operation]
        timer = self._timers.pop(operation, None)
        if timer is not None:
            timer.cancel()
        while queue:
            future, who, urgent = queue[0]
            if future.done():  # its asker has left
                queue.popleft()
                continue
            wait = self._wait(operation, urgent=urgent)
            if wait > 0:
                self._timers[operation] = self._loop.call_later(wait, self._serve, operation)
                return
            queue.popleft()
            future.set_result(self.begin(operation, who))

    def hurry(self) -> None:
        """Somebody asks for this lane now: refused credentials are tried again at once."""
        if self.credentials.is_open:
            self.credentials.hurry(self._loop.time())
            self._again()

    def slept(self, seconds: float) -> None:
        """The machine did, and the loop's clock with it."""
        for channel in (self.credentials, *self._channels.values()):
            channel.slept(seconds)
        self._again()

    def close(self) -> None:
        """Give no more turns."""
        for timer in self._timers.values():
            timer.cancel()
        for queue in self._queues.values():
            for future, _, _ in queue:
                if not future.done():  # a user's own task, which nobody cancels
                    future.set_exception(UsageError("the client was closed while this was awaited"))
        self._queues.clear()
        self._timers.clear()

    # --- having gone --------------------------------------------------------------------------
    def unused(self, passage: Passage) -> None:
        """Nothing was sent: its place is free."""
        held = [channel for channel in self._path(passage.operation) if channel.probe is passage]
        for channel in held:
            channel.unused(passage)
        if held:
            self._again()

    def ended(self, passage: Passage, error: BaseException | None) -> None:
        """What a request's end says of its channels."""
        path = self._path(passage.operation)
        if error is None or isinstance(error, ProviderRejected):  # a no is an answer
            closed = False
            for channel in path:
                if channel.failures:
                    closed |= channel.answered()
            self._calm()
            if closed:
                self._again()
                self._closed()
            return
        self.quiet = False
        if isinstance(error, CredentialError):
            self._refused(passage, error, path)
        elif isinstance(error, ProviderError) and is_weather(error) and not isinstance(error, AdapterError):
            self._failed(passage, error, path)
        else:  # cancelled, a bug, or the ledger's: nobody knows more than before
            self._undecided(passage, path)

    def _failed(self, passage: Passage, error: ProviderError, path: tuple[Channel, ...]) -> None:
        named = error.channel if isinstance(error, ProviderUnavailable) else ""
        if named and named not in OPERATIONS:
            self.leads_through(passage.doing, named)
        channel = self._channel(named or passage.doing)
        now = self._loop.time()
        asked = retry_after(error)
        if asked:
            channel.hold(now + asked)
        opened = channel.failed(now, passage, passage.who, error, lambda n: self._policy.delay(n, error))
        self._undecided(passage, path)
        if opened:
            self._opened(error)

    def _refused(self, passage: Passage, error: CredentialError, path: tuple[Channel, ...]) -> None:
        pause = self._policy.credential_pause
        self.credentials.failed(self._loop.time(), passage, passage.who, error, lambda _: pause)
        self._undecided(passage, path)
        self._opened(error)

    def _undecided(self, passage: Passage, path: tuple[Channel, ...]) -> None:
        now = self._loop.time()
        for channel in path:
            channel.undecided(now, passage)
        self._again()

    def _calm(self) -> None:
        now = self._loop.time()
        channels = (self.credentials, *self._channels.values())
        self.quiet = not self._rates and not any(channel.failures or channel.gate > now for channel in channels)

    def _again(self) -> None:
        """The times may have moved: whoever waits for one looks again."""
        for operation, queue in self._queues.items():
            if queue:
                self._serve(operation)
        self._moved()
