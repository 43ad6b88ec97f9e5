package library

import (
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/feed"
)

// Reader reads one path into a sink, as feed.Read does.
type Reader func(ctx context.Context, path string, stdin io.Reader, sink feed.Sink, opt feed.Options) (feed.Report, error)

// ImportOptions say how to import. The zero value works.
type ImportOptions struct {
	Stdin    io.Reader          // what the path "-" reads
	Force    bool               // replace a newer edition by an older one, a collection by a part of it
	Add      bool               // keep what is there of the same rules, tests, controls and mappings
	MaxNamed int                // faults that are named for each path; 0: 100
	Read     Reader             // nil: feed.Read
	Progress func(Progress)     // may be nil
	at       func(stage string) // for tests: called at points where a process may die
	pages    int                // for tests: how large the file may become; 0: as large as it likes
}

// Progress is how far an import has come.
type Progress struct {
	Path  string // being read; empty once all is read
	Bytes int64  // of the paths that are done, where they are files
	Taken int    // entries and relations read
	Done  int    // entries and relations indexed
	Total int    // to index
}

// ImportReport says what an import did.
type ImportReport struct {
	Changes      []Change         `json:"changes"` // by publication, in the order in which they are merged
	Edition      string           `json:"edition"` // of the library now
	Faults       []casemate.Fault `json:"faults"`  // single objects that could not be used; the first of each path
	FaultCount   int              `json:"fault_count"`
	Missing      []string         `json:"missing"` // objects that relations name and their file lacks; the first of each path
	MissingCount int              `json:"missing_count"`
	Unknown      []string         `json:"unknown"` // files in folders and archives that are nothing known; the first of each path
	UnknownCount int              `json:"unknown_count"`
	Repeated     int              `json:"repeated"` // entries left out because another file had them
}

// Change is what an import did to one publication.
type Change struct {
	feed.Publication
	Before    string   `json:"before,omitempty"` // the version, or failing that the date, that was replaced
	Same      bool     `json:"same"`             // these bytes were there already: nothing was done
	Entries   int      `json:"entries"`          // now
	Relations int      `json:"relations"`        // now
	Added     int      `json:"added"`
	Changed   int      `json:"changed"`
	Removed   int      `json:"removed"`
	Revoked   int      `json:"revoked"`        // stood before, and no longer
	Older     int      `json:"older"`          // records left out because newer ones are there
	Remapped  int      `json:"remapped"`       // ids that another id replaces
	Dangling  int      `json:"dangling"`       // relations with an end that is nowhere in the library
	Gone      []string `json:"gone,omitempty"` // the first of the removed
}

const maxGone = 20

// Import reads the paths and puts what they hold into the library, in one
// transaction: after an error, a crash or a kill everything is as it was.
//
// A newer edition of a publication replaces the older one. NVD and CVE records
// replace their older selves one by one. An error of code CodeUsage says that
// the import was refused as it stands: an older edition, two editions at once,
// a part of a collection that would replace the whole.
func (l *Library) Import(ctx context.Context, paths []string, opt ImportOptions) (*ImportReport, error) {
	if !l.write {
		return nil, &casemate.Error{Code: casemate.CodeInternal, Message: "import into a knowledge base that is open for reading"}
	}
	if opt.Read == nil {
		opt.Read = feed.Read
	}
	conn, err := l.connection(ctx, writeCache)
	if err != nil {
		return nil, l.fault("import", err)
	}
	defer conn.Close()
	if err := l.begin(ctx, conn); err != nil {
		return nil, err
	}
	unsign := l.sign()
	im := &importer{lib: l, ctx: ctx, conn: conn, opt: opt}
	err = im.run(paths)
	if im.stage != nil {
		im.stage.close()
	}
	if err == nil {
		im.hook("commit")
		_, err = conn.ExecContext(context.WithoutCancel(ctx), "COMMIT")
	}
	if err != nil {
		conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK") // the error above matters
		unsign()
		return nil, l.fault("import", err)
	}
	unsign()
	im.hook("committed")
	return &im.report, l.renew(context.WithoutCancel(ctx), conn)
}

// renew shows what was just committed, and folds the log into the file.
func (l *Library) renew(ctx context.Context, conn *sql.Conn) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn == nil {
		return nil
	}
	if _, err := l.conn.ExecContext(ctx, "ROLLBACK"); err != nil {
		return l.fault("read the knowledge base", err)
	}
	conn.ExecContext(ctx, "PRAGMA busy_timeout=0")           // another reader is no reason to wait:
	conn.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)") // whoever closes last folds the log
	return l.refresh(ctx)
}

// importer is one import.
type importer struct {
	lib    *Library
	ctx    context.Context
	conn   *sql.Conn
	opt    ImportOptions
	report ImportReport
	stage  *stage
	staged map[string][]staged // by key, in the order of the paths

	firstEntry, firstRelation int64  // rows from here on are new
	reading                   string // the path at hand
	others                    bool   // there is more than one path
	unknown                   error  // what was said of the last path that holds nothing known
	bytes                     int64
}

func (im *importer) hook(stage string) {
	if im.opt.at != nil {
		im.opt.at(stage)
	}
}

// run does everything between begin and commit.
func (im *importer) run(paths []string) error {
	if err := im.start(); err != nil {
		return err
	}
	im.others = len(paths) > 1
	for _, path := range paths {
		if err := im.path(path); err != nil {
			return err
		}
	}
	if im.unknown != nil && len(im.staged) == 0 && len(im.report.Changes) == 0 {
		return im.unknown
	}
	im.hook("read")
	for _, key := range slices.SortedFunc(maps.Keys(im.staged), compareKeys) {
		if err := im.merge(key, im.staged[key]); err != nil {
			return err
		}
	}
	im.hook("merged")
	if len(im.staged) == 0 { // the same bytes again
		return im.conn.QueryRowContext(im.ctx, "SELECT value FROM meta WHERE key = 'edition'").Scan(&im.report.Edition)
	}
	if err := im.index(); err != nil {
		return err
	}
	if err := countCommon(im.ctx, im.conn); err != nil {
		return err
	}
	im.hook("indexed")
	return im.finish()
}

// start prepares what reading needs.
func (im *importer) start() error {
	im.report = ImportReport{Faults: []casemate.Fault{}, Changes: []Change{}, Missing: []string{}, Unknown: []string{}}
	im.staged = map[string][]staged{}
	err := im.conn.QueryRowContext(im.ctx, "SELECT (SELECT coalesce(max(entry), 0) + 1 FROM entries), (SELECT coalesce(max(relation), 0) + 1 FROM relations)").
		Scan(&im.firstEntry, &im.firstRelation)
	if err != nil {
		return err
	}
	if im.stage, err = newStage(im.ctx, im.conn); err != nil {
		return err
	}
	im.stage.step = func(point string, taken int) {
		im.hook(point)
		im.progress(Progress{Path: im.reading, Bytes: im.bytes, Taken: taken})
	}
	if im.opt.pages > 0 {
		_, err = im.conn.ExecContext(im.ctx, fmt.Sprintf("PRAGMA max_page_count=%d", im.opt.pages))
	}
	return err
}

// path reads one path into rows of its own, unless its bytes are there already.
func (im *importer) path(path string) error {
	im.reading = path
	im.progress(Progress{Path: path, Bytes: im.bytes, Taken: im.stage.taken})
	if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && path != "-" {
		defer func() { im.bytes += info.Size() }()
		if same, err := im.same(path); same || err != nil {
			return err
		}
	}
	im.stage.parts = map[string]int64{}
	rep, err := im.opt.Read(im.ctx, path, im.opt.Stdin, im.stage, feed.Options{MaxNamed: im.opt.MaxNamed})
	switch {
	case im.stage.refused != nil:
		return im.stage.refused
	case errors.Is(err, feed.ErrUnknown) && im.others:
		// A stray file among others is no reason to leave them out.
		im.report.FaultCount++
		im.report.Faults = append(im.report.Faults, casemate.Fault{At: casemate.Location{File: path}, Reason: feed.ErrUnknown.Error()})
		im.unknown = err
		return nil
	case err != nil:
		return err
	}
	return im.take(path, &rep)
}

// take notes what was read of a path.
func (im *importer) take(path string, rep *feed.Report) error {
	r := &im.report
	r.Faults, r.FaultCount = append(r.Faults, rep.Faults...), r.FaultCount+rep.FaultCount
	r.Missing, r.MissingCount = append(r.Missing, rep.Missing...), r.MissingCount+rep.MissingCount
	r.Unknown, r.UnknownCount = append(r.Unknown, rep.Unknown...), r.UnknownCount+rep.UnknownCount
	r.Repeated += rep.Repeated
	fault := ""
	if len(rep.Faults) > 0 {
		fault = rep.Faults[0].String()
	}
	for _, pub := range rep.Publications {
		im.staged[pub.Key] = append(im.staged[pub.Key], staged{Publication: pub, part: im.stage.part(pub.Key), siblings: len(rep.Publications), faults: rep.FaultCount, fault: fault})
	}
	for key := range im.stage.parts {
		if !slices.ContainsFunc(rep.Publications, func(p feed.Publication) bool { return p.Key == key }) {
			return fmt.Errorf("import %q: entries of %q, a publication that the report does not name", path, key)
		}
	}
	return nil
}

// same reports whether all that a file brought when it was imported last still
// stands, and says so in the report.
func (im *importer) same(path string) (bool, error) {
	if im.opt.Force {
		return false, nil
	}
	source, err := hashFile(path)
	if err != nil {
		return false, &casemate.Error{Code: casemate.CodeInput, Message: "import", Hint: "check that the file may be read", Err: err}
	}
	rows, err := im.conn.QueryContext(im.ctx, "SELECT p.part, p.key, p.name, p.version, p.date, p.entries, p.relations, f.siblings FROM files f JOIN parts p USING(part) WHERE f.source = ?", source)
	if err != nil {
		return false, err
	}
	defer rows.Close()
	var found []Change
	siblings := 0
	for rows.Next() {
		c, part := Change{Same: true}, 0
		c.Path, c.Source = path, source
		if err := rows.Scan(&part, &c.Key, &c.Name, &c.Version, &c.Date, &c.Entries, &c.Relations, &siblings); err != nil {
			return false, err
		}
		found = append(found, c)
	}
	if len(found) == 0 || len(found) != siblings {
		return false, rows.Err()
	}
	im.report.Changes = append(im.report.Changes, found...)
	return true, rows.Err()
}

// hashFile returns the SHA-256 of a file.
func hashFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func (im *importer) progress(p Progress) {
	if im.opt.Progress != nil {
		im.opt.Progress(p)
	}
}

// index puts the text of everything new into the index.
func (im *importer) index() error {
	total := 0
	err := im.conn.QueryRowContext(im.ctx, "SELECT (SELECT count(*) FROM entries WHERE entry >= ?) + (SELECT count(*) FROM relations WHERE relation >= ? AND text <> '')", im.firstEntry, im.firstRelation).Scan(&total)
	if err != nil {
		return err
	}
	insert, err := im.conn.PrepareContext(im.ctx, insertPassage)
	if err != nil {
		return err
	}
	defer insert.Close()
	done := 0
	step := func() error {
		if done++; done%checkEvery == 0 {
			im.hook("index")
			im.progress(Progress{Bytes: im.bytes, Taken: im.stage.taken, Done: done, Total: total})
		}
		return im.ctx.Err()
	}
	if err := im.indexEntries(insert, step); err != nil {
		return err
	}
	return im.indexRelations(insert, step)
}

func (im *importer) indexEntries(insert *sql.Stmt, step func() error) error {
	rows, err := im.conn.QueryContext(im.ctx, "SELECT entry, kind, id, name, body FROM entries WHERE entry >= ? ORDER BY kind, entry", im.firstEntry)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var e feed.Entry
		var row int64
		var kind int
		var body string
		if err := rows.Scan(&row, &kind, &e.ID, &e.Name, &body); err != nil {
			return err
		}
		if err := decodeBody(body, &e); err != nil {
			return err
		}
		if err := indexEntry(insert, row, kind, &e); err != nil {
			return err
		}
		if err := step(); err != nil {
			return err
		}
	}
	return rows.Err()
}

// indexRelations indexes the text of relations, with the names of their ends
// as far as they are known now.
func (im *importer) indexRelations(insert *sql.Stmt, step func() error) error {
	rows, err := im.conn.QueryContext(im.ctx, `SELECT relation, source, target, text,
coalesce((SELECT name FROM entries WHERE id = source ORDER BY kind, part LIMIT 1), ''), coalesce((SELECT name FROM entries WHERE id = target ORDER BY kind, part LIMIT 1), '')
FROM relations WHERE relation >= ? AND text <> ''`, im.firstRelation)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var row int64
		var from, to, text, fromName, toName string
		if err := rows.Scan(&row, &from, &to, &text, &fromName, &toName); err != nil {
			return err
		}
		p := relationPassage(text)
		if _, err := insert.Exec(passageRow(relationKind, row, 0), "", indexText(p), indexText(from+" "+fromName+" | "+to+" "+toName)); err != nil {
			return err
		}
		if err := step(); err != nil {
			return err
		}
	}
	return rows.Err()
}

// finish counts what dangles, makes the digests and drops what was derived from
// the content before.
func (im *importer) finish() error {
	const dangle = `UPDATE parts SET dangling = (SELECT count(*) FROM relations r WHERE r.part = parts.part AND (
NOT EXISTS (SELECT 1 FROM entries WHERE id = r.source) OR NOT EXISTS (SELECT 1 FROM entries WHERE id = r.target)))`
	if _, err := im.conn.ExecContext(im.ctx, dangle); err != nil {
		return err
	}
	edition, err := seal(im.ctx, im.conn)
	if err != nil {
		return err
	}
	im.report.Edition = edition
	if _, err := im.conn.ExecContext(im.ctx, "DELETE FROM attachments WHERE edition <> ?", edition); err != nil {
		return err
	}
	for i := range im.report.Changes {
		c := &im.report.Changes[i]
		if c.Same {
			continue
		}
		if err := im.conn.QueryRowContext(im.ctx, "SELECT sum(dangling) FROM parts WHERE key = ?", c.Key).Scan(&c.Dangling); err != nil {
			return err
		}
	}
	slices.SortStableFunc(im.report.Changes, func(a, b Change) int { return cmp.Or(compareKeys(a.Key, b.Key), cmp.Compare(a.Path, b.Path)) })
	return nil
}

// errRefused makes an error of an import that should not be done as it stands.
func errRefused(hint, format string, args ...any) error {
	return &casemate.Error{Code: casemate.CodeUsage, Message: "import refused: " + fmt.Sprintf(format, args...), Hint: hint}
}
