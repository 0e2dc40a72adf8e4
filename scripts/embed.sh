#!/bin/sh
# Copies tables made from records into a Markdown file: what stands between a line
#   <!-- table: PATH -->
# and the next line <!-- end --> becomes the text of PATH, seen from the repository.
#
#   scripts/embed.sh README.md
set -eu

file=$1
new=$(mktemp "$file.XXXXXX")
trap 'rm -f "$new"' EXIT
awk '
    /^<!-- table: .* -->$/ {
        print
        path = $3
        found = 0
        while ((getline line < path) > 0) { print line; found = 1 }
        close(path)
        if (!found) { print "embed.sh: " path ": expected a table, got nothing" > "/dev/stderr"; exit 1 }
        inside = 1
        next
    }
    /^<!-- end -->$/ { inside = 0 }
    !inside { print }
    END { if (inside) { print "embed.sh: a table without <!-- end -->" > "/dev/stderr"; exit 1 } }
' "$file" > "$new"
if cmp -s "$new" "$file"; then
    echo "$file holds the tables of results/ already"
else
    cat "$new" > "$file"
    echo "$file updated"
fi
