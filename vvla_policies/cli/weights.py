"""`vvla weights`: what a checkpoint is, and the average of several."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from vvla_policies.cli.console import fail, guarded, out, say

app = typer.Typer(no_args_is_help=True, help="Look into checkpoints; average them.")


@app.callback()
def group() -> None:
    """Look into checkpoints; average them."""


@app.command("inspect")
@guarded
def inspect(
    path: Annotated[str, typer.Argument(help="File, folder or hub id (fetched) of a checkpoint.", show_default=False)],
) -> None:
    """Say what a checkpoint is and which preset it fits; reads names and shapes, not weights.

    Knows this package's own checkpoints, published Seer and VITA-VLA files, and VITA-1.5 and InternVL folders.
    Ends with exit code 1 if it fits no preset.
    """
    from vvla_policies.errors import MissingExtraError

    try:
        from vvla_policies.student.inspection import inspect_checkpoint
    except ModuleNotFoundError as error:
        raise MissingExtraError("train", str(error.name)) from error
    found = inspect_checkpoint(path)
    out.print(f"[bold]{escape(found.kind)}[/]")
    kinds = ", ".join(f"{dtype} {share:.0%}" if share < 1 else dtype for dtype, share in found.dtypes.items())
    say(f"{found.tensors} tensors, {_count(found.parameters)} parameters, {kinds}, in {len(found.files)} file(s)")
    say("holds: " + ", ".join(f"{part} {_count(count)}" for part, count in list(found.parts.items())[:12]))
    if found.missing:
        say(f"needs besides: {found.missing}")
    for preset, problems in found.fits.items():
        verdict = "[green]fits[/]" if not problems else "does not fit"
        out.print(f"  {escape(preset)}: {verdict}")
    if not any(not problems for problems in found.fits.values()):
        preset, problems = min(found.fits.items(), key=lambda item: sum(map(len, item[1])))
        fail(f"fits no preset; nearest is {preset}: {'; '.join(problems)}")


@app.command()
@guarded
def average(
    paths: Annotated[list[str], typer.Argument(help="Checkpoints of this package, of one shape.", show_default=False)],
    out_folder: Annotated[Path, typer.Option("--out", help="Folder of the average.", show_default=False)],
) -> None:
    """Average the weights of checkpoints that grew from one another: what one forgot, another may remember.

    The card is the last one's and names all of them.

    [bold]Example[/]

    vvla weights average student student-taught-on --out soup
    """
    from vvla_policies.errors import MissingExtraError

    try:
        from vvla_policies.pretrained import average_pretrained
    except ModuleNotFoundError as error:
        raise MissingExtraError("train", str(error.name)) from error
    say(f"the mean of {len(paths)} checkpoints: {average_pretrained(paths, out_folder)}")


def _count(number: int) -> str:
    """A number with a prefix.

    >>> _count(31_503_360)
    '31.50 M'
    """
    for size, unit in ((10**9, "B"), (10**6, "M"), (10**3, "k")):
        if number >= size:
            return f"{number / size:.2f} {unit}"
    return str(number)
