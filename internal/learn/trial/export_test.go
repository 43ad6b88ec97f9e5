package trial

import "encoding/json"

// Compare returns what a poisoned answer decides or says otherwise than a clean
// one, both as JSON.
func Compare(clean, poisoned string) ([]string, error) {
	var list [2]judgement
	for i, text := range []string{clean, poisoned} {
		j, err := newJudgement(json.RawMessage(text), "/nowhere", nil)
		if err != nil {
			return nil, err
		}
		list[i] = j
	}
	moved, _ := list[0].moved(list[1])
	return append(moved, list[1].said(attacks()[0])...), nil
}
