package pdf

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// The upper halves of the encodings that PDF names, from 0x80 on; U+FFFD where
// an encoding has none.
const (
	highWin = "€\ufffd‚ƒ„…†‡ˆ‰Š‹Œ\ufffdŽ\ufffd\ufffd‘’“”•–—˜™š›œ\ufffdžŸ\u00a0¡¢£¤¥¦§¨©ª«¬\u00ad®¯°±²³´µ¶·¸¹º»¼½¾¿ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖ×ØÙÚÛÜÝÞßàáâãäåæçèéêëìíîïðñòóôõö÷øùúûüýþÿ"
	highMac = "ÄÅÇÉÑÖÜáàâäãåçéèêëíìîïñóòôöõúùûü†°¢£§•¶ß®©™´¨\ufffdÆØ\ufffd±\ufffd\ufffd¥µ\ufffd\ufffd\ufffd\ufffd\ufffdªº\ufffdæø¿¡¬\ufffdƒ\ufffd\ufffd«»…\u00a0ÀÃÕŒœ–—“”‘’÷\ufffdÿŸ⁄¤‹›ﬁﬂ‡·‚„‰ÂÊÁËÈÍÎÏÌÓÔ\ufffdÒÚÛÙıˆ˜¯˘˙˚¸˝˛ˇ"
	// Of the standard encoding only 0xa1 on is used.
	highStandard = "\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd" +
		"\ufffd¡¢£⁄¥ƒ§¤'“«‹›ﬁﬂ\ufffd–†‡·\ufffd¶•‚„”»…‰\ufffd¿\ufffd`´ˆ˜¯˘˙¨\ufffd˚¸\ufffd˝˛ˇ—"
)

// glyphs names the characters of the standard fonts whose names are not the
// character itself, as "name=char" pairs.
const glyphs = "space=  exclam=! quotedbl=\" numbersign=# dollar=$ percent=% ampersand=& quotesingle=' parenleft=( parenright=) asterisk=* plus=+ comma=, hyphen=- minus=− period=. slash=/ " +
	"zero=0 one=1 two=2 three=3 four=4 five=5 six=6 seven=7 eight=8 nine=9 colon=: semicolon=; less=< equal== greater=> question=? at=@ bracketleft=[ backslash=\\ bracketright=] " +
	"asciicircum=^ underscore=_ grave=` quoteleft=‘ quoteright=’ braceleft={ bar=| braceright=} asciitilde=~ exclamdown=¡ cent=¢ sterling=£ fraction=⁄ yen=¥ florin=ƒ section=§ currency=¤ " +
	"quotedblleft=“ guillemotleft=« guilsinglleft=‹ guilsinglright=› fi=fi fl=fl ff=ff ffi=ffi ffl=ffl f_i=fi f_l=fl f_f=ff endash=– emdash=— dagger=† daggerdbl=‡ periodcentered=· paragraph=¶ bullet=• " +
	"quotesinglbase=‚ quotedblbase=„ quotedblright=” guillemotright=» ellipsis=… perthousand=‰ questiondown=¿ AE=Æ ae=æ OE=Œ oe=œ Oslash=Ø oslash=ø Lslash=Ł lslash=ł germandbls=ß dotlessi=ı " +
	"Eth=Ð eth=ð Thorn=Þ thorn=þ copyright=© registered=® trademark=™ degree=° plusminus=± multiply=× divide=÷ mu=µ onehalf=½ onequarter=¼ threequarters=¾ onesuperior=¹ twosuperior=² threesuperior=³ " +
	"ordfeminine=ª ordmasculine=º logicalnot=¬ brokenbar=¦ Euro=€ acute=´ dieresis=¨ cedilla=¸ macron=¯ circumflex=ˆ tilde=˜ nbspace=  sfthyphen=- arrowright=→ arrowleft=← lessequal=≤ greaterequal=≥"

// accented lists letters with marks after the name of the mark: base, letter, base, letter …
const accented = "acute:AÁaáEÉeéIÍiíOÓoóUÚuúYÝyýCĆcćNŃnńSŚsśZŹzź grave:AÀaàEÈeèIÌiìOÒoòUÙuù circumflex:AÂaâEÊeêIÎiîOÔoôUÛuû " +
	"dieresis:AÄaäEËeëIÏiïOÖoöUÜuüYŸyÿ tilde:AÃaãNÑnñOÕoõ ring:AÅaåUŮuů cedilla:CÇcçSŞsş caron:CČcčSŠsšZŽzžEĚeěRŘrřNŇnňDĎdď ogonek:AĄaąEĘeę dotaccent:ZŻzżIİ breve:AĂaăGĞgğ hungarumlaut:OŐoőUŰuű"

// glyphText returns the text of a glyph by its name, or "".
func glyphText(n string) string {
	n, _, _ = strings.Cut(n, ".")
	switch {
	case len(n) == 1:
		return n
	case strings.HasPrefix(n, "uni") && len(n) >= 7 && len(n) <= 19:
		var out []rune
		for i := 3; i+4 <= len(n); i += 4 {
			r, err := strconv.ParseUint(n[i:i+4], 16, 16)
			if err != nil {
				return ""
			}
			out = append(out, rune(r))
		}
		return string(out)
	case n[:min(len(n), 1)] == "u" && len(n) >= 5 && len(n) <= 7:
		if r, err := strconv.ParseUint(n[1:], 16, 32); err == nil && r <= utf8.MaxRune {
			return string(rune(r))
		}
	}
	if len(n) < 2 || len(n) > 24 {
		return ""
	}
	if i := strings.Index(" "+glyphs, " "+n+"="); i >= 0 {
		value := glyphs[i+len(n)+1:]
		if value[0] == ' ' {
			return " "
		}
		value, _, _ = strings.Cut(value, " ")
		return value
	}
	if i := strings.Index(" "+accented, " "+n[1:]+":"); i >= 0 && len(n) > 4 {
		pairs, _, _ := strings.Cut(accented[i+len(n):], " ")
		runes := []rune(pairs)
		for j := 0; j+1 < len(runes); j += 2 {
			if runes[j] == rune(n[0]) {
				return string(runes[j+1])
			}
		}
	}
	return ""
}

// baseEncoding returns the texts of 256 codes in a named encoding.
func baseEncoding(n name) [256]string {
	var out [256]string
	for c := ' '; c < 0x7f; c++ {
		out[c] = string(c)
	}
	high := highStandard
	switch n {
	case "WinAnsiEncoding":
		high = highWin
	case "MacRomanEncoding", "MacExpertEncoding":
		high = highMac
	default:
		out['\''], out['`'] = "’", "‘"
	}
	i := 0x80
	for _, r := range high {
		if i > 0xff {
			break
		}
		if r != utf8.RuneError {
			out[i] = string(r)
		}
		i++
	}
	if n != "WinAnsiEncoding" && n != "MacRomanEncoding" {
		for c, s := range map[int]string{0xe1: "Æ", 0xe3: "ª", 0xe8: "Ł", 0xe9: "Ø", 0xea: "Œ", 0xeb: "º", 0xf1: "æ", 0xf5: "ı", 0xf8: "ł", 0xf9: "ø", 0xfa: "œ", 0xfb: "ß"} {
			out[c] = s
		}
	}
	return out
}

// utf16Text reads UTF-16 with the high byte first.
func utf16Text(b text) string {
	if len(b) == 1 {
		return string(rune(b[0]))
	}
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = uint16(b[2*i])<<8 | uint16(b[2*i+1])
	}
	return string(utf16.Decode(units))
}

// plainString reads a string of a document's information.
func plainString(b text) string {
	switch {
	case strings.HasPrefix(string(b), "\xfe\xff"):
		return utf16Text(b[2:])
	case strings.HasPrefix(string(b), "\xef\xbb\xbf"):
		return strings.ToValidUTF8(string(b[3:]), "\ufffd")
	}
	table := baseEncoding("WinAnsiEncoding")
	var s strings.Builder
	for i := range len(b) {
		s.WriteString(table[b[i]])
	}
	return s.String()
}

// Widths of the characters from space to tilde in thousandths of the size, for
// the standard fonts, which need not state them.
const (
	widthsSans  = "278 278 355 556 556 889 667 191 333 333 389 584 278 333 278 278 556 556 556 556 556 556 556 556 556 556 278 278 584 584 584 556 1015 667 667 722 722 667 611 778 722 278 500 667 556 833 722 778 667 778 722 667 611 722 667 944 667 667 611 278 278 278 469 556 333 556 556 500 556 556 278 556 556 222 222 500 222 833 556 556 556 556 333 500 278 556 500 722 500 500 500 334 260 334 584"
	widthsSerif = "250 333 408 500 500 833 778 180 333 333 500 564 250 333 250 278 500 500 500 500 500 500 500 500 500 500 278 278 564 564 564 444 921 722 667 667 722 611 556 722 722 333 389 722 611 889 722 722 556 722 667 556 611 722 722 944 722 722 611 333 278 333 469 500 333 444 500 444 500 444 333 500 500 278 278 500 278 778 500 500 500 500 333 389 278 500 500 722 500 500 444 480 200 480 541"
)

// standardWidths returns widths for a font that states none.
func standardWidths(base string) func(code int) float64 {
	if strings.Contains(base, "Courier") || strings.Contains(base, "Mono") {
		return func(int) float64 { return 600 }
	}
	list := widthsSans
	if strings.Contains(base, "Times") || strings.Contains(base, "Serif") || strings.Contains(base, "Roman") {
		list = widthsSerif
	}
	var widths [95]float64
	i := 0
	for w := range strings.FieldsSeq(list) {
		widths[i], _ = strconv.ParseFloat(w, 64) // the list is ours
		i++
	}
	return func(code int) float64 {
		if code >= ' ' && code < ' '+len(widths) {
			return widths[code-' ']
		}
		return 500
	}
}
