package feed

func (j *jsonFile) document(member string) error { return j.keep([]byte(`"` + member + `"`)) }
