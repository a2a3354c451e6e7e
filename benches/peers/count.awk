# mawk knows no quotes: right only while no field after the quoted ones holds a comma. Records per
# queue domain and type; the queue is the last column but one.
BEGIN { FS = "," }
FNR > 1 {
    queue = $(NF - 1)
    sub(/\/.*/, "", queue)
    count[queue "\t" $1]++
}
END { for (key in count) print key "\t" count[key] }
