#!/bin/sh
# Copies tables made from records into Markdown files: what stands between a line
#   <!-- table: PATH -->
# and the next line <!-- end --> becomes the text of PATH, seen from the repository.
#
#   scripts/embed.sh                  README.md and all of docs/
#   scripts/embed.sh docs/speed.md    the files named
set -eu

# copy_tables FILE
copy_tables() {
    new=$(mktemp "$1.XXXXXX")
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
    ' "$1" >"$new"
    if cmp -s "$new" "$1"; then
        echo "$1 holds the tables of results/ already"
    else
        cat "$new" >"$1"
        echo "$1 updated"
    fi
    rm -f "$new"
}

[ $# -gt 0 ] || set -- README.md docs/*.md
for file in "$@"; do
    if grep -q '^<!-- table: ' "$file"; then copy_tables "$file"; fi
done
