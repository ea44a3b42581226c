#!/bin/sh
# The state over HTTP with curl: state.sh http://127.0.0.1:9000
# A testnet shows its state to the host; any other network shows it inside the TEE alone.
set -eu
url=$1
json='content-type: application/json'

# With other members leave ack=local out: one more then holds the write before it is answered.
curl -sfS -X PUT -H "$json" -d '{"text":"hello"}' "$url/v1/state/greetings%2Fsh?ack=local"
echo
echo "get $(curl -sfS "$url/v1/state/greetings%2Fsh")"

# A watch: server-sent events, here until the first change. Somebody else writes once a second meanwhile.
while sleep 1; do
  curl -sfS -o /dev/null -X PUT -H "$json" -d '{"text":"again"}' "$url/v1/state/greetings%2Fsh?ack=local"
done &
writer=$!
trap 'kill "$writer" 2>/dev/null || true' EXIT
echo "watch $(curl -sfSN --max-time 30 "$url/v1/state-watch?prefix=greetings%2F" 2>/dev/null | grep -m 1 '^data:')"
kill "$writer"

curl -sfS -o /dev/null -X POST -H "$json" -d '{"by":5}' "$url/v1/state/visits-sh/count?ack=local"
echo "counter $(curl -sfS "$url/v1/state/visits-sh")"
