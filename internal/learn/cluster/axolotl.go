package cluster

// axolotl returns the configuration for axolotl.
//
// Keys are those of its schemas at version 0.18.0: see testdata/axolotl-keys.txt.
func (j *Job) axolotl() string {
	y, s := &yaml{}, &j.Settings
	y.comment("Configuration for axolotl, version 0.18 or later. launch.sh says which base and how many GPUs.")
	y.field("base_model", j.Base.At)
	y.field("trust_remote_code", false)
	y.field("strict", false)
	y.field("load_in_4bit", s.Quantised)
	y.field("adapter", adapterKind(s.Quantised))
	y.field("lora_r", s.Rank)
	y.field("lora_alpha", int(s.Alpha))
	y.field("lora_dropout", s.Dropout)
	y.field("lora_target_modules", modules(s.Targets))
	y.field("peft_use_rslora", s.Stabilised)
	y.field("peft_use_dora", s.Decomposed)
	y.comment("The base's own chat template; the loss is on what the assistant says, its end of turn included.")
	y.field("chat_template", "tokenizer_default")
	y.comment("The day that casemate writes when it asks the model: prompts must not differ.")
	y.under("chat_template_kwargs", func() { y.field("date_string", "26 Jul 2024") })
	y.only("datasets", func() { chatData(y, TrainFile) })
	y.only("test_datasets", func() { chatData(y, ValidationFile) })
	y.field("dataset_prepared_path", OutputDir+"/prepared")
	y.comment("Nothing is cut: a row that is too long is an error.")
	y.field("sequence_len", s.Length)
	y.field("excess_length_strategy", "raise")
	y.field("sample_packing", s.Packing)
	y.field("eval_sample_packing", false)
	y.field("pad_to_sequence_len", s.Packing)
	y.field("output_dir", OutputDir)
	y.field("micro_batch_size", s.Micro)
	y.field("gradient_accumulation_steps", s.Accumulate)
	y.field("num_epochs", s.Epochs)
	y.field("optimizer", "adamw_torch")
	y.field("lr_scheduler", "cosine")
	y.field("learning_rate", s.Rate)
	y.field("warmup_ratio", 0.05)
	y.field("weight_decay", 0.0)
	y.field("max_grad_norm", 1.0)
	y.field("bf16", true)
	y.field("tf32", false)
	y.field("gradient_checkpointing", true)
	y.field("attn_implementation", "flash_attention_2")
	y.field("logging_steps", 1)
	y.field("evals_per_epoch", 1)
	y.field("saves_per_epoch", 1)
	y.field("save_total_limit", 2)
	y.field("load_best_model_at_end", true)
	y.field("seed", s.Seed)
	return y.b.String()
}

// adapterKind is axolotl's word.
func adapterKind(quantised bool) string {
	if quantised {
		return "qlora"
	}
	return "lora"
}

// chatData describes a file of conversations.
func chatData(y *yaml, file string) {
	y.field("path", file)
	y.field("ds_type", "json")
	y.field("split", "train")
	y.field("type", "chat_template")
	y.field("field_messages", "messages")
	y.under("message_property_mappings", func() {
		y.field("role", "role")
		y.field("content", "content")
	})
	y.field("roles_to_train", []string{"assistant"})
	y.field("train_on_eos", "turn")
}
