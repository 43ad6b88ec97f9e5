package library

import (
	"cmp"
	"database/sql"
	"fmt"
	"strings"
)

// merge makes one publication of what the paths brought of it, and puts it in
// the place of what it replaces.
func (im *importer) merge(key string, came []staged) error {
	whole, err := im.unite(key, came)
	if err != nil {
		return err
	}
	c := Change{Publication: whole.Publication}
	old, err := im.replaced(key, whole)
	if err != nil {
		return err
	}
	switch {
	case old == nil:
		err = im.count(&c, whole.part, -1)
	case byRecord(key):
		c.Before = old.edition()
		err = im.mergeRecords(&c, whole, old)
	default:
		c.Before = old.edition()
		err = im.replace(&c, whole, old)
	}
	if err != nil {
		return err
	}
	part := whole.part
	if old != nil && byRecord(key) {
		part = old.part
	}
	if err := im.settle(&c, part, came); err != nil {
		return err
	}
	im.report.Changes = append(im.report.Changes, c)
	return nil
}

// unite makes one part of those that several paths brought of one publication.
func (im *importer) unite(key string, came []staged) (staged, error) {
	whole := came[0]
	for _, next := range came[1:] {
		order := compareEditions(next.Version, next.Date, whole.Version, whole.Date)
		if order != 0 && !byRecord(key) && !collected(key) {
			return whole, errRefused("leave one of them out", "%s and %s are two editions of %s (%s and %s)",
				whole.Path, next.Path, whole.Name, editionOf(whole.Version, whole.Date), editionOf(next.Version, next.Date))
		}
		repeated, err := im.join(next.part, whole.part, byRecord(key))
		if err != nil {
			return whole, err
		}
		im.report.Repeated += repeated
		whole.faults += next.faults
		whole.fault = cmp.Or(whole.fault, next.fault)
		if order > 0 {
			whole.Version, whole.Date = next.Version, next.Date
		}
	}
	return whole, nil
}

// join moves everything of one part into another. Of an entry that both have,
// the newer stays if newer is set, else the other's own. It returns how many
// entries had to go.
func (im *importer) join(from, into int64, newer bool) (int, error) {
	repeated := 0
	if err := im.conn.QueryRowContext(im.ctx, "SELECT count(*) FROM entries n WHERE part = ?1 AND EXISTS (SELECT 1 FROM entries o WHERE o.part = ?2 AND o.id = n.id AND o.kind = n.kind)", from, into).Scan(&repeated); err != nil {
		return 0, err
	}
	if newer {
		if err := im.drop("part = ?2 AND EXISTS (SELECT 1 FROM entries n WHERE n.part = ?1 AND n.id = e.id AND n.kind = e.kind AND n.modified > e.modified)", from, into); err != nil {
			return 0, err
		}
		if err := im.drop("part = ?1 AND EXISTS (SELECT 1 FROM entries o WHERE o.part = ?2 AND o.id = e.id AND o.kind = e.kind)", from, into); err != nil {
			return 0, err
		}
	}
	if err := im.exec(from, into,
		"UPDATE OR IGNORE entries SET part = ?2 WHERE part = ?1",
		"UPDATE OR IGNORE relations SET part = ?2 WHERE part = ?1"); err != nil {
		return 0, err
	}
	return repeated, im.drop(wholePart, from, 0)
}

// replaced returns the part that a new one replaces or, for records, goes into;
// nil if there is none. It refuses what should not be done unasked.
func (im *importer) replaced(key string, whole staged) (*part, error) {
	parts, err := readParts(im.ctx, im.conn)
	if err != nil {
		return nil, err
	}
	var old *part
	for _, p := range parts {
		if p.key != key {
			continue
		}
		if collected(key) {
			shares, err := im.shares(p.part, whole.part)
			if err != nil {
				return nil, err
			}
			if im.opt.Add || !shares {
				continue
			}
		}
		if old == nil {
			old = &p
			continue
		}
		if _, err := im.join(p.part, old.part, false); err != nil {
			return nil, err
		}
		if err := im.exec(p.part, old.part, "DELETE FROM parts WHERE part = ?1", "UPDATE OR IGNORE files SET part = ?2 WHERE part = ?1"); err != nil {
			return nil, err
		}
	}
	if old == nil || byRecord(key) || im.opt.Force {
		return old, nil
	}
	if compareEditions(whole.Version, whole.Date, old.version, old.date) < 0 {
		return nil, errRefused("--force replaces the newer edition by the older one",
			"%s brings %s %s, older than %s, which is there", whole.Path, whole.Name, editionOf(whole.Version, whole.Date), old.edition())
	}
	return old, nil
}

// shares reports whether two parts have an entry in common or, where a
// publication has relations alone, an end.
func (im *importer) shares(a, b int64) (bool, error) {
	var yes bool
	err := im.conn.QueryRowContext(im.ctx, `SELECT EXISTS (SELECT 1 FROM entries x JOIN entries y ON y.id = x.id AND y.kind = x.kind AND y.part = ?2 WHERE x.part = ?1)
OR NOT EXISTS (SELECT 1 FROM entries WHERE part = ?2) AND EXISTS (SELECT 1 FROM relations x JOIN relations y ON y.source = x.source AND y.part = ?2 WHERE x.part = ?1)`, a, b).Scan(&yes)
	return yes, err
}

// count compares a new part with an old one. There is none where old is -1.
func (im *importer) count(c *Change, whole, old int64) error {
	return im.conn.QueryRowContext(im.ctx, `SELECT coalesce(sum(o.entry IS NULL), 0), coalesce(sum(o.hash <> n.hash), 0), coalesce(sum(n.status = 'revoked' AND o.status <> 'revoked'), 0)
FROM entries n LEFT JOIN entries o ON o.id = n.id AND o.kind = n.kind AND o.part = ?2 WHERE n.part = ?1`, whole, old).Scan(&c.Added, &c.Changed, &c.Revoked)
}

// minWhole is the size from which a publication is not replaced by less than
// half of itself unless somebody asks for it.
const minWhole = 20

// replace drops the old part, and says what that changes.
func (im *importer) replace(c *Change, whole staged, old *part) error {
	if err := im.count(c, whole.part, old.part); err != nil {
		return err
	}
	rows, err := im.conn.QueryContext(im.ctx, `SELECT id FROM entries o WHERE part = ?1 AND NOT EXISTS
(SELECT 1 FROM entries n WHERE n.id = o.id AND n.kind = o.kind AND n.part = ?2) ORDER BY kind, id`, old.part, whole.part)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return err
		}
		if c.Removed++; len(c.Gone) < maxGone {
			c.Gone = append(c.Gone, id)
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if !im.opt.Force && c.Removed > old.entries/2 && (old.entries >= minWhole || c.Added+c.Changed == 0 && c.Removed == old.entries) {
		hint := "is the file whole? --force replaces what is there"
		if collected(c.Key) {
			hint = "--add keeps what is there and adds this; --force replaces it"
		}
		return errRefused(hint, "%s brings a part of %s: %d of the %d entries that are there would go", whole.Path, whole.Name, c.Removed, old.entries)
	}
	if !im.opt.Force && !collected(c.Key) && whole.faults > 0 && c.Removed > 0 {
		return errRefused("fetch the file again; --force replaces what is there", "%s brings %s with %d faults, and %d of the entries that are there would go, such as %s; the first fault: %s",
			whole.Path, whole.Name, whole.faults, c.Removed, c.Gone[0], whole.fault)
	}
	if err := im.drop(wholePart, old.part, 0); err != nil {
		return err
	}
	return im.exec(old.part, 0, "DELETE FROM parts WHERE part = ?1", "DELETE FROM files WHERE part = ?1")
}

// mergeRecords puts new records in the place of their older selves.
func (im *importer) mergeRecords(c *Change, whole staged, old *part) error {
	const older = "EXISTS (SELECT 1 FROM entries o WHERE o.part = ?2 AND o.id = e.id AND o.kind = e.kind AND o.modified > e.modified)"
	if !im.opt.Force {
		if err := im.conn.QueryRowContext(im.ctx, "SELECT count(*) FROM entries e WHERE part = ?1 AND "+older, whole.part, old.part).Scan(&c.Older); err != nil {
			return err
		}
		if err := im.drop("part = ?1 AND "+older, whole.part, old.part); err != nil {
			return err
		}
	}
	if err := im.count(c, whole.part, old.part); err != nil {
		return err
	}
	const same = "SELECT 1 FROM entries o WHERE o.part = ?2 AND o.id = entries.id AND o.kind = entries.kind AND o.hash = entries.hash"
	const stale = "part = ?2 AND source IN (SELECT id FROM entries WHERE part = ?1) AND hash NOT IN (SELECT hash FROM relations WHERE part = ?1)"
	if err := im.dropRelations(stale, whole.part, old.part); err != nil {
		return err
	}
	if err := im.exec(whole.part, old.part,
		"UPDATE OR IGNORE relations SET part = ?2 WHERE part = ?1",
		"DELETE FROM relations WHERE part = ?1",
		"DELETE FROM entries WHERE part = ?1 AND EXISTS ("+same+")"); err != nil {
		return err
	}
	if err := im.dropEntries("part = ?2 AND EXISTS (SELECT 1 FROM entries n WHERE n.part = ?1 AND n.id = e.id AND n.kind = e.kind)", whole.part, old.part); err != nil {
		return err
	}
	return im.exec(whole.part, old.part, "UPDATE entries SET part = ?2 WHERE part = ?1")
}

// settle writes down the part and the files that it came from.
func (im *importer) settle(c *Change, part int64, came []staged) error {
	digest, err := digestPart(im.ctx, im.conn, part)
	if err != nil {
		return err
	}
	err = im.conn.QueryRowContext(im.ctx, "SELECT (SELECT count(*) FROM entries WHERE part = ?1), (SELECT count(*) FROM relations WHERE part = ?1)", part).Scan(&c.Entries, &c.Relations)
	if err != nil {
		return err
	}
	if c.Remapped, err = im.remapped(part); err != nil {
		return err
	}
	_, err = im.conn.ExecContext(im.ctx, `INSERT INTO parts VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0)
ON CONFLICT(part) DO UPDATE SET name = ?3, version = CASE WHEN ?5 >= date THEN ?4 ELSE version END, date = max(date, ?5), digest = ?6, entries = ?7, relations = ?8`,
		part, c.Key, c.Name, c.Version, c.Date, digest, c.Entries, c.Relations)
	for _, s := range came {
		if err == nil {
			_, err = im.conn.ExecContext(im.ctx, "INSERT OR REPLACE INTO files(part, source, path, siblings) VALUES(?, ?, ?, ?)", part, s.Source, s.Path, s.siblings)
		}
	}
	return err
}

// remapped counts the outdated entries of a part that lead to another entry, and
// not round in a circle.
func (im *importer) remapped(part int64) (int, error) {
	rows, err := im.conn.QueryContext(im.ctx, "SELECT id, successor FROM entries WHERE part = ? AND status <> '' AND successor <> ''", part)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	next := map[string]string{}
	for rows.Next() {
		var id, successor string
		if err := rows.Scan(&id, &successor); err != nil {
			return 0, err
		}
		next[id] = successor
	}
	n := 0
	for id := range next {
		hops := 0
		for ; next[id] != "" && hops <= maxHops; hops++ {
			id = next[id]
		}
		if hops <= maxHops {
			n++
		}
	}
	return n, rows.Err()
}

// exec runs statements that take two parts.
func (im *importer) exec(a, b int64, statements ...string) error {
	for _, s := range statements {
		args := []any{a, b}
		if !strings.Contains(s, "?2") {
			args = args[:1]
		}
		if _, err := im.conn.ExecContext(im.ctx, s, args...); err != nil {
			return err
		}
	}
	return nil
}

// wholePart is the condition for all of the first part.
const wholePart = "part = ?1"

// drop deletes entries, and the relations that start from them in their part.
// A condition on the whole part takes all relations of the part with it.
func (im *importer) drop(where string, a, b int64) error {
	relations := wholePart
	if where != wholePart {
		relations = "EXISTS (SELECT 1 FROM entries e WHERE e.part = relations.part AND e.id = relations.source AND e." + where + ")"
	}
	if err := im.dropRelations(relations, a, b); err != nil {
		return err
	}
	return im.dropEntries(where, a, b)
}

// dropEntries deletes entries e and their passages.
func (im *importer) dropEntries(where string, a, b int64) error {
	return im.dropRows("entries e", "e.entry, e.kind, e.passages", where, "entries", "entry", a, b)
}

// dropRelations deletes relations and their passages.
func (im *importer) dropRelations(where string, a, b int64) error {
	return im.dropRows("relations", fmt.Sprintf("relation, %d, text <> ''", relationKind), where, "relations", "relation", a, b)
}

// dropRows deletes rows and what of them is indexed already.
func (im *importer) dropRows(from, columns, where, table, key string, a, b int64) error {
	args := []any{a, b}
	if !strings.Contains(where, "?2") {
		args = args[:1]
	}
	type doomed struct {
		row, kind int64
		passages  int
	}
	var list []doomed
	rows, err := im.conn.QueryContext(im.ctx, "SELECT "+columns+" FROM "+from+" WHERE "+where, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var d doomed
		if err := rows.Scan(&d.row, &d.kind, &d.passages); err != nil {
			return err
		}
		list = append(list, d)
	}
	if err := rows.Err(); err != nil || len(list) == 0 {
		return err
	}
	unindex, err := im.conn.PrepareContext(im.ctx, "DELETE FROM passages WHERE rowid BETWEEN ? AND ?")
	if err != nil {
		return err
	}
	defer unindex.Close()
	remove, err := im.conn.PrepareContext(im.ctx, "DELETE FROM "+table+" WHERE "+key+" = ?")
	if err != nil {
		return err
	}
	defer remove.Close()
	for _, d := range list {
		if err := im.dropRow(unindex, remove, d.row, int(d.kind), d.passages, table == "entries"); err != nil {
			return err
		}
	}
	return nil
}

// dropRow deletes one row, and its passages if it was there before this import.
func (im *importer) dropRow(unindex, remove *sql.Stmt, row int64, kind, passages int, entry bool) error {
	indexed := !entry && row < im.firstRelation || entry && row < im.firstEntry
	if indexed && passages > 0 {
		first := passageRow(kind, row, 0)
		if _, err := unindex.Exec(first, first+int64(passages)-1); err != nil {
			return err
		}
	}
	if _, err := remove.Exec(row); err != nil {
		return err
	}
	return im.ctx.Err()
}
