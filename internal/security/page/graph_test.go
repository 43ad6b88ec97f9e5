package page_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/net/html"
	"pgregory.net/rapid"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/page"
)

var types = []casemate.EntityType{
	casemate.EntityHost, casemate.EntityUser, casemate.EntityProcess, casemate.EntityFile, casemate.EntityAddress,
	casemate.EntityDomain, casemate.EntityURL, casemate.EntityHash, casemate.EntityMail, "service",
}

// crowd is a graph of n entities as incidents have them: a few hubs, and things
// that run on them, started one another and spoke to addresses.
func crowd(n int, seed uint64) page.Graph {
	r := rand.New(rand.NewPCG(seed, 1))
	name := map[casemate.EntityType]string{
		casemate.EntityHost: "FIN-WS-%03d", casemate.EntityUser: "user.name%d", casemate.EntityProcess: "process%d.exe",
		casemate.EntityFile: `C:\Users\someone\AppData\Local\Temp\update-%d.dll`, casemate.EntityAddress: "198.51.100.%d", casemate.EntityDomain: "cdn-%d.edgecache.example.net",
	}
	share := []casemate.EntityType{
		casemate.EntityHost, casemate.EntityProcess, casemate.EntityProcess, casemate.EntityAddress, casemate.EntityFile, casemate.EntityUser, casemate.EntityDomain, casemate.EntityProcess,
	}
	var g page.Graph
	of := map[casemate.EntityType][]string{}
	for i := range n {
		t := share[i%len(share)]
		node := page.Node{ID: "n" + strconv.Itoa(i), Label: fmt.Sprintf(name[t], i), Type: t, Level: casemate.Severity(r.IntN(6))}
		g.Nodes = append(g.Nodes, node)
		of[t] = append(of[t], node.ID)
	}
	tie := func(from casemate.EntityType, label string, to casemate.EntityType) {
		if len(of[from]) == 0 || len(of[to]) == 0 {
			return
		}
		a := of[from][r.IntN(len(of[from]))]
		b := of[to][min(r.IntN(len(of[to])), r.IntN(len(of[to])))]
		g.Edges = append(g.Edges, page.Edge{From: a, To: b, Label: label, Count: r.IntN(20), Level: casemate.Severity(r.IntN(6)), Evidence: []string{"E" + strconv.Itoa(1+r.IntN(19))}})
	}
	for i := range n * 3 / 2 {
		switch i % 8 {
		case 0, 1:
			tie(casemate.EntityProcess, "ran on", casemate.EntityHost)
		case 2:
			tie(casemate.EntityProcess, "started", casemate.EntityProcess)
		case 3:
			tie(casemate.EntityProcess, "connected to", casemate.EntityAddress)
		case 4:
			tie(casemate.EntityUser, "logged on to", casemate.EntityHost)
		case 5:
			tie(casemate.EntityProcess, "wrote", casemate.EntityFile)
		case 6:
			tie(casemate.EntityDomain, "resolved to", casemate.EntityAddress)
		case 7:
			tie(casemate.EntityHost, "connected to", casemate.EntityHost)
		}
	}
	return g
}

// spread is a graph of one type of entity: how an intruder went from host to host.
func spread() page.Graph {
	var g page.Graph
	for i := range 14 {
		g.Nodes = append(g.Nodes, page.Node{ID: "h" + strconv.Itoa(i), Label: fmt.Sprintf("SRV-%02d", i), Type: casemate.EntityHost, Level: casemate.Severity(i % 6)})
		if i > 0 {
			g.Edges = append(g.Edges, page.Edge{From: "h" + strconv.Itoa((i-1)/2), To: "h" + strconv.Itoa(i), Label: "logged on to", Count: i})
		}
	}
	g.Edges = append(g.Edges, page.Edge{From: "h9", To: "h1", Label: "connected to"})
	return g
}

// graphs is a page of drawings to look at.
func graphs() page.Page {
	return page.Page{Title: "Drawings", Evidence: pieces(), Blocks: []page.Block{
		page.Section{Title: "3 entities"}, crowd(4, 2), page.Section{Title: "12 entities"}, crowd(12, 3),
		page.Section{Title: "30 entities"}, crowd(30, 4), page.Section{Title: "60 entities"}, crowd(60, 5),
		page.Section{Title: "90 entities"}, crowd(90, 6), page.Section{Title: "Hosts alone"}, spread(),
	}}
}

// box is a rectangle in a drawing.
type box struct{ x0, y0, x1, y1 float64 }

func (b box) meets(o box) bool { return b.x0 < o.x1 && o.x0 < b.x1 && b.y0 < o.y1 && o.y0 < b.y1 }

func attribute(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if strings.EqualFold(a.Key, key) {
			return a.Val
		}
	}
	return ""
}

func figure(tb testing.TB, n *html.Node, key string) float64 {
	tb.Helper()
	f, err := strconv.ParseFloat(attribute(n, key), 64)
	if err != nil {
		tb.Fatalf("<%s %s=%q>: %v", n.Data, key, attribute(n, key), err)
	}
	return f
}

// checkDrawing holds every drawing of a page to its promise: no two boxes or
// labels lie over one another, and all are within it.
func checkDrawing(tb testing.TB, src string) (boxes, labels int) {
	tb.Helper()
	doc := checkHTML(tb, src)
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode || n.Data != "div" || attribute(n, "class") != "graph" {
			continue
		}
		svg := n.FirstChild
		var whole box
		if _, err := fmt.Sscan(attribute(svg, "viewbox"), &whole.x0, &whole.y0, &whole.x1, &whole.y1); err != nil {
			tb.Fatal(err)
		}
		var taken []box
		take := func(what string, b box) {
			if b.x0 < whole.x0 || b.y0 < whole.y0 || b.x1 > whole.x1 || b.y1 > whole.y1 {
				tb.Errorf("%s at %v lies outside of the drawing %v", what, b, whole)
			}
			for _, o := range taken {
				if o.meets(b) {
					tb.Errorf("%s at %v lies over %v", what, b, o)
				}
			}
			taken = append(taken, b)
		}
		for e := range svg.Descendants() {
			switch {
			case e.Type == html.ElementNode && e.Data == "rect":
				x, y := figure(tb, e, "x"), figure(tb, e, "y")
				take("a box", box{x, y, x + figure(tb, e, "width"), y + figure(tb, e, "height")})
				boxes++
			case e.Type == html.ElementNode && e.Data == "text" && strings.HasPrefix(attribute(e, "class"), "label"):
				x, y := figure(tb, e, "x"), figure(tb, e, "y")
				half := 3 * float64(utf8.RuneCountInString(e.FirstChild.Data))
				take("label "+e.FirstChild.Data, box{x - half, y - 9, x + half, y + 2})
				labels++
			}
		}
	}
	return boxes, labels
}

func TestDrawings(t *testing.T) {
	src := write(t, page.WriteHTML, graphs())
	if *out != "" {
		if err := os.WriteFile(filepath.Join(*out, "graphs.html"), []byte(src), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	boxes, labels := checkDrawing(t, src)
	t.Logf("%d boxes, %d labels", boxes, labels)
	if boxes < 150 || labels < 150 {
		t.Errorf("the page draws %d boxes and %d labels", boxes, labels)
	}
	if src != write(t, page.WriteHTML, graphs()) {
		t.Error("the same graph is drawn in two ways")
	}
}

// TestDrawingsOfAnything draws graphs without sense: circles, edges to nothing
// and to themselves, ids used twice.
func TestDrawingsOfAnything(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var g page.Graph
		n := rapid.IntRange(0, 24).Draw(rt, "nodes")
		for i := range n {
			g.Nodes = append(g.Nodes, page.Node{
				ID: strconv.Itoa(i % 20), Label: rapid.SampledFrom([]string{"", "a", "日本語のホスト名", strings.Repeat("w", 60), `C:\a\b`, "/very/long/path/" + strings.Repeat("x", 40)}).Draw(rt, "label"),
				Type: rapid.SampledFrom(types).Draw(rt, "type"), Level: casemate.Severity(rapid.IntRange(0, 7).Draw(rt, "level")),
			})
		}
		for range rapid.IntRange(0, 40).Draw(rt, "edges") {
			end := rapid.IntRange(0, n+2)
			g.Edges = append(g.Edges, page.Edge{
				From: strconv.Itoa(end.Draw(rt, "from")), To: strconv.Itoa(end.Draw(rt, "to")),
				Label: rapid.SampledFrom([]string{"", "ran on", "connected to", strings.Repeat("界", 30)}).Draw(rt, "verb"), Count: rapid.IntRange(-1, 2000).Draw(rt, "count"),
			})
		}
		p := page.Page{Title: "any", Blocks: []page.Block{g}}
		checkDrawing(t, write(t, page.WriteHTML, p))
		checkTerminal(t, p)
		checkMarkdown(t, p)
	})
}
