#!/bin/sh
# Times the way from a CSV to a head in service, on 2,000 sentences of TRAM's
# training set: with CASEMATE_SHARED naming the folder that has
# data/attack/tram-train.json.gz, and casemate on the PATH.
set -eu
tram="${CASEMATE_SHARED:-../shared}/data/attack/tram-train.json.gz"
[ -f "$tram" ] || { echo "measure.sh: no $tram: name its folder with CASEMATE_SHARED" >&2; exit 0; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export CASEMATE_DATA="$work/data"
# The file has a member a line: text, label, doc_title, in this order.
gzip -dc "$tram" | awk '
function cell(s) {
	sub(/^"[a-z_]+": "/, "", s); sub(/",?$/, "", s)
	gsub(/\\\\/, "\001", s) # a backslash of its own, until the others are done
	gsub(/\\"/, "\"\"", s); gsub(/\\n/, "\n", s); gsub(/\\t/, "\t", s)
	gsub(/\001/, "\\", s)
	return "\"" s "\""
}
BEGIN { print "sentence,technique,report" }
/^"text": / { text = cell($0) }
/^"label": / { label = cell($0) }
/^"doc_title": / { if (n++ < 2000) print text "," label "," cell($0) }
' > "$work/sentences.csv"
start=$(date +%s)
casemate tune train "$work/sentences.csv" --name techniques
casemate tune promote techniques
echo "The malware writes a run key to the registry." | casemate classify --head techniques --alternatives 1 --because 1
echo "from the CSV to an answer: $(($(date +%s) - start)) s"
