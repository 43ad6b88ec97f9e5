package document

import (
	"fmt"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// What the choice of a page's main text looks at.
const (
	minMain      = 250  // bytes that an element must hold to be it
	minKept      = 140  // bytes below which the choice is distrusted …
	minShare     = 5    // … or if it is less than 1/minShare of the page's text
	minParagraph = 60   // bytes that make a paragraph count
	maxElement   = 512  // depth of the tree that is walked
	maxLooked    = 4000 // nodes that are looked at to judge a list or a row
)

// isHTML says whether a text is a web page or a piece of one.
func isHTML(text string) bool {
	head := strings.ToLower(strings.TrimLeft(cutBytes(text, 64<<10), " \t\r\n\ufeff"))
	for _, p := range []string{"<!doctype html", "<html", "<head", "<body", "<article", "<main", "<div", "<section", "<p>", "<h1", "<table", "<script", "<style"} {
		if strings.HasPrefix(head, p) {
			return true
		}
	}
	return strings.HasPrefix(head, "<") && (strings.Contains(head, "<html") || strings.Contains(head, "<body"))
}

// webPage reads the main text of a page. Scripts, menus, headers and footers
// are left out; if that leaves too little, everything visible is read.
func webPage(b *builder, text string) (title string, err error) {
	root, err := html.Parse(strings.NewReader(text))
	if err != nil {
		return "", fmt.Errorf("parse HTML: %w", err)
	}
	w := &pageWalk{b: b}
	b.flat = true
	title = pageTitle(root)
	body := find(root, atom.Body)
	if body == nil {
		body = root
	}
	all := textLen(body, nil)
	main := mainElement(body)
	kept := textLen(main, leftOut)
	if kept < minKept && kept*2 < all {
		w.keepAll = true
		main = body
	}
	w.walk(main, 0)
	w.flush()
	if w.dropped > 0 {
		b.note("menus, headers, footers and what else surrounds the main text of the page were left out")
	}
	if w.deep {
		b.note("elements more than 512 deep were left out")
		b.cut = true
	}
	return title, nil
}

// pageTitle returns what the page calls itself.
func pageTitle(root *html.Node) string {
	if t := find(root, atom.Title); t != nil {
		return strings.Join(strings.Fields(allText(t)), " ")
	}
	if h := find(root, atom.H1); h != nil {
		return strings.Join(strings.Fields(allText(h)), " ")
	}
	return ""
}

// find returns the first element of a kind.
func find(root *html.Node, kind atom.Atom) *html.Node {
	for n := range root.Descendants() {
		if n.Type == html.ElementNode && n.DataAtom == kind {
			return n
		}
	}
	return nil
}

func allText(root *html.Node) string {
	var s strings.Builder
	for n := range root.Descendants() {
		if n.Type == html.TextNode && s.Len() < 4*maxContext {
			s.WriteString(n.Data)
		}
	}
	return s.String()
}

// textLen returns how much visible text an element holds, without the
// descendants that skip refuses.
func textLen(root *html.Node, skip func(*html.Node) bool) int {
	total := 0
	var count func(n *html.Node, depth int)
	count = func(n *html.Node, depth int) {
		if n.Type == html.TextNode {
			total += len(strings.TrimSpace(n.Data))
		}
		if depth > maxElement || n.Type == html.ElementNode && (invisible(n) || skip != nil && n != root && skip(n)) {
			return
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			count(c, depth+1)
		}
	}
	count(root, 0)
	return total
}

// mainElement returns the element that holds the page's main text: the largest
// one that says so, if it holds enough, else the body.
func mainElement(body *html.Node) *html.Node {
	total := textLen(body, leftOut)
	best, size, tried := body, 0, 0
	for n := range body.Descendants() {
		if n.Type != html.ElementNode || !saysMain(n) {
			continue
		}
		if tried++; tried > 64 { // each is measured whole
			break
		}
		if s := textLen(n, leftOut); s > size {
			best, size = n, s
		}
	}
	if size < minMain || size*3 < total {
		best = body
	}
	return heart(best)
}

// heart goes down from an element as long as one child holds nearly all of its
// paragraphs, and so leaves behind what stands beside them.
func heart(root *html.Node) *html.Node {
	mass := map[*html.Node]int{}
	var weigh func(n *html.Node, depth int) int
	weigh = func(n *html.Node, depth int) int {
		if depth > maxElement || n.Type != html.ElementNode || invisible(n) || n != root && leftOut(n) {
			return 0
		}
		sum := 0
		if n.DataAtom == atom.P || n.DataAtom == atom.Pre {
			if size := textLen(n, nil); size >= minParagraph {
				sum = size
			}
		} else {
			for c := n.FirstChild; c != nil; c = c.NextSibling {
				sum += weigh(c, depth+1)
			}
		}
		if sum > 0 {
			mass[n] = sum
		}
		return sum
	}
	all := weigh(root, 0)
	if all < 2*minMain {
		return root
	}
	for at := root; ; {
		var next *html.Node
		for c := at.FirstChild; c != nil; c = c.NextSibling {
			if mass[c]*10 >= all*9 && c.DataAtom != atom.P && c.DataAtom != atom.Pre {
				next = c
			}
		}
		if next == nil {
			return at
		}
		at = next
	}
}

// saysMain says whether an element is marked as the main text.
func saysMain(n *html.Node) bool {
	return n.DataAtom == atom.Main || n.DataAtom == atom.Article || attr(n, "role") == "main" || attr(n, "itemprop") == "articleBody"
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

// invisible says whether a browser shows nothing of an element.
func invisible(n *html.Node) bool {
	switch n.DataAtom {
	case atom.Script, atom.Style, atom.Noscript, atom.Template, atom.Svg, atom.Iframe, atom.Object, atom.Canvas, atom.Head, atom.Select, atom.Textarea, atom.Math, atom.Audio, atom.Video:
		return true
	}
	for _, a := range n.Attr {
		switch a.Key {
		case "hidden":
			return true
		case "style":
			s := strings.ReplaceAll(strings.ToLower(a.Val), " ", "")
			if strings.Contains(s, "display:none") || strings.Contains(s, "visibility:hidden") {
				return true
			}
		}
	}
	return false
}

// leftOut says whether an element surrounds the main text of a page.
func leftOut(n *html.Node) bool {
	switch n.DataAtom {
	case atom.Nav, atom.Footer, atom.Aside, atom.Button, atom.Form, atom.Dialog, atom.Menu:
		return true
	case atom.Header:
		return !inside(n, atom.Article, atom.Main)
	case atom.Main, atom.Article, atom.Body, atom.Html, atom.Pre, atom.Code, atom.P:
		return false
	case atom.Ul, atom.Ol, atom.Div, atom.Section, atom.Table:
		if isMenu(n) {
			return true
		}
	}
	switch attr(n, "role") {
	case "navigation", "banner", "contentinfo", "search", "complementary", "dialog", "menu", "menubar":
		return true
	}
	return boilerplate(attr(n, "class")) || boilerplate(attr(n, "id"))
}

func inside(n *html.Node, kinds ...atom.Atom) bool {
	for p, up := n.Parent, 0; p != nil && up < maxElement; p, up = p.Parent, up+1 {
		for _, k := range kinds {
			if p.DataAtom == k {
				return true
			}
		}
	}
	return false
}

// boilerplate says whether one of an element's names is one that templates give
// to what surrounds the text.
func boilerplate(names string) bool {
	if len(names) > 1000 {
		names = names[:1000]
	}
	for name := range strings.FieldsSeq(strings.ToLower(names)) {
		switch strings.Trim(name, "-_") {
		case "nav", "navbar", "navigation", "menu", "main-menu", "site-header", "site-footer", "footer", "sidebar", "side-bar", "breadcrumb", "breadcrumbs",
			"cookie", "cookie-banner", "cookie-notice", "cookie-consent", "social", "social-share", "share", "share-buttons", "sharing", "related", "related-posts",
			"related-articles", "comments", "comment-list", "advert", "advertisement", "ads", "promo", "newsletter", "subscribe", "subscription", "pagination",
			"pager", "skip-link", "screen-reader-text", "sr-only", "visually-hidden", "gutter", "line-numbers", "lineno", "linenos", "toc", "table-of-contents", "tags", "tag-list", "author-bio", "popup", "modal":
			return true
		}
	}
	return false
}

// isMenu says whether a list is nothing but short links.
func isMenu(n *html.Node) bool {
	items, links, text, linked, nodes := 0, 0, 0, 0, 0
	for d := range n.Descendants() {
		switch {
		case d.Type == html.TextNode:
			size := len(strings.TrimSpace(d.Data))
			text += size
			if inLink(d, n) {
				linked += size
			}
		case d.DataAtom == atom.Li:
			items++
		case d.DataAtom == atom.A:
			links++
		}
		if nodes++; nodes > maxLooked || text > 4000 {
			return false
		}
	}
	return links >= 3 && links >= items && linked*10 >= text*8 && text/max(links, 1) < 80
}

func inLink(n, root *html.Node) bool {
	for p, up := n.Parent, 0; p != nil && p != root && up < 8; p, up = p.Parent, up+1 {
		if p.DataAtom == atom.A {
			return true
		}
	}
	return false
}
