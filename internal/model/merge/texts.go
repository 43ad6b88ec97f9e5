package merge

// Texts are what models are compared on where nobody gives others: plain prose of
// security work and of other days, so that neither alone decides.
func Texts() []string {
	return []string{
		"The service account logged on to the file server at 02:14 from a workstation that had never used it before. Within a minute it listed the shares, read the backup folder and copied three archives to a temporary path.",
		"A firewall decides by the first rule that matches. Rules that name a narrow source belong above those that name a wide one, or they are never reached.",
		"Dear all, the maintenance window on Saturday begins at eight in the evening. Mail will be delayed by up to an hour, and the ticket system will be read-only until Sunday noon.",
		"The attachment was a spreadsheet with a macro that wrote a script to the user's profile and started it through the task scheduler every thirty minutes.",
		"To bake bread, mix flour, water, salt and a little yeast, let the dough rest overnight in a cool place, fold it twice, and put it into a very hot oven with some steam.",
		"Patch the internet-facing gateways first. The weakness needs no password, and a working program that uses it has been public since Tuesday.",
		"The river rises in the hills north of the town, turns east at the old mill, and meets the sea forty kilometres further on, where the harbour was built on its left bank.",
		"We saw 412 failed sign-ins for one account from 39 addresses in nine countries, then one that succeeded, then a new rule that moves every mail with the word invoice to an archive.",
		"func sum(values []int) int {\n\ttotal := 0\n\tfor _, v := range values {\n\t\ttotal += v\n\t}\n\treturn total\n}",
		"Question: what should be kept for a later investigation? Answer: the memory of the machine, its event logs, the timeline of the file system, and a note of who touched it and when.",
	}
}
