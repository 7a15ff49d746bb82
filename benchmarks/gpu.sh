#!/usr/bin/env bash
# What to run where there is an NVIDIA GPU: the engine's tests on it, its speed, environments on it, a training.
# It has run with DEVICE=cpu alone; no GPU has run it. In a checkout, with a torch that is built for CUDA in .venv:
#   pip install -c constraints.txt -e '.[train,dev,gpu]'
#   bash benchmarks/gpu.sh                                          # some 20 minutes; results in runs/gpu
#   DEVICE=cpu WORLDS=4,8 SECONDS_EACH=1 STEPS=64 TASKS=quadruped_velocity bash benchmarks/gpu.sh   # the script itself
set -euo pipefail
cd "$(dirname "$0")/.."
device=${DEVICE:-cuda}
worlds=${WORLDS:-1024,4096,8192,16384}
tasks=${TASKS:-quadruped_velocity arm_push hand_reorient}
seconds=${SECONDS_EACH:-10}
python=${PYTHON:-.venv/bin/python}
out=${OUT:-runs/gpu}
models=$([ "$device" = cpu ] || echo --all-models)
on_warp=(--set task.engine=warp --set "task.device=$device")
mkdir -p "$out"

# Bits are not compared on a GPU, where sums of floats come in any order.
$python -m pytest -q -p no:cacheprovider tests/sim/engine --device="$device" $models \
    -k "not bits" 2>&1 | tee "$out/tests.txt"
# shellcheck disable=SC2086 # names of tasks are words
$python -m ashore.benchmarks.engine $tasks --device "$device" --num-envs "$worlds" --seconds "$seconds" | tee "$out/engine.jsonl"
# shellcheck disable=SC2086
$python -m ashore bench sim $tasks "${on_warp[@]}" --num-envs "$worlds" --seconds "$seconds" --json >"$out/sim.json"
first=${worlds%%,*}
$python -m ashore train quadruped_velocity "${on_warp[@]}" --set "train.num_envs=$first" \
    --set "train.total_steps=${STEPS:-20000000}" --run "$out/quadruped_velocity"
$python -m ashore evaluate "$out/quadruped_velocity/policy.onnx" | tee "$out/evaluation.txt"
