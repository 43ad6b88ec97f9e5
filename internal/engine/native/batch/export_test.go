package batch

// Waiting returns how many jobs wait for a pass.
func (b *Batcher) Waiting() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.steps) + len(b.prompts)
}

// Closing says whether Close has been called.
func (b *Batcher) Closing() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.closed
}

// Abandoned returns how many members of the pass under way nobody waits for.
func (b *Batcher) Abandoned() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.pass.members) - b.pass.left
}

// Between returns how many sequences have logits and have not asked for more.
func (b *Batcher) Between() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.between
}
