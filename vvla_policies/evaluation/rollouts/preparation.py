"""From a request to suites, scenes and episodes; what does not fit together is found out before the first episode."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vvla_policies.envs.protocol import Protocol
from vvla_policies.envs.suite import EnvSettings, Suite, describe, expand, load_suite, with_cameras
from vvla_policies.errors import PolicyError, UnknownNameError, VvlaError
from vvla_policies.evaluation.records.keys import EpisodeKey
from vvla_policies.evaluation.records.runs import SuiteEntry
from vvla_policies.evaluation.rollouts.plan import episodes_of, longest_first, shard
from vvla_policies.evaluation.rollouts.worker import Scene
from vvla_policies.observation import CAMERAS
from vvla_policies.policy import PolicyCard

PHRASES = ("first", "all")


@dataclass(frozen=True)
class Prepared:
    """What a run is made of.

    Attributes:
        suites: suite name to suite.
        scenes: suite name to what workers must know of it.
        keys: the episodes, in the order in which they are begun.
    """

    suites: Mapping[str, Suite]
    scenes: Mapping[str, Scene]
    keys: Sequence[EpisodeKey]

    def entries(self) -> dict[str, SuiteEntry]:
        """What the manifest says about the suites."""
        return {name: self._entry(name) for name in self.suites}

    def _entry(self, name: str) -> SuiteEntry:
        suite, scene = self.suites[name], self.scenes[name]
        facts = describe(scene.settings)
        return SuiteEntry(
            address=scene.address,
            benchmark=suite.benchmark,
            protocol=facts["protocol"],
            assets=facts["assets"],
            provenance=suite.provenance(),
            tasks=[task.name for task in suite.tasks],
        )


def prepare(
    card: PolicyCard,
    suites: Sequence[str],
    tasks: Sequence[int] | None,
    episodes: int,
    seed: int,
    protocol: str | None = None,
    assets: str = "auto",
    part: tuple[int, int] | None = None,
    phrases: str = "first",
    backend: str | None = None,
) -> Prepared:
    """Finds suites, protocols and assets, and lists the episodes.

    Args:
        card: of the policy.
        suites: names, groups or addresses.
        tasks: numbers, None for all.
        episodes: per task.
        seed: of the run.
        protocol: None for each suite's default.
        assets: "official", "primitive" or "auto".
        part: (part, parts) of a shard.
        phrases: "first" or "all", see `Request`.
        backend: of all suites, see `Request`.

    Raises:
        VvlaError: something does not exist, or the policy does not fit a suite.
    """
    found: dict[str, Suite] = {}
    scenes: dict[str, Scene] = {}
    keys: list[EpisodeKey] = []
    for name in expand(suites):
        address = name if backend is None else load_suite(name).backend(backend)
        suite = load_suite(address)
        chosen = _told(suite, suite.protocol(protocol), phrases)
        chosen.steps(suite.name)  # raises if the protocol was never defined for the suite
        check_fit(card, suite, chosen)
        settings = with_cameras(EnvSettings(chosen, suite.assets(assets, card.trained_on)), card.reads)
        found[suite.name] = suite
        scenes[suite.name] = Scene(address, settings, card.privileged)
        keys += episodes_of(suite, tasks, episodes, seed)
    if not keys:
        raise VvlaError("nothing to run: name a suite with --suite")
    if part is not None:
        keys = shard(keys, *part)
    return Prepared(found, scenes, longest_first(keys, {name: s.settings.protocol for name, s in scenes.items()}))


def _told(suite: Suite, protocol: Protocol, phrases: str) -> Protocol:
    """The protocol with what its policies are told."""
    if phrases not in PHRASES:
        raise UnknownNameError("choice of phrases", phrases, list(PHRASES))
    if phrases == "first":
        return protocol
    if not suite.phrased:
        raise VvlaError(f"suite '{suite.name}' has one phrase for each task: --phrases all is for CALVIN's suites")
    return protocol.in_all_phrases()


def check_fit(card: PolicyCard, suite: Suite, protocol: Protocol) -> None:
    """Compares what a policy needs with what a suite's environments give.

    Args:
        card: of the policy.
        suite: to act in.
        protocol: says at what size pictures are drawn.

    Raises:
        PolicyError: they do not fit; names both sides.
    """
    clashes = []
    if card.benchmarks and suite.benchmark not in card.benchmarks:
        clashes.append(f"acts in {', '.join(card.benchmarks)}, but the suite belongs to {suite.benchmark}")
    missing = [key for key in card.reads if key not in suite.offers]
    if missing:
        clashes.append(f"reads {', '.join(missing)}, but the suite offers {', '.join(suite.offers)}")
    for camera in CAMERAS:
        drawn = protocol.size(camera)
        wanted = tuple(card.image_sizes.get(camera, drawn))
        if camera in card.reads and wanted != drawn:
            clashes.append(
                f"reads '{camera}' at {_size(wanted)}, but protocol '{protocol.name}' draws {_size(drawn)}: "
                "choose another --protocol"
            )
    if clashes:
        raise PolicyError(f"policy '{card.name}' does not fit suite '{suite.name}': it {'; it '.join(clashes)}")


def _size(size: Sequence[int]) -> str:
    return "x".join(map(str, size)) + " px"
