package head

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"unicode"
)

// What a head was trained on is kept as a sample of the runs of words in it, or of
// its whole texts: of each the hash, if the hash falls on the sample. With it one
// can tell whether texts are among those that the head has seen, and so whether
// its answers to them count. Runs find a text that was cut or edited; whole texts
// are for those that repeat one another's sentences, as descriptions of
// vulnerabilities do.
const (
	seenMagic  = "cmseen01"
	seenHeader = len(seenMagic) + 4 + 4 // and the rate, and the words of a run
	maxSeen    = 4 << 20                // hashes
	maxRun     = 64                     // words
)

// seenSet is such a sample.
type seenSet struct {
	rate   uint64
	run    int      // words of a run, 0 for whole texts
	hashes []uint32 // ascending
}

// Saw says whether an embedded head has seen enough of texts in training that its
// answers to them are worth nothing: the share of a sample of them, or of their
// runs of words, that is among those of the training, and whether that is more
// than texts of the same kind have in common by chance. known is false where the
// sample is too small to tell.
func Saw(name string, texts []string) (share float64, saw, known bool) {
	const least = 8
	share, sampled := SeenShare(name, texts)
	return share, share > usualShare[name], sampled >= least
}

// usualShare is what texts have in common with the training that were not in it, at
// most: some descriptions of vulnerabilities are the same word for word.
var usualShare = map[string]float64{"attack": 0.02, "cwe": 0.05}

// SeenShare returns the share of texts, or of their runs of words, that are among
// those which an embedded head was trained on, by a sample of so many of them. It
// is 0 of none for a head that keeps no such sample.
func SeenShare(name string, texts []string) (share float64, sampled int) {
	load, ok := seenSets[name]
	if !ok {
		return 0, 0
	}
	set, err := load()
	if err != nil {
		return 0, 0
	}
	hits := 0
	for _, t := range texts {
		eachRun(t, set.run, func(h uint64) {
			if h%set.rate != 0 {
				return
			}
			sampled++
			if _, found := slices.BinarySearch(set.hashes, uint32(h>>32)); found {
				hits++
			}
		})
	}
	return float64(hits) / float64(max(1, sampled)), sampled
}

// SeenFile returns the sample of texts as it is kept beside the weights of a head:
// one in rate of their runs of so many words, or, for 0, of the whole texts.
func SeenFile(texts []string, rate, run uint32) []byte {
	var hashes []uint32
	for _, t := range texts {
		eachRun(t, int(run), func(h uint64) {
			if h%uint64(rate) == 0 {
				hashes = append(hashes, uint32(h>>32))
			}
		})
	}
	slices.Sort(hashes)
	out := binary.LittleEndian.AppendUint32([]byte(seenMagic), rate)
	out = binary.LittleEndian.AppendUint32(out, run)
	for _, h := range slices.Compact(hashes) {
		out = binary.LittleEndian.AppendUint32(out, h)
	}
	return out
}

// seenSets decode each sample on first use.
var seenSets = func() map[string]func() (seenSet, error) {
	out := map[string]func() (seenSet, error){}
	for _, name := range []string{"attack", "cwe"} {
		out[name] = sync.OnceValues(func() (seenSet, error) {
			data, err := weights.ReadFile("weights/" + name + ".seen")
			if err != nil {
				return seenSet{}, err
			}
			return decodeSeen(data)
		})
	}
	return out
}()

func decodeSeen(data []byte) (seenSet, error) {
	const size = 4
	if len(data) < seenHeader || string(data[:len(seenMagic)]) != seenMagic || (len(data)-seenHeader)%size != 0 || len(data) > seenHeader+maxSeen*size {
		return seenSet{}, errors.New("not a sample of texts of this version")
	}
	set := seenSet{rate: uint64(binary.LittleEndian.Uint32(data[len(seenMagic):])), run: int(binary.LittleEndian.Uint32(data[len(seenMagic)+size:]))}
	if set.rate == 0 || set.run > maxRun {
		return seenSet{}, errors.New("a sample of one in none, or of runs that are too long")
	}
	for at := seenHeader; at < len(data); at += size {
		h := binary.LittleEndian.Uint32(data[at:])
		if n := len(set.hashes); n > 0 && set.hashes[n-1] >= h {
			return seenSet{}, fmt.Errorf("hash %d is not above the one before", n)
		}
		set.hashes = append(set.hashes, h)
	}
	return set, nil
}

// eachRun calls do with the hash of each run of so many words of a text, or of all
// its words for 0, whatever their case and what stands between them.
func eachRun(text string, run int, do func(h uint64)) {
	const offset, prime = 14695981039346656037, 1099511628211
	mix := func(h, word uint64) uint64 {
		h = (h ^ word) * prime
		return h ^ h>>29
	}
	finish := func(h uint64) uint64 {
		h *= 0xbf58476d1ce4e5b9
		return h ^ h>>32
	}
	var words [maxRun]uint64
	n, whole := 0, uint64(offset)
	text = text[:min(len(text), maxSeenText)]
	for w := range strings.FieldsFuncSeq(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		h := uint64(offset)
		for i := range len(w) {
			h = (h ^ uint64(w[i])) * prime
		}
		n++
		if run == 0 {
			whole = mix(whole, h)
			continue
		}
		words[n%run] = h
		if n < run {
			continue
		}
		sum := uint64(offset)
		for i := range run {
			sum = mix(sum, words[(n+1+i)%run])
		}
		do(finish(sum))
	}
	if run == 0 && n > 0 {
		do(finish(whole))
	}
}

// maxSeenText is what is read of a text.
const maxSeenText = 64 << 10
