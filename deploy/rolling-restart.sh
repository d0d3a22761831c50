#!/bin/sh
# Restart the nodes of one issuer, one after another, without a failed request.
#
#   rolling-restart.sh 1=127.0.0.1:9001 2=127.0.0.1:9002
#
# A node is named by its number in nginx.conf (haproxy needs no number: it sees by itself that a node drains) and by its
# address. Run it as root where nginx runs. From the environment:
#
#   DRAIN_DIR   where nginx looks for a file named as a node that gets no requests (default /run/blindage-drain)
#   RESTART     one executable file, without arguments of its own; it is given the node's port, restarts that node, and
#               returns when the old process has ended (default: systemctl restart blindage-account@PORT)
#   SETTLE      seconds for requests that are on their way to a node to end (default 2)
#
# RESTART for the nodes of a door:
#
#   #!/bin/sh
#   exec systemctl restart "blindage-door@$1"
#
# It learns the port and not the host: nodes on several machines need different ports, by which it tells them apart.
set -eu

drain_dir=${DRAIN_DIR:-/run/blindage-drain}
settle=${SETTLE:-2}
[ $# -ge 1 ] || { echo "usage: rolling-restart.sh NUMBER=HOST:PORT ..." >&2; exit 2; }
command -v curl >/dev/null || { echo "curl is needed" >&2; exit 2; }

ready() {
    curl --silent --fail --max-time 2 --output /dev/null "http://$1/readyz"
}

# A node that is not there already must come back first: with two down, nobody would serve.
for node in "$@"; do
    ready "${node#*=}" || { echo "${node#*=} is not ready: nothing was restarted" >&2; exit 1; }
done

mkdir -p "$drain_dir"
for node in "$@"; do
    number=${node%%=*}
    address=${node#*=}
    port=${address##*:}
    : > "$drain_dir/$number"
    sleep "$settle"
    if [ -n "${RESTART:-}" ]; then
        "$RESTART" "$port"
    else
        systemctl restart "blindage-account@$port"
    fi
    tries=0
    until ready "$address"; do
        tries=$((tries + 1))
        # The file stays: a node that did not come back gets no requests.
        [ "$tries" -lt 300 ] || { echo "$address did not come back" >&2; exit 1; }
        sleep 0.2
    done
    rm -f "$drain_dir/$number"
    # A balancer that asks for readiness itself needs a moment to see that the node is back.
    sleep "$settle"
    echo "$address restarted"
done
