"""Runs the episodes of one queue on the machines of a Ray cluster; the driver alone writes records.

Every machine (with GPUs: each of them) has a `Placement`. A placement holds as many episodes as it has workers and gets
another for each that it finishes, so no machine is idle while episodes are left. If a machine is lost, what it was at
goes back to the queue; a machine that joins is used.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import socket
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from vvla_policies.errors import MissingExtraError, VvlaError
from vvla_policies.evaluation.records.keys import EpisodeKey
from vvla_policies.evaluation.records.runs import differences
from vvla_policies.evaluation.rollouts.cluster.placement import Event, Finished, Placement, Started
from vvla_policies.evaluation.rollouts.crew import Brief, OnStart
from vvla_policies.evaluation.rollouts.engine import Save
from vvla_policies.evaluation.rollouts.request import Request
from vvla_policies.evaluation.rollouts.schedule import Queue
from vvla_policies.evaluation.rollouts.slots import SINGLE_THREADED

log = logging.getLogger(__name__)

LOSSES = 5
"""An episode that was lost so often together with its machine, or a machine lost so often, is not tried again."""

_TICK_SECONDS = 0.5
_RECRUIT_SECONDS = 3.0
_CLOSE_SECONDS = 30.0
_KNOCK_SECONDS = 10.0
_THREADS = 4  # of a placement: events, offers, closing
_OWN = "VVLA_RENDERER"  # what draws is a machine's own affair; records say what it was


@dataclass(frozen=True)
class Site:
    """Where a placement can be.

    Attributes:
        node: Ray's name of the machine.
        part: number of its GPU, 0 without.
        workers: environments to run.
        cpus: to ask Ray for.
        gpus: to ask Ray for.
    """

    node: str
    part: int
    workers: int
    cpus: float
    gpus: int


@dataclass
class Post:
    """A placement as the driver sees it.

    Attributes:
        site: where it is.
        actor: Ray's handle.
        call: the answer it owes: first of `open`, then of `events`.
        first: number of its first slot in records.
        leases: episodes it was given.
        open: it has started.
    """

    site: Site
    actor: Any
    call: Any
    first: int
    leases: set[EpisodeKey] = field(default_factory=set)
    open: bool = False


class RayCrew:
    """Placements on all machines of the cluster this process is connected to.

    Args:
        request: what to run.

    Raises:
        VvlaError: there is no machine to run on, or policy and suites do not fit together.
    """

    def __init__(self, request: Request) -> None:
        if request.workers == 0:
            raise VvlaError("--workers 0 means this process; with --engine ray give 1 or more, for each placement")
        self._ray = importlib.import_module("ray")
        self._request = replace(request, engine="local", out=None)
        self._posts: list[Post] = []
        self._slots = 0
        self._lost_sites: Counter[Site] = Counter()
        self._lost_keys: Counter[EpisodeKey] = Counter()
        self._refusals: list[str] = []
        self._recruited = float("-inf")
        self._heard = time.monotonic()  # when a placement was last there
        self._known: Brief | None = None
        try:
            self._recruit()
            self.workers = sum(post.site.workers for post in self._posts)
            while self._known is None:
                self._round(Queue(()), _unsaved, lambda key, slot: None)
            self.brief = self._known
        except BaseException:
            self.close()
            raise

    def run(self, queue: Queue, save: Save, on_start: OnStart) -> None:
        """Runs the episodes of a queue; see `Crew`."""
        while len(queue) or any(post.leases for post in self._posts):
            self._round(queue, save, on_start)

    def close(self) -> None:
        """Closes the placements, and ends those that do not answer."""
        opened = [post.actor.close.remote() for post in self._posts if post.open and not post.leases]
        with contextlib.suppress(self._ray.exceptions.RayError):
            self._ray.get(opened, timeout=_CLOSE_SECONDS)
        for post in self._posts:
            self._ray.kill(post.actor)
        self._posts.clear()

    # --- placements ----------------------------------------------------------------------------------------------

    def _round(self, queue: Queue, save: Save, on_start: OnStart) -> None:
        """Hands out episodes and hears what happened."""
        self._recruit()
        for post in self._posts:
            self._fill(post, queue)
        calls = {post.call: post for post in self._posts}
        ready = self._ray.wait(list(calls), num_returns=len(calls), timeout=_TICK_SECONDS)[0] if calls else []
        for call in ready:
            self._hear(calls[call], queue, save, on_start)
        self._despair(idle=not calls)

    def _recruit(self) -> None:
        """Starts placements where there are none."""
        if time.monotonic() - self._recruited < _RECRUIT_SECONDS:
            return
        self._recruited = time.monotonic()
        taken = {post.site for post in self._posts}
        for site in self._sites():
            if site not in taken and self._lost_sites[site] < LOSSES:
                self._posts.append(self._start(site))

    def _sites(self) -> list[Site]:
        sites = []
        for node in self._ray.nodes():
            cpus, gpus = (int(node["Resources"].get(name, 0)) for name in ("CPU", "GPU"))
            if not node["Alive"] or not cpus:
                continue
            parts = max(1, gpus)
            workers = self._request.workers or max(1, cpus // parts)
            share = min(workers, cpus / parts)
            sites += [Site(node["NodeID"], part, workers, share, int(gpus > 0)) for part in range(parts)]
        return sites

    def _start(self, site: Site) -> Post:
        affinity = importlib.import_module("ray.util.scheduling_strategies").NodeAffinitySchedulingStrategy
        actor = self._ray.remote(Placement).options(
            num_cpus=site.cpus, num_gpus=site.gpus, max_concurrency=_THREADS, max_restarts=0,
            scheduling_strategy=affinity(site.node, soft=False),
        ).remote(_variables())  # fmt: skip
        post = Post(site, actor, actor.open.remote(replace(self._request, workers=site.workers)), self._slots)
        self._slots += site.workers
        return post

    def _lose(self, post: Post, queue: Queue) -> None:
        """A machine is gone: what it was at is run elsewhere."""
        self._posts.remove(post)
        self._lost_sites[post.site] += 1
        self._ray.kill(post.actor)
        for key in sorted(post.leases, reverse=True):
            self._lost_keys[key] += 1
            if self._lost_keys[key] >= LOSSES:
                raise VvlaError(
                    f"episode '{key}' was lost {LOSSES} times together with the machine that ran it: run its task "
                    "with --engine local to see why"
                )
            queue.give_back(key)
        if post.leases:
            log.warning("a machine of the cluster was lost; its %d episodes are run elsewhere", len(post.leases))

    def _despair(self, idle: bool) -> None:
        """Nothing to run on, for too long."""
        if not idle:
            self._heard = time.monotonic()
        elif self._refusals:
            raise VvlaError(self._refusals[-1])
        elif time.monotonic() - self._heard > self._request.stall_seconds:
            raise VvlaError("the Ray cluster has no machine to run on; what is recorded stays: run this again later")
        else:
            time.sleep(_TICK_SECONDS)

    # --- episodes ------------------------------------------------------------------------------------------------

    def _fill(self, post: Post, queue: Queue) -> None:
        """Gives a placement as many episodes as it has workers."""
        free = post.site.workers - len(post.leases) if post.open else 0
        keys = [key for key in (queue.take() for _ in range(free)) if key is not None]
        self._offer(post, keys)

    def _offer(self, post: Post, keys: list[EpisodeKey]) -> None:
        if keys:
            post.leases.update(keys)
            post.actor.offer.remote(keys)

    def _hear(self, post: Post, queue: Queue, save: Save, on_start: OnStart) -> None:
        try:
            answer = self._ray.get(post.call)
        except (self._ray.exceptions.RayActorError, self._ray.exceptions.ActorUnschedulableError):
            self._lose(post, queue)
            return
        if not post.open:
            self._welcome(post, answer)
            return
        post.call = post.actor.events.remote()
        for event in answer:
            self._take_in(post, event, queue, save, on_start)

    def _welcome(self, post: Post, answer: Brief | str) -> None:
        """A placement has started, or says why it cannot."""
        refusal = answer if isinstance(answer, str) else self._misfit(answer)
        if refusal:
            self._posts.remove(post)
            self._lost_sites[post.site] = LOSSES
            self._refusals.append(refusal)
            self._ray.kill(post.actor)
            log.warning("a machine of the cluster cannot take part: %s", refusal)
            return
        assert isinstance(answer, Brief)
        self._known = self._known or answer
        post.open = True
        post.call = post.actor.events.remote()

    def _misfit(self, brief: Brief) -> str:
        """How a machine's policy, assets or versions differ from those of the first; "" if they do not."""
        if self._known is None:
            return ""
        known, new = (b.manifest(self._request) for b in (self._known, brief))
        return "; ".join(differences(known, new)[:3])

    def _take_in(self, post: Post, event: Event, queue: Queue, save: Save, on_start: OnStart) -> None:
        if isinstance(event, Started):
            on_start(event.key, post.first + event.slot)
        elif isinstance(event, Finished):
            key = event.record.key
            post.leases.discard(key)
            self._lost_sites[post.site] = 0
            save(replace(event.record, worker=post.first + event.record.worker), event.actions)
            successor = queue.take(key)
            self._offer(post, [] if successor is None else [successor])
        elif event.user:
            raise VvlaError(event.why)
        else:
            raise RuntimeError(event.why)


@contextlib.contextmanager
def connected(address: str | None) -> Iterator[None]:
    """A connection to a Ray cluster; without an address to that of `RAY_ADDRESS`, else to one that is started here.

    Raises:
        MissingExtraError: Ray is not installed.
        VvlaError: there is no cluster at the address.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent anywhere
    try:
        ray = importlib.import_module("ray")
    except ImportError as error:
        raise MissingExtraError("ray", "Ray") from error
    if ray.is_initialized():
        yield
        return
    where = address or os.environ.get("RAY_ADDRESS") or "local"
    alone = {"include_dashboard": False} if where == "local" else {}
    try:
        _knock(where)
        ray.init(address=where, log_to_driver=False, logging_level=logging.ERROR, **alone)
    except (ConnectionError, OSError, ValueError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise VvlaError(f"no Ray cluster at '{where}' ({reason}); start one with: ray start --head") from error
    try:
        yield
    finally:
        ray.shutdown()


def _knock(address: str) -> None:
    """Ray itself would try for minutes.

    Raises:
        OSError: nobody listens at HOST:PORT.
    """
    host, _, port = address.rpartition(":")
    if host and port.isdigit() and "//" not in host:
        socket.create_connection((host, int(port)), timeout=_KNOCK_SECONDS).close()


def _variables() -> dict[str, str | None]:
    """Ray sets numbers of threads for its processes; a run is to have those of the driver on every machine."""
    ours = {name: value for name, value in os.environ.items() if name.startswith("VVLA_") and name != _OWN}
    return {**{name: os.environ.get(name) for name in SINGLE_THREADED}, **ours}


def _unsaved(*_: object) -> None:
    raise AssertionError("no episode was handed out yet")
