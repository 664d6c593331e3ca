"""`vvla train STAGE`: one stage of teaching, from demonstrations to a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from vvla_policies.cli.console import guarded, out, say, stop
from vvla_policies.cli.parsing import split_names
from vvla_policies.errors import MissingExtraError

WHAT, FROM, HOW = "What to train", "What it begins from", "Speed and place"


@guarded
def train(
    stage: Annotated[
        str,
        typer.Argument(
            help="teacher, pretrain, align, finetune; controls: only-ft, freeze-vlm, scratch; baselines: act, "
            "diffusion, bc-transformer.",
            show_default=False,
        ),
    ],
    data: Annotated[
        list[Path],
        typer.Option(help="A file or folder of demonstrations, repeated.", rich_help_panel=WHAT, show_default=False),
    ],
    out_folder: Annotated[
        Path, typer.Option("--out", help="The checkpoint's folder.", rich_help_panel=WHAT, show_default=False)
    ],
    recipe: Annotated[
        str, typer.Option(help="Name of a recipe of that stage, or a YAML or JSON file.", rich_help_panel=WHAT)
    ] = "libero-mini",
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", help="A field of the recipe, repeated.", metavar="KEY=VALUE", rich_help_panel=WHAT),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Optimiser steps; the schedule ends there.", rich_help_panel=WHAT)
    ] = None,
    init: Annotated[
        str | None,
        typer.Option(help="The checkpoint to go on from; for finetune the aligned student.", rich_help_panel=FROM),
    ] = None,
    teacher: Annotated[
        str | None, typer.Option(help="Seer: features to align with, and the action decoder.", rich_help_panel=FROM)
    ] = None,
    base: Annotated[
        str | None, typer.Option(help="The vision-language model of a published size.", rich_help_panel=FROM)
    ] = None,
    vision: Annotated[
        str | None, typer.Option(help="MAE, for a teacher of a published size.", rich_help_panel=FROM)
    ] = None,
    text: Annotated[
        str | None, typer.Option(help="CLIP, for a teacher of a published size.", rich_help_panel=FROM)
    ] = None,
    max_minutes: Annotated[
        float,
        typer.Option(min=0, help="Stop after that; the same command goes on from there.", rich_help_panel=HOW),
    ] = 0.0,
    eval_every: Annotated[
        int, typer.Option(min=0, help="Run episodes every so many steps; 0 never.", rich_help_panel=HOW)
    ] = 0,
    suite: Annotated[
        list[str] | None, typer.Option(help="Of --eval-every; default: libero.", rich_help_panel=HOW)
    ] = None,
    episodes: Annotated[int, typer.Option(min=1, help="Per task, of --eval-every.", rich_help_panel=HOW)] = 1,
    workers: Annotated[
        int | None, typer.Option(min=0, help="Of --eval-every; default: one per core.", rich_help_panel=HOW)
    ] = None,
    cache: Annotated[
        Path | None,
        typer.Option(help="Folder of unpacked demonstrations; default: in the cache folder.", rich_help_panel=HOW),
    ] = None,
    threads: Annotated[int, typer.Option(min=0, help="Of PyTorch; 0 for its choice.", rich_help_panel=HOW)] = 0,
    report_to: Annotated[str, typer.Option(help="none, tensorboard or wandb.", rich_help_panel=HOW)] = "none",
    resume: Annotated[
        bool, typer.Option(help="Go on with what the folder holds, or begin anew.", rich_help_panel=HOW)
    ] = True,
) -> None:
    """Train one stage on demonstrations and write a checkpoint that policies open.

    Stopped at any time, the same command goes on from the last checkpoint, to the same weights. For several GPUs, FSDP
    or DeepSpeed start it through [bold]accelerate launch[/].

    [bold]Examples[/]

    vvla train teacher --recipe libero-mini --data demos --out teacher

    vvla train align --teacher teacher --data demos --out aligned

    vvla train finetune --init aligned --data demos --out student --set lr=3e-4
    """
    from vvla_policies.distill.recipe import changed, load_recipe, parse_changes

    chosen = load_recipe(stage, recipe)
    chosen = changed(chosen, parse_changes(changes or []) | ({"steps": steps} if steps else {}))
    try:
        from vvla_policies.distill.networks import Sources
        from vvla_policies.distill.rollouts import Rollouts
        from vvla_policies.distill.train import TrainRequest
        from vvla_policies.distill.train import train as run
    except ModuleNotFoundError as error:
        raise MissingExtraError("train", str(error.name)) from error
    suites = tuple(split_names(suite or ["libero"]))
    request = TrainRequest(
        recipe=chosen,
        data=tuple(data),
        out=out_folder,
        sources=Sources(init, teacher, base, vision, text),
        cache=cache,
        minutes=max_minutes,
        resume=resume,
        rollouts=Rollouts(eval_every, suites, episodes, workers=workers) if eval_every else None,
        report_to=report_to,
        threads=threads,
    )
    try:
        result = run(request, note=say, line=show)
    except KeyboardInterrupt:
        stop(f"stopped; {out_folder} holds the last checkpoint. The same command goes on from there.")
    from vvla_policies.evaluation.analysis.timing import duration

    where = "finished" if result.finished else f"at step {result.step} of {result.steps}; the same command goes on"
    say(f"{where}, {duration(result.seconds)} of training: {result.folder}")


def show(step: int, steps: int, values: Mapping[str, float]) -> None:
    """A line of the log."""
    hidden = {"step", "seconds", "epoch", "grad_norm", "learning_rate", "windows_per_second", "reading"}
    losses = "  ".join(f"{k} {v:.4g}" for k, v in values.items() if k not in hidden and not k.startswith("eval_r"))
    losses = losses.split("  eval_samples")[0]
    pace = values.get("windows_per_second")
    speed = f"  {pace:.0f} windows/s, {100 * values['reading']:.1f} % reading" if pace else ""
    left = f", {(steps - step) * values['seconds'] / max(step, 1) / 60:.0f} min left" if pace else ""
    out.print(f"step {step}/{steps}  {losses}{speed}{left}", soft_wrap=True)
