#!/bin/sh
# A stand-in for the pmta command of a simulated host: prints answers prepared in lib/answers.
answers=$(dirname "$0")/../lib/answers
form=txt
case "$1" in
--dom) form=dom; shift ;;
--xml) form=xml; shift ;;
--json) form=json; shift ;;
esac
words= queue='*/*' older=0 most=100
for word in "$@"; do
    case "$word" in
    --queue=*) queue=${word#*=} ;;
    --older-than=*) older=${word#*=} ;;
    --maxitems=*) most=${word#*=} ;;
    --*) ;;
    *) words="$words${words:+-}$word" last=$word ;;
    esac
done
case "$words" in
show-stat*) name=status ;;
show-topq* | show-queue*) name=queues ;;
show-topd* | show-dom*) name=domains ;;
show-vmtas) name=vmtas ;;
show-jobs) name=jobs ;;
show-ver*) name=version ;;
show-lic*) name=license ;;
show-settings*)
    exec awk -v queue="$last" '/^== / { found = $2 == queue; next } found' "$answers/settings.txt" ;;
list) name= ;;
*) echo "Error: unknown command: $*" >&2; exit 1 ;;
esac
if [ -n "$name" ]; then
    exec cat "$answers/$name.$form"
fi
awk -F '\t' -v form="$form" -v queue="$queue" -v older="$older" -v most="$most" '
function seconds(text,    sum, n, i, c) {
    sum = 0; n = ""
    for (i = 1; i <= length(text); i++) {
        c = substr(text, i, 1)
        if (c ~ /[0-9]/) { n = n c; continue }
        sum += n * (c == "w" ? 604800 : c == "d" ? 86400 : c == "h" ? 3600 : c == "m" ? 60 : 1); n = ""
    }
    return sum + n
}
function fits(pattern, text) {
    if (pattern == "*") return 1
    if (substr(pattern, 1, 1) == "*") {
        pattern = substr(pattern, 2)
        return length(text) >= length(pattern) && substr(text, length(text) - length(pattern) + 1) == pattern
    }
    return pattern == text
}
BEGIN {
    limit = seconds(older)
    split(queue, asked, "/"); if (asked[2] == "") asked[2] = "*"
    n = split("queue orig rcpt file timeQueued", names, " ")
    if (form == "xml") printf "<rsp><data>"
    if (form == "json") printf "{\"data\":{\"msgs\":["
}
{
    split($2, have, "/")
    if ($1 < limit || shown >= most || !fits(asked[1], have[1]) || !fits(asked[2], have[2])) next
    if (form == "xml") printf "<msg>"
    if (form == "json") printf "%s{", shown ? "," : ""
    for (i = 1; i <= n; i++) {
        value = $(i + 1)
        if (form == "xml") printf "<%s>%s</%s>", names[i], value, names[i]
        else if (form == "json") printf "\"%s\":\"%s\",", names[i], value
        else if (form == "dom") printf "msg[%d].%s=\"%s\"\n", shown, names[i], value
        else printf "%s%s", value, i < n ? " " : "\n"
    }
    if (form == "xml") printf "<header_subject/><priority>50</priority></msg>"
    if (form == "json") printf "\"header_subject\":\"\",\"priority\":50}"
    if (form == "dom") printf "msg[%d].header_subject=\"\"\nmsg[%d].priority=\"50\"\n", shown, shown
    shown++
}
END {
    if (form == "xml") print "</data><succ/></rsp>"
    if (form == "json") print "]},\"status\":\"success\",\"message\":\"\"}"
}' "$answers/waiting.tsv"
