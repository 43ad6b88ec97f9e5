package evidence

import "bytes"

// containers are the names under which products put the array of records when
// they wrap it in an object.
var containers = map[string]bool{
	"value": true, "Records": true, "records": true, "hits": true, "Findings": true, "findings": true,
	"results": true, "events": true, "Events": true, "alerts": true, "incidents": true, "logEvents": true,
	"data": true, "items": true, "Items": true, "entries": true, "affected_items": true, "logs": true, "detections": true,
}

// nests are the objects in which the array may stand one level deeper.
var nests = map[string]bool{"hits": true, "data": true, "response": true, "rawResponse": true, "value": true}

// covers are what else an envelope says. An object that says anything else
// before its array is a record, not an envelope.
var covers = map[string]bool{
	"took": true, "timed_out": true, "_shards": true, "total": true, "max_score": true, "count": true, "Count": true,
	"next": true, "nextLink": true, "NextToken": true, "nextToken": true, "next_token": true, "preview": true, "init_offset": true,
	"offset": true, "limit": true, "messages": true, "status": true, "success": true, "page": true, "size": true, "pages": true,
	"errors": true, "error": true, "meta": true, "metadata": true, "_scroll_id": true, "pit_id": true, "isPartial": true, "isRunning": true,
	"messageType": true, "owner": true, "logGroup": true, "logStream": true, "subscriptionFilters": true,
	"total_affected_items": true, "total_failed_items": true, "failed_items": true, "message": true, "version": true,
}

// envelope is what stands before the records.
type envelope struct {
	size int // bytes up to and including the bracket that opens the array
	open int // objects that are still open behind the array
}

// maxEnvelope bounds what may stand before the array. It is asked of every
// object, so that a larger bound would be paid many times over.
const maxEnvelope = 4 << 10

// findEnvelope looks at the beginning of an object and says whether it wraps an
// array of objects.
func findEnvelope(text []byte) (envelope, bool) {
	return findEnvelopeIn(text[:min(len(text), maxEnvelope)], 0, 1)
}

func findEnvelopeIn(text []byte, at, open int) (envelope, bool) {
	at = blanks(text, at+1)
	for at < len(text) && text[at] == '"' {
		end := stringEnd(text, at)
		if end < 0 {
			break
		}
		name := text[at+1 : end-1]
		at = blanks(text, end)
		if at >= len(text) || text[at] != ':' {
			break
		}
		if at = blanks(text, at+1); at >= len(text) {
			break
		}
		switch {
		case text[at] == '[' && containers[string(name)]:
			if in := blanks(text, at+1); in < len(text) && (text[in] == '{' || text[in] == ']') {
				return envelope{at + 1, open}, true
			}
			return envelope{}, false
		case text[at] == '{' && nests[string(name)] && open == 1:
			if e, ok := findEnvelopeIn(text, at, open+1); ok {
				return e, true
			}
			return envelope{}, false
		case !covers[string(name)] && !bytes.HasPrefix(name, []byte("@odata")) && !bytes.HasPrefix(name, []byte("$")):
			return envelope{}, false
		}
		if at = valueEnd(text, at); at < 0 {
			break
		}
		if at = blanks(text, at); at >= len(text) || text[at] != ',' {
			break
		}
		at = blanks(text, at+1)
	}
	return envelope{}, false
}

func blanks(text []byte, at int) int {
	for at < len(text) && (text[at] == ' ' || text[at] == '\t' || text[at] == '\n' || text[at] == '\r') {
		at++
	}
	return at
}

// stringEnd returns where the string that begins at a quote ends, or -1.
func stringEnd(text []byte, at int) int {
	for at++; at < len(text); at++ {
		switch text[at] {
		case '\\':
			at++
		case '"':
			return at + 1
		}
	}
	return -1
}

// valueEnd returns where a value ends, by its brackets alone, or -1.
func valueEnd(text []byte, at int) int {
	depth := 0
	for at < len(text) {
		switch text[at] {
		case '"':
			if at = stringEnd(text, at); at < 0 {
				return -1
			}
			if depth == 0 {
				return at
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return at
			}
			if depth--; depth == 0 {
				return at + 1
			}
		case ',':
			if depth == 0 {
				return at
			}
		}
		at++
	}
	return -1
}
