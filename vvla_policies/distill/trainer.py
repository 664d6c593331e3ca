"""`transformers.Trainer`, with this package's batches and losses, and what a training here does besides.

The data loader gives one endless epoch: batch k is the same whenever and wherever the training runs, so a resumed one
only has to skip. Everything else (precision, accumulation, clipping, several devices, checkpoints) is the Trainer's.
"""

from __future__ import annotations

import itertools
import json
import math
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.data import DataLoader

from vvla_policies.distill.data.batches import Batches, CachedWindows, tensors
from vvla_policies.distill.data.dataset import SeededOrder
from vvla_policies.distill.recipe import Recipe
from vvla_policies.errors import VvlaError
from vvla_policies.huggingface import import_transformers

_transformers = import_transformers()
COMPLETE, AVERAGE = "complete", "average.safetensors"
Report = Callable[[int, dict[str, float]], None]


class DistillTrainer(_transformers.Trainer):  # type: ignore[name-defined]
    """A thin `Trainer`: the objective says the losses, the recipe the rest.

    Args:
        objective: module from a batch to its losses, see `objectives`.
        recipe: of the training.
        steps: of the optimiser.
        folder: of what a resumed training needs.
        train: windows to learn from.
        held_out: windows to validate on, None for none.
        report_to: "none", "tensorboard" or "wandb".
    """

    def __init__(
        self,
        objective: nn.Module,
        recipe: Recipe,
        steps: int,
        folder: Path,
        train: CachedWindows,
        held_out: CachedWindows | None = None,
        report_to: str = "none",
    ) -> None:
        self.recipe = recipe
        self._sums: dict[str, Tensor] = defaultdict(lambda: torch.zeros(()))
        self._count = 0
        args = arguments(recipe, steps, folder, report_to, validate=held_out is not None)
        callbacks = _transformers.trainer_callback
        super().__init__(objective, args, train_dataset=train, eval_dataset=held_out, data_collator=tensors)
        self.remove_callback(callbacks.PrinterCallback)
        self.model_accepts_loss_kwargs = False  # the loss is a mean; the Trainer divides it by the accumulation
        self.average = Average(objective, recipe.ema) if recipe.ema else None
        if self.average:
            self.add_callback(self.average)
        self.add_callback(_Marks())

    def compute_loss(self, model: nn.Module, inputs: dict[str, Tensor], return_outputs: bool = False, **_: Any) -> Any:
        """The objective's "loss"; the others are kept for the log."""
        with self._attention():
            losses = model(inputs)
        if model.training:
            for name, value in losses.items():
                self._sums[name] = self._sums[name].to(value.device) + value.detach()
            self._count += 1
        return (losses["loss"], losses) if return_outputs else losses["loss"]

    def _attention(self) -> AbstractContextManager[Any]:
        """In bf16 on CPUs PyTorch's fused attention is several times slower than plain attention."""
        slow = self.args.bf16 and self.args.device.type == "cpu"
        return sdpa_kernel(SDPBackend.MATH) if slow else nullcontext()

    def prediction_step(self, model: nn.Module, inputs: Any, *_: Any, **__: Any) -> tuple[Tensor, None, None]:
        """The loss of a batch held out."""
        uncompiled = torch.compiler.set_stance("force_eager")  # not worth another compilation
        with torch.no_grad(), self.compute_loss_context_manager(), uncompiled:
            return self.compute_loss(model, self._prepare_inputs(inputs)).detach(), None, None

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        """Adds the means of all losses since the last line."""
        if "loss" in logs and self._count:
            means = {name: float(total) / self._count for name, total in self._sums.items()}
            logs = {**logs, **means}
            self._sums.clear()
            self._count = 0
        super().log(logs, *args, **kwargs)

    def _save(self, output_dir: str | None = None, state_dict: dict[str, Tensor] | None = None) -> None:
        """With tensors as safetensors want them: convolutions lie otherwise in memory."""
        tensors = state_dict if state_dict is not None else self.model.state_dict()
        super()._save(output_dir, {name: tensor.contiguous() for name, tensor in tensors.items()})

    def get_train_dataloader(self) -> DataLoader[Any]:
        """All batches of the training, in their order."""
        count = self.args.max_steps * self.args.gradient_accumulation_steps * self.args.world_size
        groups = self.train_dataset.tasks() if self.recipe.balance else None
        order = SeededOrder(len(self.train_dataset), self.recipe.seed, groups=groups)
        return self._loader(self.train_dataset, order, count, self.args.per_device_train_batch_size)

    def get_eval_dataloader(self, eval_dataset: Any = None) -> DataLoader[Any]:
        """The same windows held out each time, without shifts."""
        data = eval_dataset or self.eval_dataset
        size = self.args.per_device_eval_batch_size
        order = SeededOrder(len(data), self.recipe.seed)
        return self._loader(data, order, min(-(-len(data) // size), -(-self.recipe.validate_windows // size)), size)

    def _loader(self, data: CachedWindows, order: SeededOrder, count: int, size: int) -> DataLoader[Any]:
        workers = self.args.dataloader_num_workers
        loader: DataLoader[Any] = DataLoader(
            data,
            batch_sampler=Batches(order, size, count),
            collate_fn=tensors,  # type: ignore[arg-type, unused-ignore]
            num_workers=workers,
            pin_memory=self.args.dataloader_pin_memory,
            persistent_workers=workers > 0,
        )
        return self.accelerator.prepare(loader)


def arguments(recipe: Recipe, steps: int, folder: Path, report_to: str, validate: bool) -> Any:
    """The recipe as `TrainingArguments`."""
    from accelerate import PartialState

    micro, accumulation = recipe.accumulation(PartialState().num_processes)
    schedule, options = {
        "cosine": ("cosine_with_min_lr", {"min_lr_rate": recipe.floor}) if recipe.floor else ("cosine", {}),
        "linear": ("linear", {}),
        "constant": ("constant_with_warmup", {}),
    }[recipe.schedule]
    every = recipe.validate_every or steps
    return _transformers.TrainingArguments(
        output_dir=str(folder),
        max_steps=steps,
        per_device_train_batch_size=micro,
        per_device_eval_batch_size=micro,
        gradient_accumulation_steps=accumulation,
        learning_rate=recipe.lr,
        lr_scheduler_type=schedule,
        lr_scheduler_kwargs=options,
        warmup_steps=recipe.warmup_steps(steps),
        optim="adamw_torch_fused",
        weight_decay=recipe.weight_decay,
        adam_beta2=recipe.beta2,
        max_grad_norm=recipe.clip,
        bf16=recipe.bf16,
        use_cpu=not torch.cuda.is_available(),
        seed=recipe.seed,
        logging_steps=recipe.log_every,
        logging_nan_inf_filter=False,
        save_steps=recipe.save_every,
        save_total_limit=2,
        eval_strategy="steps" if validate else "no",
        eval_steps=min(every, steps) if validate else None,
        prediction_loss_only=True,
        dataloader_num_workers=recipe.workers,
        dataloader_pin_memory=torch.cuda.is_available(),
        ddp_find_unused_parameters=True,
        remove_unused_columns=False,
        disable_tqdm=True,
        report_to=report_to,
        label_names=[],
    )


class Average(_transformers.TrainerCallback):  # type: ignore[name-defined]
    """A moving average of the trained weights, which starts fast: decay min(d, (1 + step) / (10 + step)).

    Args:
        objective: whose weights.
        decay: d.
    """

    def __init__(self, objective: nn.Module, decay: float) -> None:
        self.decay = decay
        self._own = {name: p for name, p in objective.named_parameters() if p.requires_grad}
        self.weights: dict[str, Tensor] = {}

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Starts from the weights, or from what the checkpoint holds."""
        if args.world_size > 1 and (args.fsdp or args.deepspeed):
            raise VvlaError(
                "a moving average of the weights (ema) needs whole weights: leave out ema, FSDP or DeepSpeed"
            )
        stored = last_checkpoint(Path(args.output_dir)) if state.global_step else None
        if stored and (stored / AVERAGE).exists():
            read = load_file(stored / AVERAGE)
            self.weights = {name: read[name].to(p.device) for name, p in self._own.items()}
        else:
            self.weights = {name: p.detach().clone() for name, p in self._own.items()}

    @torch.no_grad()
    def on_optimizer_step(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Moves towards the weights."""
        decay = min(self.decay, (1 + state.global_step) / (10 + state.global_step))
        torch._foreach_lerp_(list(self.weights.values()), list(self._own.values()), 1 - decay)

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Into the checkpoint; before its mark (callbacks run in order)."""
        if state.is_world_process_zero:
            folder = Path(args.output_dir, f"checkpoint-{state.global_step}")
            save_file({name: value.contiguous() for name, value in self.weights.items()}, folder / AVERAGE)


class _Marks(_transformers.TrainerCallback):  # type: ignore[name-defined]
    """Marks checkpoints that are whole, so that one cut off by a kill is not resumed from."""

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """All files are written."""
        if state.is_world_process_zero:
            Path(args.output_dir, f"checkpoint-{state.global_step}", COMPLETE).touch()


class Progress(_transformers.TrainerCallback):  # type: ignore[name-defined]
    """Keeps the log, reports, and stops in time.

    Args:
        train: the windows, which know how long reading took.
        windows: per optimiser step.
        log: file of one JSON object per line.
        report: hears of every line: step and values.
        minutes: the most of this session; 0 for any.
        spent: seconds of training before this session.
    """

    def __init__(
        self, train: CachedWindows, windows: int, log: Path, report: Report, minutes: float = 0.0, spent: float = 0.0
    ) -> None:
        self._train, self._windows, self._path, self._report = train, windows, log, report
        self._limit, self._spent = minutes * 60, spent
        self._began = self._last = time.perf_counter()
        self._seen = self._read = 0.0
        self.stopped = False

    @property
    def seconds(self) -> float:
        """Of training so far, earlier sessions included."""
        return self._spent + time.perf_counter() - self._began

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Drops lines after the checkpoint that the training goes on from."""
        self._began = self._last = time.perf_counter()
        self._seen, self._read = state.global_step, self._train.seconds
        if state.is_world_process_zero:
            kept = [line for line in read_log(self._path) if line["step"] <= state.global_step]
            self._path.write_text("".join(json.dumps(line) + "\n" for line in kept))

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
        """A line of the log, with pace and the share of time spent reading."""
        if not state.is_world_process_zero or not logs or not {"loss", "eval_loss"} & logs.keys():
            return
        line: dict[str, float] = {name: value for name, value in logs.items() if isinstance(value, (int, float))}
        if "loss" in logs:
            now = time.perf_counter()
            steps, wall = state.global_step - self._seen, max(now - self._last, 1e-9)
            line["windows_per_second"] = steps * self._windows / wall
            line["reading"] = (self._train.seconds - self._read) / wall
            self._last, self._seen, self._read = now, state.global_step, self._train.seconds
            if not math.isfinite(logs["loss"]):
                raise VvlaError(f"the loss is {logs['loss']} at step {state.global_step}: use a lower lr, or clip")
        self.write(state.global_step, line)

    def write(self, step: int, values: dict[str, float]) -> None:
        """A line of the log."""
        line = {"step": step, "seconds": round(self.seconds, 1), **values}
        with self._path.open("a") as file:
            file.write(json.dumps(line) + "\n")
        self._report(step, line)

    def leave_out(self, seconds: float) -> None:
        """Time that was spent on something else than training."""
        self._began += seconds
        self._last += seconds

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Stops when the time is over, where a line of the log ends: a resumed training's lines are the same."""
        over = self._limit and time.perf_counter() - self._began > self._limit
        if over and state.global_step % args.logging_steps == 0:
            control.should_save = control.should_training_stop = self.stopped = True


def read_log(path: Path) -> list[dict[str, Any]]:
    """Lines of a training's log; a line that was cut off is left out."""
    whole = itertools.takewhile(lambda text: text.endswith("\n"), path.open() if path.exists() else [])
    return [json.loads(text) for text in whole]


def last_checkpoint(folder: Path) -> Path | None:
    """The newest whole checkpoint of a training, None if there is none."""
    found = [path.parent for path in folder.glob(f"checkpoint-*/{COMPLETE}")]
    return max(found, key=lambda path: int(path.name.removeprefix("checkpoint-")), default=None)
