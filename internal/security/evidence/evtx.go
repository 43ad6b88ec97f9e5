package evidence

import (
	"io"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/evtx"
)

// whole gives all that an input has left, and keeps count.
type whole struct{ in *input }

func (w whole) Read(p []byte) (int, error) {
	if len(w.in.rest()) == 0 && !w.in.more() {
		return 0, w.in.err
	}
	n := copy(p, w.in.rest())
	w.in.start += n
	w.in.offset += int64(n)
	return n, nil
}

// readEVTX reads a Windows event log. Its records have numbers of their own.
func (r *room) readEVTX() {
	e, err := evtx.NewReader(whole{r.in})
	if err != nil {
		r.faultAt(err.Error())
		return
	}
	for r.abort == nil {
		rec, err := e.Next()
		if err != nil {
			if err != io.EOF && r.in.err == nil {
				r.faultAt(err.Error())
			}
			break
		}
		a := r.alert("evtx", "", 0)
		a.At.Record = rec.Number
		a.Fields = make([]casemate.Field, len(rec.Fields))
		for i, f := range rec.Fields {
			a.Fields[i] = casemate.Field{Name: f.Name, Value: f.Value, Kind: evtxKinds[f.Kind]}
		}
		warning := r.mapper.Map(a)
		if a.Format == "windows-event" {
			a.Format = "evtx"
		}
		if a.Time.IsZero() {
			a.Time = rec.Written
		}
		if !r.emit(a, rec.Raw, rec.Offset, warning) {
			break
		}
	}
	stats := e.Stats()
	for _, f := range stats.Faults {
		r.fault(0, f.Record, f.Offset, f.Reason)
	}
	if unnamed := stats.FaultCount - len(stats.Faults); unnamed > 0 {
		r.summary().Faults += unnamed
		r.sum.FaultCount += unnamed
	}
}

// evtxKinds gives the kinds of package evtx their names here.
var evtxKinds = [...]casemate.FieldKind{evtx.String: casemate.String, evtx.Number: casemate.Number, evtx.Bool: casemate.Bool, evtx.Null: casemate.Null}
