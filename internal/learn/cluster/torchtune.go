package cluster

import (
	_ "embed"
	"slices"
)

// tokenizer is the module that torchtune reads conversations with.
//
//go:embed casemate_tokenizer.py
var tokenizer []byte

// TokenizerFile is its name in a job.
const TokenizerFile = "casemate_tokenizer.py"

// torchtune returns the configuration for torchtune.
//
// Keys are those of its recipes lora_finetune_distributed and
// lora_finetune_single_device and of the components that they name, at version
// 0.7.0: see testdata/torchtune-keys.txt.
func (j *Job) torchtune() string {
	y, s := &yaml{}, &j.Settings
	y.comment("Configuration for torchtune, version 0.7 or later. launch.sh says which base and how many GPUs.")
	y.field("output_dir", OutputDir)
	y.under("tokenizer", func() {
		y.field("_component_", "casemate_tokenizer.Tokenizer")
		y.field("path", j.Base.At)
		y.field("max_seq_len", s.Length)
	})
	y.under("model", func() { j.tuneModel(y) })
	y.under("checkpointer", func() {
		y.field("_component_", "torchtune.training.FullModelHFCheckpointer")
		y.field("checkpoint_dir", j.Base.At)
		y.comment("launch.sh gives the names of the files in it.")
		y.field("checkpoint_files", []string{"model.safetensors"})
		y.field("recipe_checkpoint", nil)
		y.field("output_dir", OutputDir)
		y.field("model_type", j.tuneType())
	})
	y.field("resume_from_checkpoint", false)
	y.field("save_adapter_weights_only", true)
	y.under("dataset", func() { tuneData(y, TrainFile, s.Packing) })
	y.under("dataset_val", func() { tuneData(y, ValidationFile, s.Packing) })
	y.field("run_val_every_n_steps", 50)
	y.field("batch_size_val", s.Micro)
	y.field("seed", s.Seed)
	y.field("shuffle", true)
	y.field("batch_size", s.Micro)
	y.field("gradient_accumulation_steps", s.Accumulate)
	y.field("epochs", s.Epochs)
	y.field("max_steps_per_epoch", nil)
	y.under("optimizer", func() {
		y.field("_component_", "torch.optim.AdamW")
		y.field("lr", s.Rate)
		y.field("weight_decay", 0.0)
		y.field("fused", true)
	})
	y.under("lr_scheduler", func() {
		y.field("_component_", "torchtune.training.lr_schedulers.get_cosine_schedule_with_warmup")
		y.field("num_warmup_steps", j.warmup())
	})
	y.under("loss", func() { y.field("_component_", "torchtune.modules.loss.LinearCrossEntropyLoss") })
	y.field("clip_grad_norm", 1.0)
	j.tuneEnvironment(y)
	return y.b.String()
}

// tuneEnvironment is what does not change what is learnt.
func (j *Job) tuneEnvironment(y *yaml) {
	y.field("compile", false)
	y.field("device", "cuda")
	y.field("dtype", "bf16")
	y.field("enable_activation_checkpointing", true)
	y.field("enable_activation_offloading", false)
	y.under("metric_logger", func() {
		y.field("_component_", "torchtune.training.metric_logging.DiskLogger")
		y.field("log_dir", OutputDir+"/logs")
	})
	y.field("log_every_n_steps", 1)
	y.field("log_peak_memory_stats", true)
	y.field("log_level", "INFO")
	y.under("profiler", func() {
		y.field("_component_", "torchtune.training.setup_torch_profiler")
		y.field("enabled", false)
	})
}

// warmup is a twentieth of the steps.
func (j *Job) warmup() int {
	s := &j.Settings
	return max(1, j.Data.Train*s.Epochs/(20*max(1, s.Micro*s.GPUs*s.Accumulate)))
}

// tuneModel describes the base by its sizes, so that any model of the family will
// do.
func (j *Job) tuneModel(y *yaml) {
	b, s := &j.Base, &j.Settings
	component := "torchtune.models.llama3.lora_llama3"
	switch {
	case b.Architecture == "mistral":
		component = "torchtune.models.mistral.lora_mistral"
	case b.Tied:
		component = "torchtune.models.llama3_2.lora_llama3_2"
	case b.RoPEScaling != "":
		component = "torchtune.models.llama3_1.lora_llama3_1"
	}
	y.field("_component_", component)
	y.field("vocab_size", b.Vocabulary)
	y.field("num_layers", b.Layers)
	y.field("num_heads", b.Heads)
	y.field("num_kv_heads", b.KVHeads)
	y.field("embed_dim", b.Width)
	y.field("max_seq_len", b.Context)
	y.field("intermediate_dim", b.FeedForward)
	y.field("norm_eps", b.NormEpsilon)
	y.field("rope_base", int(b.RoPEBase))
	if b.RoPEScaling != "" {
		y.field("scale_factor", int(b.RoPEFactor))
	}
	var attention []string
	for _, m := range modules(s.Targets) {
		switch m {
		case "q_proj", "k_proj", "v_proj":
			attention = append(attention, m)
		case "o_proj":
			attention = append(attention, "output_proj")
		}
	}
	y.field("lora_attn_modules", attention)
	y.field("apply_lora_to_mlp", slices.Contains(s.Targets, "gate"))
	y.field("apply_lora_to_output", false)
	y.field("lora_rank", s.Rank)
	y.field("lora_alpha", s.Alpha)
	y.field("lora_dropout", s.Dropout)
	y.field("quantize_base", s.Quantised)
}

// tuneType is torchtune's word for how the base's file names its tensors.
func (j *Job) tuneType() string {
	switch {
	case j.Base.Architecture == "mistral":
		return "MISTRAL"
	case j.Base.Tied:
		return "LLAMA3_2"
	}
	return "LLAMA3"
}

// tuneData describes a file of conversations. A row that is longer than packed ones
// is an error there.
func tuneData(y *yaml, file string, packed bool) {
	y.field("_component_", "torchtune.datasets.chat_dataset")
	y.field("source", "json")
	y.field("data_files", file)
	y.field("split", "train")
	y.field("conversation_column", "messages")
	y.field("conversation_style", "openai")
	y.field("train_on_input", false)
	y.field("packed", packed)
}
