package tagger_test

import (
	"context"
	"fmt"

	"github.com/casemate-ai/casemate/internal/model/tagger"
)

func ExampleTrain() {
	var rows []tagger.Row
	for _, host := range []string{"ws-01", "ws-17", "srv-02", "dc-9"} {
		text := "The alert on " + host + " was closed"
		rows = append(rows, tagger.Row{Text: text, Spans: []tagger.Span{{Start: 13, End: 13 + len(host), Label: 0}}})
	}
	m, err := tagger.Train(context.Background(), rows, tagger.Options{Labels: []string{"host"}})
	if err != nil {
		panic(err)
	}
	text := "An alert on ws-44 was closed"
	for _, s := range m.Tag(text, nil) {
		fmt.Printf("%s: %s\n", m.Config().Labels[s.Label], text[s.Start:s.End])
	}
	// Output: host: ws-44
}
