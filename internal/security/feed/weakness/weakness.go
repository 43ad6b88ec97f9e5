// Package weakness reads CWE and CAPEC in their official XML and CSV, entry by
// entry, and says what the entries of CWE's JSON are.
package weakness

import "github.com/casemate-ai/casemate/internal/security/feed/loose"

type (
	text  = loose.Text
	texts = loose.Texts
)

// Weakness is an entry of CWE as its JSON has it. The readers of XML and CSV
// make the same of theirs.
type Weakness struct {
	ID            text            `json:"ID"`
	Name          text            `json:"Name"`
	Type          text            `json:"Type"` // of a view
	Abstraction   text            `json:"Abstraction"`
	Structure     text            `json:"Structure"`
	Status        text            `json:"Status"`
	Likelihood    text            `json:"LikelihoodOfExploit"`
	Description   text            `json:"Description"`
	Summary       text            `json:"Summary"`   // of a category
	Objective     text            `json:"Objective"` // of a view
	Extended      text            `json:"ExtendedDescription"`
	Related       []Related       `json:"RelatedWeaknesses"`
	Members       []Related       `json:"Members"`       // of a view
	Relationships []Related       `json:"Relationships"` // of a category
	Ordinalities  []Ordinality    `json:"WeaknessOrdinalities"`
	Platforms     []Platform      `json:"ApplicablePlatforms"`
	Background    texts           `json:"BackgroundDetails"`
	Alternates    []Alternate     `json:"AlternateTerms"`
	Introduction  []Introduction  `json:"ModesOfIntroduction"`
	Consequences  []Consequence   `json:"CommonConsequences"`
	Detection     []Detection     `json:"DetectionMethods"`
	Mitigations   []Mitigation    `json:"PotentialMitigations"`
	Examples      []Demonstration `json:"DemonstrativeExamples"`
	Observed      []Observed      `json:"ObservedExamples"`
	Areas         texts           `json:"FunctionalAreas"`
	Resources     texts           `json:"AffectedResources"`
	Patterns      texts           `json:"RelatedAttackPatterns"`
	Notes         []Note          `json:"Notes"`
	Mapping       Mapping         `json:"MappingNotes"`
	Taxonomies    []Taxonomy      `json:"TaxonomyMappings"`
	History       []Change        `json:"ContentHistory"`

	XHTML bool `json:"-"` // texts are XHTML, not Markdown
}

// Related is a relation to another entry.
type Related struct {
	Nature  text `json:"Nature"`
	ID      text `json:"CweID"`
	View    text `json:"ViewID"`
	Ordinal text `json:"Ordinal"`
}

// Ordinality says whether a weakness comes first or results.
type Ordinality struct {
	Ordinality  text `json:"Ordinality"`
	Description text `json:"Description"`
}

// Platform is where a weakness occurs.
type Platform struct {
	Type       text `json:"Type"`
	Name       text `json:"Name"`
	Class      text `json:"Class"`
	Prevalence text `json:"Prevalence"`
}

// Alternate is another name with its explanation.
type Alternate struct {
	Term        text `json:"Term"`
	Description text `json:"Description"`
}

// Introduction says when a weakness comes into a product.
type Introduction struct {
	Phase text `json:"Phase"`
	Note  text `json:"Note"`
}

// Consequence is what follows.
type Consequence struct {
	Scope      texts `json:"Scope"`
	Impact     texts `json:"Impact"`
	Likelihood texts `json:"Likelihood"`
	Note       text  `json:"Note"`
}

// Detection is a way to find a weakness.
type Detection struct {
	Method        text `json:"Method"`
	Description   text `json:"Description"`
	Effectiveness text `json:"Effectiveness"`
	Notes         text `json:"EffectivenessNotes"`
}

// Mitigation is a way to avoid or lessen a weakness.
type Mitigation struct {
	Phase         texts `json:"Phase"`
	Strategy      text  `json:"Strategy"`
	Description   text  `json:"Description"`
	Effectiveness text  `json:"Effectiveness"`
	Notes         text  `json:"EffectivenessNotes"`
}

// Demonstration is an example in parts.
type Demonstration struct {
	Entries []Part `json:"Entries"`
}

// Part is a piece of prose or code of a Demonstration.
type Part struct {
	Intro    text `json:"IntroText"`
	Body     text `json:"BodyText"`
	Code     text `json:"ExampleCode"`
	Nature   text `json:"Nature"`
	Language text `json:"Language"`
}

// Observed is a vulnerability that shows a weakness.
type Observed struct {
	Reference   text `json:"Reference"`
	Description text `json:"Description"`
}

// Note is a remark of some type.
type Note struct {
	Type text `json:"Type"`
	Note text `json:"Note"`
}

// Mapping says whether vulnerabilities should be mapped to a weakness.
type Mapping struct {
	Usage       text         `json:"Usage"`
	Rationale   text         `json:"Rationale"`
	Comments    text         `json:"Comments"`
	Suggestions []Suggestion `json:"Suggestions"`
}

// Suggestion is a better weakness to map to.
type Suggestion struct {
	ID      text `json:"CweID"`
	Comment text `json:"Comment"`
}

// Taxonomy is the entry of another taxonomy.
type Taxonomy struct {
	Taxonomy text `json:"TaxonomyName"`
	ID       text `json:"EntryID"`
	Name     text `json:"EntryName"`
	Fit      text `json:"MappingFit"`
}

// Change is a line of an entry's history.
type Change struct {
	Submitted text `json:"SubmissionDate"`
	First     text `json:"SubmissionVersion"`
	Modified  text `json:"ModificationDate"`
	Version   text `json:"ModificationVersion"`
}

// Pattern is an entry of CAPEC as its XML and its CSV have it. Texts are XHTML.
type Pattern struct {
	ID, Name, Type, Abstraction, Status text
	Description                         []text
	Extended, Likelihood, Severity      text
	Terms, Prerequisites, Resources     texts
	Indicators, Mitigations, Examples   texts
	Weaknesses                          texts
	Related                             []Related
	Steps                               []Step
	Skills                              []Alternate // Term is the level
	Consequences                        []Consequence
	Taxonomies                          []Taxonomy
	History                             []Change
}

// Step is a step of an attack.
type Step struct {
	Number, Phase, Description text
	Techniques                 texts
}
