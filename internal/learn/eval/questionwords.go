package eval

import (
	"slices"
	"strings"
	"unicode"

	"github.com/casemate-ai/casemate/internal/security/feed"
)

// otherWords are what a question may say for a word of the catalogue. The list
// is the examiner's own; the answerer has another.
var otherWords = pairs(`adversary=attacker,intruder,actor adversaries=attackers,intruders,malicious_actors attacker=adversary,malicious_actor malicious=hostile,harmful,bad
	execute=run,carry_out,start executed=run,started,carried_out execution=running,start obtain=get,acquire,gain gain=get,obtain information=details,data,knowledge
	modify=change,alter,edit modified=changed,altered modifying=changing,altering delete=remove,erase deleted=removed,erased create=make,set_up,add created=made,set_up
	use=employ,rely_on,make_use_of used=employed,leveraged using=with,by_means_of,employing leverage=use,exploit abuse=misuse,exploit exploit=take_advantage_of,abuse
	prevent=stop,keep_from,block prevents=stops,blocks ensure=make_sure,see_to_it ensures=guarantees restrict=limit,confine restricting=limiting limit=restrict,reduce
	detect=notice,spot,discover monitor=watch,observe,keep_an_eye_on monitoring=watching identify=find,recognize,pinpoint enable=allow,make_possible allow=let,permit allows=lets,permits
	attempt=try,seek attempts=tries hide=conceal,mask conceal=hide evade=avoid,escape bypass=get_around,circumvent circumvent=bypass disable=turn_off,switch_off
	send=transmit,forward sent=transmitted receive=get,accept contain=hold,include contains=holds,includes include=comprise,cover includes=covers
	user=person,account_holder users=people,account_holders system=machine,host,computer systems=machines,hosts,computers victim=target target=victim
	software=program,application application=program,app applications=programs,apps product=software,application program=application executable=binary,program
	files=documents,data_on_disk file=document directory=folder directories=folders network=communications_network remote=distant,off-site
	credentials=logins,account_secrets password=passcode,secret passwords=passcodes,secrets privileges=rights,permissions permissions=rights,privileges privileged=highly_trusted
	service=background_program sensitive=confidential,private legitimate=genuine,valid,benign untrusted=unverified,dubious input=supplied_data validate=check,verify validation=checking,verification
	verify=check,confirm check=verify incorrect=wrong,faulty incorrectly=wrongly properly=correctly,as_it_should improper=wrong,inadequate sufficient=enough,adequate
	additional=further,more multiple=several,many various=several,different numerous=many common=usual,frequent commonly=often,frequently typically=usually,as_a_rule
	however=yet therefore=so often=frequently may=can,might might=could can=may,is_able_to such=like perform=carry_out,do performed=done,carried_out
	communicate=talk communication=exchange,traffic communications=exchanges,traffic access=reach,entry consequence=effect attacks=assaults,offensives attack=assault,offensive
	provide=give,offer provides=gives,offers require=need,demand requires=needs,demands required=needed,necessary compromise=break_into,take_over compromised=breached,taken_over
	collect=gather,harvest gather=collect steal=take,exfiltrate stolen=taken store=keep,save stored=kept,saved control=command,govern
	weakness=flaw,defect vulnerability=flaw,security_hole vulnerabilities=flaws,security_holes function=routine resource=asset resources=assets memory=RAM
	overwrite=replace insert=add,put inject=insert,plant specific=particular,certain particular=certain,specific within=inside,in via=through,by_way_of order=sequence
	device=appliance,machine devices=appliances,machines code=instructions,logic data=information,content operation=action operations=actions behavior=conduct,activity
	manipulate=tamper_with,influence redirect=divert,send implement=build,put_in_place implementation=realization design=plan,layout configuration=setup,settings
	environment=surroundings,setting organization=company,enterprise organizations=companies,enterprises company=firm established=set_up maintain=keep,preserve`)

// pairs reads a list of word=choice,choice; an underscore stands for a space.
func pairs(list string) map[string][]string {
	m := map[string][]string{}
	for f := range strings.FieldsSeq(list) {
		word, choices, _ := strings.Cut(f, "=")
		m[word] = strings.Split(strings.ReplaceAll(choices, "_", " "), ",")
	}
	return m
}

// The lengths in words of a sentence that a question is made from.
const (
	minSentenceWords = 7
	maxSentenceWords = 38
)

// sentence returns one sentence of a text, worded anew and without names that
// would give the answer away.
func (g *examiner) sentence(text string, names ...string) (string, bool) {
	list := cutSentences(text)
	if len(list) == 0 {
		return "", false
	}
	at := min(g.r.IntN(len(list)), g.r.IntN(len(list))) // the first say the most
	for i := range list {
		s := hideNames(list[(at+i)%len(list)], names)
		if n := len(strings.Fields(s)); n >= minSentenceWords && n <= maxSentenceWords {
			return g.reword(s), true
		}
	}
	return "", false
}

// cutSentences cuts a text at the ends of its sentences.
func cutSentences(text string) []string {
	var out []string
	for line := range strings.SplitSeq(text, "\n") {
		for s := range strings.SplitSeq(line, ". ") {
			if s = strings.Trim(s, " .\t*-"); s != "" {
				out = append(out, s)
			}
		}
	}
	return out
}

// hideNames takes names out of a sentence.
func hideNames(s string, names []string) string {
	for _, n := range names {
		if len(n) > 2 {
			s = strings.ReplaceAll(s, n, "it")
			s = strings.ReplaceAll(s, strings.ToLower(n), "it")
		}
	}
	return s
}

// reword changes the words of a sentence, drops some, and may turn its clauses.
func (g *examiner) reword(s string) string {
	fields := strings.Fields(s)
	var out []string
	for _, f := range fields {
		core := strings.TrimFunc(f, unicode.IsPunct)
		choices := otherWords[strings.ToLower(core)]
		switch {
		case len(choices) > 0 && g.r.IntN(100) < 45:
			out = append(out, strings.Replace(f, core, choices[g.r.IntN(len(choices))], 1))
		case strings.HasSuffix(core, "ly") && g.r.IntN(2) == 0:
		case core != "" && core == f && len(fields) > 9 && g.r.IntN(100) < 10 && core == strings.ToLower(core):
		default:
			out = append(out, f)
		}
	}
	s = strings.Join(out, " ")
	for _, turn := range []string{", which ", " in order to ", ", such as ", " by ", " when ", " if ", " because "} {
		if a, b, ok := strings.Cut(s, turn); ok && g.r.IntN(3) == 0 && len(strings.Fields(a)) > 3 && len(strings.Fields(b)) > 3 {
			return strings.TrimSpace(strings.Trim(turn, ", ")) + " " + b + ", " + a
		}
	}
	return s
}

// joints are where a sentence can be parted, and how one asks for the rest.
var joints = []struct{ kind, at, before, after string }{
	{"purpose", " in order to ", "Why is this done: ", "?"},
	{"purpose", " so that ", "For what purpose is this: ", "?"},
	{"means", " by ", "In which way: ", "?"},
	{"example", " such as ", "What is an example here: ", "?"},
	{"cause", " because ", "For which reason: ", "?"},
	{"effect", " which can ", "What can follow: ", "?"},
	{"effect", " allowing ", "What does this allow: ", "?"},
	{"effect", " may lead to ", "What may it lead to: ", "?"},
	{"purpose", " to ", "What is the aim: ", "?"},
}

// split parts a sentence of an entry's prose at a joint.
func (g *examiner) split(e *feed.Entry) (question, tail, kind, text string, ok bool) {
	list := texts(e, "description", "extended-description")
	for _, t := range list {
		sentences := cutSentences(t)
		if len(sentences) == 0 {
			continue
		}
		at := g.r.IntN(len(sentences))
		for i := range sentences {
			s := sentences[(at+i)%len(sentences)]
			j := joints[g.r.IntN(len(joints))]
			a, b, found := strings.Cut(s, j.at)
			if n := len(strings.Fields(b)); !found || len(strings.Fields(a)) < 4 || n < 3 || n > 22 {
				continue
			}
			head := g.reword(a)
			if g.r.IntN(2) == 0 && !strings.Contains(head, e.Name) {
				head = "Regarding " + g.label(e) + ", " + strings.ToLower(head[:min(1, len(head))]) + head[min(1, len(head)):]
			}
			return j.before + head + j.after, g.reword(b), j.kind, t, !slices.Contains([]string{"", "it"}, b)
		}
	}
	return "", "", "", "", false
}
