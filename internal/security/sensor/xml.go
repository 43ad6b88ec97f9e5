package sensor

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/flat"
)

// errTooMany stops a text that names more data than a record may have.
var errTooMany = errors.New("more values than a record may have")

// xmlData reads the <Data Name="…"> elements of a Windows event's XML.
func xmlData(text string) ([]casemate.Field, error) {
	d := xml.NewDecoder(strings.NewReader(text))
	d.Strict = false
	var out []casemate.Field
	name, inside := "", false
	var value strings.Builder
	for depth := 0; ; {
		token, err := d.RawToken()
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			return out, fmt.Errorf("read event data: %w", err)
		}
		switch t := token.(type) {
		case xml.StartElement:
			if depth++; depth > flat.MaxDepth || len(out) >= flat.MaxFields {
				return out, errTooMany
			}
			inside = t.Name.Local == "Data"
			name = "Data"
			for _, attr := range t.Attr {
				if attr.Name.Local == "Name" {
					name = attr.Value
				}
			}
			value.Reset()
		case xml.CharData:
			if inside {
				value.Write(t)
			}
		case xml.EndElement:
			depth--
			if inside {
				out = append(out, casemate.Field{Name: name, Value: value.String()})
			}
			inside = false
		}
	}
}
