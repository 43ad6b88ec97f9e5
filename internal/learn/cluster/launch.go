package cluster

import (
	"fmt"
	"strings"
)

// shell quotes a text for a shell.
func shell(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// launch returns launch.sh.
func (j *Job) launch() string {
	s := &j.Settings
	head := fmt.Sprintf(`#!/bin/sh
# Trains this job. On one machine: sh launch.sh
# On several, on each of them: NODE_RANK=0 (1, 2, ...) HEAD=address sh launch.sh
#
#   BASE_MODEL  the base: a folder of safetensors, or for axolotl a name on a hub
#   GPUS        on this machine; MACHINES  how many machines
#   HEAD        address of the first machine; PORT  a free port on it
set -eu
cd "$(dirname "$0")"
BASE_MODEL=${BASE_MODEL:-%s}
GPUS=${GPUS:-%d}
MACHINES=${MACHINES:-%d}
NODE_RANK=${NODE_RANK:-0}
HEAD=${HEAD:-127.0.0.1}
PORT=${PORT:-29500}

# What is trained must be what was written.
sha256sum -c --quiet files.sha256
[ -n "$BASE_MODEL" ] || { echo "set BASE_MODEL" >&2; exit 2; }
mkdir -p %s

`, shell(j.Base.At), s.GPUs/s.Machines, s.Machines, OutputDir)
	return head + j.run() + fmt.Sprintf(`
# The proof that the adapter is of this job.
[ "$NODE_RANK" != 0 ] || cp %s %s/%s
echo "bring back %s/"
`, JobFile, OutputDir, JobFile, OutputDir)
}

// run is the lines that start the trainer.
func (j *Job) run() string {
	if j.Trainer == Axolotl {
		return `if [ "$GPUS" = 1 ] && [ "$MACHINES" = 1 ]; then
	axolotl train axolotl.yaml --base-model "$BASE_MODEL" --launcher python
elif [ "$MACHINES" = 1 ]; then
	axolotl train axolotl.yaml --base-model "$BASE_MODEL" --launcher accelerate -- --num_processes "$GPUS"
else
	axolotl train axolotl.yaml --base-model "$BASE_MODEL" --launcher torchrun -- --nnodes "$MACHINES" --node_rank "$NODE_RANK" \
		--nproc_per_node "$GPUS" --rdzv_id casemate --rdzv_backend c10d --rdzv_endpoint "$HEAD:$PORT"
fi
`
	}
	return `FILES=$(cd "$BASE_MODEL" && ls *.safetensors | paste -s -d, -)
PYTHONPATH=$PWD${PYTHONPATH:+:$PYTHONPATH} # where casemate_tokenizer.py is
export PYTHONPATH
set -- --config torchtune.yaml tokenizer.path="$BASE_MODEL" checkpointer.checkpoint_dir="$BASE_MODEL" "checkpointer.checkpoint_files=[$FILES]"
if [ "$GPUS" = 1 ] && [ "$MACHINES" = 1 ]; then
	tune run lora_finetune_single_device "$@"
elif [ "$MACHINES" = 1 ]; then
	tune run --nproc_per_node "$GPUS" lora_finetune_distributed "$@"
else
	tune run --nnodes "$MACHINES" --node_rank "$NODE_RANK" --nproc_per_node "$GPUS" --rdzv_id casemate --rdzv_backend c10d \
		--rdzv_endpoint "$HEAD:$PORT" lora_finetune_distributed "$@"
fi
`
}

// readme returns README.md.
func (j *Job) readme() string {
	s := &j.Settings
	b := &strings.Builder{}
	fmt.Fprintf(b, "# Training job %s for %s\n\n", j.Name, j.Trainer)
	fmt.Fprintf(b, "LoRA of rank %d on %s of %s (%s), %d rows to learn from and %d to validate by, %d epochs, %d GPUs on %d machines.\n\n",
		s.Rank, strings.Join(s.Targets, ", "), j.Base.Name, j.Base.Digest, j.Data.Train, j.Data.Validation, s.Epochs, s.GPUs, s.Machines)
	fmt.Fprintf(b, "The rows that the adapter will be tested on (%d) are not here, on purpose.\n\n", j.Data.Test)
	b.WriteString("## On the cluster\n\n")
	fmt.Fprintf(b, "Install %s and its needs. Bring the base as a folder of safetensors with its tokenizer: the same model as `%s`, unquantised. Then\n\n", j.Trainer, j.Base.Name)
	b.WriteString("```\nBASE_MODEL=/path/to/base sh launch.sh\n```\n\n`launch.sh` tells what else can be set. It first checks `files.sha256`.\n\n")
	b.WriteString("## What to bring back\n\n")
	fmt.Fprintf(b, "The folder `%s`, or the one in it that holds `adapter_config.json` and `adapter_model.safetensors`, with `%s` beside them. Then, where the job was written:\n\n", OutputDir, JobFile)
	b.WriteString("```\ncasemate tune import output --job JOB --rows DATA\n```\n\nJOB is the folder that was written, DATA the file that it was made of. `tune import` checks that the adapter is of this job and fits the base, tests it on the rows that were kept, and registers it. It enters service with `casemate tune promote` alone.\n")
	return b.String()
}
