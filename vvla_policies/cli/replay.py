"""`vvla replay`: is a recorded episode reproducible here?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vvla_policies.cli.console import USER_ERROR, guarded, say, see_working_folder


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
    from vvla_policies.evaluation.records.replay import COMPARED, replay_episode
    from vvla_policies.evaluation.records.runs import load_run

    found = load_run(run)
    see_working_folder(*(entry.address for entry in found.manifest.suites.values()))
    recorded = found.record(key)
    again, same = replay_episode(found, key)
    end = "success" if again.success else "no success"
    if same:
        say(f"Same: {key} ({recorded.instruction}): {end} after {again.steps} steps, here as in the record.")
        return
    say(f"Different: {key} ({recorded.instruction}) did not come out as recorded:")
    for name in COMPARED:
        before, now = getattr(recorded, name), getattr(again, name)
        if before != now:
            say(f"  {name}: {before} in the record, {now} here")
    say("Compare the versions and the renderer in run.json with those that `vvla doctor` shows.")
    raise typer.Exit(USER_ERROR)
