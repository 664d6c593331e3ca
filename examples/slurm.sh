#!/usr/bin/env bash
# An evaluation as a Slurm array job: each task runs a share of the episodes, the last step joins the records.
#
#   job=$(sbatch --parsable --array=1-8 examples/slurm.sh)
#   sbatch --dependency=afterok:$job --wrap "vvla merge results/part-* --out results/whole"
#
# A task that was stopped (preemption, time limit) is put back into the queue and goes on with its own records.
#SBATCH --job-name=vvla-eval
#SBATCH --cpus-per-task=16
#SBATCH --gres=gpu:1
#SBATCH --time=04:00:00
#SBATCH --requeue
set -euo pipefail

vvla-eval --policy teacher --checkpoint "$CHECKPOINT" --suite libero --episodes 50 \
    --workers "$SLURM_CPUS_PER_TASK" --out "results/part-$SLURM_ARRAY_TASK_ID" \
    --shard "$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT"
