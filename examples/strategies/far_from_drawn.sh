#!/bin/sh
# A query strategy in shell and awk: the slices farthest from any that is annotated.
#
# In an experiment:
#
#     strategies:
#       far-from-drawn: {command: [sh, examples/strategies/far_from_drawn.sh]}
#
# slicewise asks one line of JSON a case, and reads one line of JSON as the answer (docs/strategies.md).
# This one needs no arrays: "annotated":[true,false,...] says enough.
while IFS= read -r question; do
    printf '%s\n' "$question" |
        sed 's/.*"annotated":\[\([^]]*\)\].*/\1/' |
        awk -F, '{
            for (i = 1; i <= NF; i++) {
                nearest = NF
                for (j = 1; j <= NF; j++) if ($j == "true") {
                    distance = i > j ? i - j : j - i
                    if (distance < nearest) nearest = distance
                }
                scores = scores (i > 1 ? "," : "") nearest
            }
            print "{\"scores\":[" scores "]}"
        }'
done
