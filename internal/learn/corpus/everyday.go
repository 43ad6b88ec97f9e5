package corpus

import (
	"math/rand/v2"
	"slices"
	"strings"
)

// A theme is a matter that has nothing to do with attacks: patterns of
// sentences, and words to fill them with. Patterns name words in braces.
type theme struct {
	name     string
	patterns []string
	words    map[string][]string
}

// common words are for all themes.
var common = map[string][]string{
	"person": {"Anna", "the manager", "our neighbour", "Mr. Okafor", "the new intern", "Dr. Lindqvist", "the committee", "my brother", "the director", "a volunteer", "Priya", "the whole team"},
	"day":    {"Monday", "Tuesday", "yesterday", "next week", "on Friday afternoon", "in the spring", "at the end of the quarter", "this morning", "on 14 May", "last summer"},
	"town":   {"Lisbon", "Graz", "Leeds", "Osaka", "Tallinn", "Porto Alegre", "Galway", "Winnipeg", "Nairobi", "Ghent"},
	"number": {"three", "twelve", "forty", "a hundred", "2,500", "seven", "nearly sixty", "about a dozen", "15", "two"},
	"good":   {"excellent", "rather good", "better than expected", "a pleasant surprise", "solid", "much improved", "fair", "quite reasonable"},
	"bad":    {"disappointing", "worse than last year", "rather slow", "a little late", "not what we hoped for", "uneven", "too expensive"},
}

var themes = []theme{
	{"sport", []string{
		"{team} won {number} to {number} against {team} in {town} {day}.",
		"The goalkeeper saved a penalty in the second half and {team} kept the lead.",
		"After {number} laps {person} was still in front, but the rain changed everything.",
		"The coach said the defence was {good} and the attack was {bad}.",
		"Tickets for the match in {town} go on sale {day}.",
		"{person} ran the marathon in under four hours, which is {good} for a first race.",
		"The striker has scored {number} goals this season and will stay with {team}.",
		"Both teams attack on the wings, yet neither could break through the defence.",
		"Training starts at seven, bring water and a second pair of shoes.",
		"The referee stopped the game for {number} minutes because of the fog.",
	}, map[string][]string{"team": {"the home side", "the visitors", "the league leaders", "a young squad from the north", "the rowing club", "our hockey team"}}},
	{"weather", []string{
		"Expect {sky} over the coast {day}, with winds from the west.",
		"Temperatures will fall to {number} degrees in {town} during the night.",
		"The river has risen by {number} centimetres since {day}.",
		"A cold front brings {sky} to the mountains, and the roads may be icy.",
		"It was the driest month in {town} for {number} years.",
		"Fog will lift by noon and give way to {sky}.",
		"Farmers welcomed the rain after a summer that was {bad}.",
		"The storm left {number} households without light for an evening.",
	}, map[string][]string{"sky": {"scattered clouds", "heavy showers", "clear skies", "light snow", "a little drizzle", "sunny spells"}}},
	{"cooking", []string{
		"Stir the {food} over a low heat for {number} minutes until it thickens.",
		"Add {food} and a pinch of salt, then cover the pan.",
		"Let the dough rest for {number} hours in a warm place.",
		"Chop the {food} finely and fry it in butter.",
		"Serve with {food} and a slice of lemon.",
		"The restaurant in {town} has {number} tables and a menu that is {good}.",
		"Whisk the eggs, fold in the {food} and bake until golden.",
		"{person} prefers {food} without garlic.",
		"Drain the beans, keep the water, and season to taste.",
		"Inject the marinade into the meat with a kitchen syringe and leave it overnight.",
	}, map[string][]string{"food": {"onions", "mushrooms", "rice", "carrots", "chocolate", "grated cheese", "parsley", "lentils", "the sauce", "almonds"}}},
	{"finance", []string{
		"Revenue grew by {number} per cent {day}, which analysts called {good}.",
		"The board proposes a dividend of {number} cents a share.",
		"Please send the {paper} to accounting before {day}.",
		"The interest rate on the loan is fixed for {number} years.",
		"Costs of {paper} were {bad}, mostly because of higher rents.",
		"{person} will present the budget to the shareholders in {town}.",
		"The {paper} is payable within {number} days of receipt.",
		"Inflation eased slightly and consumers spent more on furniture.",
		"The transfer was booked to the wrong cost centre and has been corrected.",
		"The fund invests in railways, timber and small banks.",
	}, map[string][]string{"paper": {"invoice", "annual report", "travel expenses", "purchase order", "quarterly statement", "tax return"}}},
	{"staff", []string{
		"We are looking for a {job} with {number} years of experience in {town}.",
		"{person} will join us {day} as {job}.",
		"Please hand in your holiday requests before {day}.",
		"The canteen is closed {day} because of the staff party.",
		"All employees receive {number} days of paid leave a year.",
		"The interview with the {job} went well; the salary is still open.",
		"Thank you to everyone who helped at the summer festival in {town}.",
		"The works council meets {day} to talk about parking spaces.",
		"Onboarding takes {number} weeks and includes a tour of the plant.",
		"Your performance review was {good}; let us talk about goals {day}.",
	}, map[string][]string{"job": {"bookkeeper", "warehouse clerk", "nurse", "project manager", "translator", "graphic designer", "mechanic", "receptionist"}}},
	{"travel", []string{
		"The train to {town} leaves {day} from platform {number}.",
		"Our hotel in {town} was {good}, with a view of the {sight}.",
		"Allow {number} hours for the walk around the {sight}.",
		"The ferry was {bad}, so we missed the connection to {town}.",
		"Book the {sight} in advance; queues are long {day}.",
		"{person} flew to {town} with hand luggage only.",
		"The museum opens at ten and is free for children.",
		"A day ticket is valid on trams and buses in {town}.",
	}, map[string][]string{"sight": {"castle", "old harbour", "botanical garden", "lake", "cathedral", "market square", "lighthouse"}}},
	{"health", []string{
		"Take one tablet {day} with a glass of water and rest.",
		"The patient reports {complaint} that began {day}.",
		"The study followed {number} adults with {complaint} over a year.",
		"Blood pressure was normal, and the {complaint} had gone {day}.",
		"The clinic in {town} offers appointments {day}.",
		"The virus spreads through droplets; wash your hands often.",
		"A second dose of the vaccine is recommended after {number} weeks.",
		"Symptoms of infection are fever, cough and {complaint}.",
		"The nurse changed the dressing and noted that the wound was {good}.",
		"{person} recovered from the operation and may go home {day}.",
	}, map[string][]string{"complaint": {"back pain", "a mild headache", "tiredness", "a sore throat", "stiff joints", "trouble sleeping"}}},
	{"release", []string{
		"Version {number} adds a dark theme and makes {part} faster.",
		"Fixed a typo in {part} and updated the translations.",
		"The minimum width of {part} is now {number} pixels.",
		"This release drops the old {part} and moves to a new build system.",
		"Improved scrolling in {part} on large screens.",
		"{part} now remembers which columns were shown.",
		"Rounded corners in {part}, thanks to a contribution from {person}.",
		"We upgraded {part} and the tests run in half the time.",
		"Users can now sort {part} by date and by name.",
		"Sorting in {part} was wrong for names with accents; it is right now.",
	}, map[string][]string{"part": {"the calendar", "the chart view", "the sidebar", "the photo album", "the spreadsheet export", "the printing dialog", "the map layer", "the music player"}}},
	{"manual", []string{
		"Click {item} and choose Save to keep your changes.",
		"To open {item}, press F{number} or use the menu.",
		"The function returns the number of elements in {item}.",
		"See the section about {item} for more examples.",
		"Set the option to true if {item} should be shown at start.",
		"Use the slider to set the size of {item}.",
		"By default {item} holds {number} entries; older ones are archived.",
		"This package draws {item} from a list of values.",
		"Drag {item} onto the page to place it.",
		"The component renders {item} and updates when its data change.",
		"You can install the plugin with the package manager and restart the editor.",
		"The parameter gives the width of {item} in characters.",
		"Run the command without arguments to list {item}.",
	}, map[string][]string{"item": {"the toolbar", "the list of contacts", "a bar chart", "the table of results", "the photo", "the tree view", "the colour palette", "the index page", "a template", "the report"}}},
	{"meeting", []string{
		"Present: {person}, {person} and {person}.",
		"{person} will send the minutes {day}.",
		"We agreed to move the {topic} to {day}.",
		"The {topic} was discussed; no decision was taken.",
		"Action: {person} asks the supplier in {town} about the {topic}.",
		"Next meeting: {day}, room {number}.",
		"The group found the draft of the {topic} {good}.",
		"{person} asked whether the {topic} could be shortened.",
		"Could you look at the slides about the {topic} before {day}?",
		"Sorry for the late reply, I was out of the office {day}.",
	}, map[string][]string{"topic": {"kick-off", "office move", "customer survey", "trade fair", "price list", "brochure", "seating plan", "workshop"}}},
	{"comment", []string{
		"Returns the {thing} for the given index, or nil if there is none.",
		"This loop copies the {thing} row by row.",
		"TODO: rename this method once the {thing} is gone.",
		"The {thing} is sorted in ascending order, so a binary search will do.",
		"Rounds the {thing} to {number} digits after the point.",
		"Creates a new {thing} and adds it to the end of the list.",
		"Tests that an empty {thing} prints nothing.",
		"Converts the {thing} from inches to millimetres.",
		"The constructor takes a {thing} and a font size.",
		"Computes the average of the {thing} over {number} days.",
	}, map[string][]string{"thing": {"matrix", "label", "temperature", "polygon", "price", "paragraph", "histogram", "date", "colour"}}},
	{"offer", []string{
		"Save {number} per cent on {goods} until {day}.",
		"Our {goods} are made in {town} from recycled material.",
		"Customers call our {goods} {good}; see for yourself.",
		"Subscribe to our newsletter and follow us for news about {goods}.",
		"Visit us at the fair in {town}, hall {number}.",
		"Free shipping on all {goods} from 50 euros.",
		"About us: we have sold {goods} since 1974 and employ {number} people.",
		"Contact our sales team for a quote on {goods}.",
		"Copyright 2021, all rights reserved.",
		"Download our app to order {goods} from home.",
		"Share this article with your friends.",
	}, map[string][]string{"goods": {"garden chairs", "office lamps", "running shoes", "coffee machines", "notebooks", "bicycles", "winter coats", "shelves"}}},
	{"school", []string{
		"The {class} class starts {day} in room {number}.",
		"Pupils learn about {class} with the help of experiments.",
		"{person} wrote an essay on {class} that was {good}.",
		"The library in {town} has {number} books about {class}.",
		"Homework for {day}: read the chapter on {class}.",
		"The university in {town} offers a degree in {class}.",
		"The lecture on {class} was {bad}.",
	}, map[string][]string{"class": {"geography", "music", "chemistry", "medieval history", "drawing", "statistics", "French"}}},
	{"building", []string{
		"The {room} will be painted {day}.",
		"Please keep the {room} tidy and turn off the light.",
		"Fire doors near the {room} must be kept closed and free of boxes.",
		"The lift to the {room} is out of order until {day}.",
		"{person} measured the {room}: it has {number} square metres.",
		"The temperature in the {room} is kept between {number} and 24 degrees.",
		"Emergency lighting in the {room} is tested {day}.",
		"The roof above the {room} leaks when it rains.",
	}, map[string][]string{"room": {"storage room", "kitchen on the second floor", "workshop", "reception", "car park", "archive", "stairwell"}}},
	{"howto", []string{
		"Open {app}, go to Settings and pick a language.",
		"First install {app}, then restart the computer and sign in with your account.",
		"You can change the font of {app} under Preferences.",
		"If {app} is slow, close some windows and try again.",
		"Press Ctrl and C to copy the selected {object}, and Ctrl and V to paste it.",
		"Select {object} and choose Export from the File menu.",
		"{app} stores {object} in the Documents folder.",
		"The wizard guides you through the setup of {app} in {number} steps.",
		"Move {object} to another folder with the mouse.",
		"Double-click {object} to rename it.",
		"The Help page of {app} explains how to print {object}.",
		"Choose a name for {object} and confirm with OK.",
	}, map[string][]string{"app": {"the photo editor", "the mail program", "the e-book reader", "the drawing app", "the note-taking app", "the music library", "the browser", "the office suite"}, "object": {"the paragraph", "the picture", "a folder", "the slide", "a row", "the document", "the playlist", "the appointment"}}},
	{"interface", []string{
		"This method takes {value} and returns {value}.",
		"Throws an error if {value} is negative.",
		"The class represents {value} and offers methods to compare two of them.",
		"Each call creates a new instance with {value}.",
		"Pass {value} as the second argument to change the format.",
		"The default of this property is {value}.",
		"Returns true if the list contains {value}.",
		"Deprecated since version {number}: use the new constructor with {value}.",
		"The iterator yields {value} in the order of insertion.",
		"See the tutorial for how to render {value} with a template.",
		"The library parses {value} and is written in Python.",
		"Example: convert {value} into a string with two decimals.",
	}, map[string][]string{"value": {"an integer", "a list of strings", "the width in pixels", "a date", "the number of rows", "a callback", "an empty array", "the title", "a colour", "an optional object"}}},
	{"questions", []string{
		"How do I change the {matter} in my profile?",
		"Why is the {matter} shown twice?",
		"Where can I find the {matter}?",
		"You can edit the {matter} at any time in your account.",
		"Our support team answers questions about the {matter} within {number} days.",
		"Yes, the {matter} can be cancelled until {day}.",
		"The {matter} is included in every plan.",
		"Thank you for asking about the {matter}; please see the table below.",
		"Is there a discount on the {matter} for students?",
		"We are sorry that the {matter} did not arrive {day}.",
	}, map[string][]string{"matter": {"delivery address", "subscription", "size chart", "receipt", "newsletter", "warranty", "time zone", "gift card", "profile picture", "order number"}}},
	{"devices", []string{
		"The {device} has a battery that lasts {number} hours.",
		"With {number} gigabytes of memory the {device} is fast enough for films.",
		"The {device} weighs less than a kilogram and fits into a bag.",
		"{person} bought a {device} in {town} {day}.",
		"The keyboard of the {device} is {good}, the display is {bad}.",
		"Plug the {device} into the wall and wait until the light turns green.",
		"Our test compares {number} models of the {device}.",
		"The new {device} comes in blue and grey.",
		"The fan of the {device} is quiet even under load.",
		"A firmware update brings new ring tones to the {device}.",
	}, map[string][]string{"device": {"laptop", "tablet", "television", "printer", "smart watch", "loudspeaker", "camera", "e-bike", "projector"}}},
	{"editorial", []string{
		"In this article we look at {subject} and what it means for readers.",
		"Last year we wrote about {subject}; here is what has changed.",
		"The author lives in {town} and writes about {subject}.",
		"This page was last updated {day}.",
		"Read more about {subject} in our archive.",
		"The interview with {person} about {subject} lasted {number} minutes.",
		"Table {number} shows how {subject} developed over time.",
		"The chapter ends with a summary of {subject}.",
		"We thank {person} for comments on an earlier draft.",
		"The figure was redrawn from a book about {subject}.",
		"Comments are closed; write to us if you have a question about {subject}.",
	}, map[string][]string{"subject": {"open source in schools", "city planning", "remote work", "electric cars", "the history of computing", "renewable energy", "web design", "public transport", "data journalism"}}},
	{"operations", []string{
		"The server room will be moved to {place} {day}.",
		"We ordered {number} new monitors for {place}.",
		"The wireless network in {place} is {good} again after the upgrade.",
		"The database was migrated to a larger machine {day}; reports are faster now.",
		"Maintenance of the mail system takes place {day} from ten to eleven.",
		"Please return old laptops and chargers to {place}.",
		"The project to replace the ticket system starts {day}.",
		"Storage use grew by {number} per cent, mostly because of videos.",
		"The help desk solved {number} requests about printers and headsets.",
		"Deployment of the new web shop is planned for {day}.",
		"Average load time of the site fell to {number} milliseconds.",
	}, map[string][]string{"place": {"the east wing", "the third floor", "the branch in Graz", "the training room", "the warehouse", "headquarters"}}},
}

// Themes returns the names of the themes of everyday sentences.
func Themes() []string {
	var out []string
	for _, t := range themes {
		out = append(out, t.name)
	}
	return out
}

// Everyday makes up to n sentences of a theme, none twice, always the same.
func Everyday(themeName string, n int) []string {
	i := slices.IndexFunc(themes, func(t theme) bool { return t.name == themeName })
	if i < 0 {
		return nil
	}
	t := &themes[i]
	random := rand.New(rand.NewPCG(uint64(i), 0xe7e4da7))
	seen := map[string]bool{}
	var out []string
	const tries = 3
	for range tries * n {
		s := t.fill(t.patterns[random.IntN(len(t.patterns))], random)
		if !seen[s] && len(out) < n {
			seen[s] = true
			out = append(out, s)
		}
	}
	return out
}

// fill puts words into a pattern.
func (t *theme) fill(pattern string, random *rand.Rand) string {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(pattern, "{")
		b.WriteString(before)
		if !found {
			break
		}
		name, after, _ := strings.Cut(rest, "}")
		words := t.words[name]
		if words == nil {
			words = common[name]
		}
		b.WriteString(words[random.IntN(len(words))])
		pattern = after
	}
	s := b.String()
	return strings.ToUpper(s[:1]) + s[1:]
}
