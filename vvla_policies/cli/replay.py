"""`vvla replay`: is a recorded episode reproducible here?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vvla_policies.cli.console import USER_ERROR, guarded, out, say, see_working_folder


@guarded
def replay(
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    key: Annotated[str, typer.Argument(help="Key of an episode, such as libero_goal-t03-i02-s0.")],
) -> None:
    """Run a recorded episode's actions again and say whether it came out the same, bit for bit.

    Exit code 0 if it did, 1 if not.

    [bold]Example[/]

    vvla replay results/noop-libero_goal libero_goal-t00-i00-s0
    """
    from vvla_policies.evaluation.records import load_run
    from vvla_policies.evaluation.replay import replay_episode

    found = load_run(run)
    see_working_folder(*(entry.address for entry in found.manifest.suites.values()))
    record = found.record(key)
    again = replay_episode(found, key)
    say(f"{record.key}: {record.instruction}")
