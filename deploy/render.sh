#!/bin/sh
# Fill in a template: render.sh TEMPLATE NAME=value ... > file
#
# Every @NAME@ of the template must be given; a value may hold no line break.
set -eu

[ $# -ge 1 ] || { echo "usage: render.sh TEMPLATE NAME=value ..." >&2; exit 2; }
text=$(cat "$1")
shift
for pair in "$@"; do
    name=${pair%%=*}
    value=$(printf '%s' "${pair#*=}" | sed 's/[\\&|]/\\&/g')
    text=$(printf '%s\n' "$text" | sed "s|@$name@|$value|g")
done
missing=$(printf '%s\n' "$text" | grep -o '@[A-Z0-9_]*@' | sort -u | tr '\n' ' ')
if [ -n "$missing" ]; then
    echo "not given: $missing" >&2
    exit 1
fi
printf '%s\n' "$text"
