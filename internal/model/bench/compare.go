package bench

// Comparison holds a report against an earlier one: how many times as fast it is
// now, more than 1 being faster, of what both have; and of memory how many times
// as much it takes. What one of them lacks is 0.
type Comparison struct {
	Load       float64 `json:"load,omitempty"`
	FirstToken float64 `json:"first_token,omitempty"`
	Prompt     float64 `json:"prompt,omitempty"`
	Decode     float64 `json:"decode,omitempty"`
	Batch      float64 `json:"batch,omitempty"`
	Prefix     float64 `json:"prefix,omitempty"` // all options after one beginning
	Memory     float64 `json:"memory,omitempty"`
	// Unlike names what was not the same: where there is any, ratios say little.
	Unlike []string `json:"unlike,omitempty"`
}

// Compare holds the best runs of two reports against each other.
func Compare(now, before *Report) Comparison {
	c := Comparison{
		Load:       ratio(seconds(before.Load), seconds(now.Load)),
		FirstToken: ratio(seconds(before.FirstToken), seconds(now.FirstToken)),
		Prompt:     ratio(speed(now.Prompt), speed(before.Prompt)),
		Decode:     ratio(speed(now.Decode), speed(before.Decode)),
		Batch:      ratio(speed(now.Batch), speed(before.Batch)),
		Memory:     ratio(float64(now.Memory.PeakBytes), float64(before.Memory.PeakBytes)),
	}
	if now.Prefix != nil && before.Prefix != nil {
		c.Prefix = ratio(before.Prefix.Shared.Seconds, now.Prefix.Shared.Seconds)
	}
	for _, d := range []struct {
		what string
		same bool
	}{
		{"the model's size", now.Model.Parameters == before.Model.Parameters && now.Model.TensorBytes == before.Model.TensorBytes},
		{"threads", now.Machine.Threads == before.Machine.Threads},
		{"instructions", now.Machine.Instructions == before.Machine.Instructions},
		{"the cache's type", now.Cache == before.Cache},
		{"the prompt", sameRate(now.Prompt, before.Prompt)},
		{"the tokens decoded", sameRate(now.Decode, before.Decode)},
		{"the batch", sameRate(now.Batch, before.Batch)},
		{"the options", samePrefix(now.Prefix, before.Prefix)},
	} {
		if !d.same {
			c.Unlike = append(c.Unlike, d.what)
		}
	}
	return c
}

func ratio(a, b float64) float64 {
	if a <= 0 || b <= 0 {
		return 0
	}
	return a / b
}

func seconds(d *Duration) float64 {
	if d == nil {
		return 0
	}
	return d.Seconds
}

func speed(r *Rate) float64 {
	if r == nil {
		return 0
	}
	return r.TokensPerSecond
}

// sameRate says whether two rates, if both are there, are of the same work.
func sameRate(a, b *Rate) bool {
	return a == nil || b == nil || a.Tokens == b.Tokens && a.Sequences == b.Sequences
}

func samePrefix(a, b *Prefix) bool {
	return a == nil || b == nil || a.Options == b.Options && a.OptionTokens == b.OptionTokens && a.PrefixTokens == b.PrefixTokens
}
