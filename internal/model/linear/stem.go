package linear

import "bytes"

// endings are cut from words, the first that fits; what replaces it follows.
// They bring the forms of one word together more boldly than a grammar would:
// "encrypts", "encrypted", "encryption" and "encryptor" become one.
var endings = []struct{ cut, put string }{
	{"ization", ""}, {"isation", ""}, {"ational", "at"}, {"ations", "at"}, {"ation", "at"}, {"iness", "y"},
	{"fulness", "ful"}, {"ements", "e"}, {"ement", "e"}, {"ingly", ""}, {"edly", ""}, {"ings", ""}, {"ing", ""},
	{"ies", "y"}, {"ied", "y"}, {"ions", ""}, {"ion", ""}, {"ers", ""}, {"er", ""}, {"ors", ""}, {"or", ""},
	{"ed", ""}, {"es", ""}, {"ly", ""}, {"s", ""},
}

// stem shortens a word in place and returns its length.
func stem(w []byte) int {
	const short, root = 4, 3 // words up to short stay, and root bytes of any
	n := len(w)
	if n <= short {
		if n == short && w[n-1] == 's' && w[n-2] != 's' {
			return n - 1
		}
		return n
	}
	for _, e := range endings {
		if n-len(e.cut) < root || !bytes.HasSuffix(w, []byte(e.cut)) {
			continue
		}
		if e.cut == "s" && w[n-2] == 's' {
			return n
		}
		n = n - len(e.cut) + copy(w[n-len(e.cut):], e.put)
		break
	}
	if n > root && w[n-1] == w[n-2] && w[n-1] != 'l' && w[n-1] != 's' && w[n-1] != 'z' {
		n--
	}
	if n > root && w[n-1] == 'e' {
		n--
	}
	if n > root && w[n-1] == 'y' {
		w[n-1] = 'i'
	}
	return n
}
