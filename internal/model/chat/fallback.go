package chat

// known is a template for models whose files carry none.
type known struct {
	name    string
	markers []string // special tokens that it needs
	source  string
}

// fallback returns the template whose markers are all special tokens.
func fallback(special map[string]bool) (known, bool) {
	for _, k := range fallbacks() {
		all := true
		for _, m := range k.markers {
			all = all && special[m]
		}
		if all {
			return k, true
		}
	}
	return known{}, false
}

// fallbacks are written in this project, after the published descriptions of the
// formats; none of them has a system prompt of its own.
func fallbacks() []known {
	return []known{
		{
			name:    "llama3",
			markers: []string{"<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"},
			source: `{{ bos_token }}
{%- for message in messages %}
{{- '<|start_header_id|>' ~ message.role ~ '<|end_header_id|>\n\n' ~ message.content|trim ~ '<|eot_id|>' }}
{%- endfor %}
{%- if add_generation_prompt %}
{{- '<|start_header_id|>assistant<|end_header_id|>\n\n' }}
{%- endif %}`,
		},
		{
			name:    "markers",
			markers: []string{"<|system|>", "<|user|>", "<|assistant|>"},
			source: `{{ bos_token }}
{%- for message in messages %}
{{- '<|' ~ message.role ~ '|>\n' ~ message.content }}
{%- if message.role == 'assistant' %}
{{- eos_token }}
{%- endif %}
{{- '\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
{{- '<|assistant|>\n' }}
{%- endif %}`,
		},
		{
			name:    "chatml",
			markers: []string{"<|im_start|>", "<|im_end|>"},
			source: `{%- for message in messages %}
{{- '<|im_start|>' ~ message.role ~ '\n' ~ message.content ~ '<|im_end|>\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
{{- '<|im_start|>assistant\n' }}
{%- endif %}`,
		},
	}
}
