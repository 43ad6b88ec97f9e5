package modelstore

import (
	"errors"
	"fmt"
)

type facts struct {
	format       string
	architecture string
	license      string
	parameters   int64
	quantisation string
	files        []string // names of the files that it was opened from
}

func inspect(path string, deep bool) (f *facts, err error) { return nil, errors.New("not yet") }

// refused makes an error of what is wrong with a model.
func refused(path string, err error) error {
	return input(fmt.Sprintf("import %q", path), err, "the model cannot be used as it is: get it again, or from elsewhere")
}
