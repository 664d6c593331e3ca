"""Evaluate, compare and teach Vision-Language-Action policies. Importing this loads numpy and nothing heavier."""

from vvla_policies.errors import VvlaError
from vvla_policies.observation import Observation
from vvla_policies.policy import ActionChunk, BatchedPolicy, Memory, Policy, PolicyCard, check_policy
from vvla_policies.registry import load_policy

__all__ = [
    "ActionChunk",
    "BatchedPolicy",
    "Memory",
    "Observation",
    "Policy",
    "PolicyCard",
    "VvlaError",
    "check_policy",
    "load_policy",
]
__version__ = "0.1.0"
