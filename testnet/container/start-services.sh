#!/bin/bash
# What runs in a container: the node, and the door by which the host reaches it. When one ends, so does the other; a stop lets the node say goodbye.
set -uo pipefail
config=/run/coterie/config.json
if [ ! -r "$config" ]; then
  echo "$config cannot be read: mount what 'node testnet/container/prepare.ts' has made, for the user that the container runs as." >&2
  exit 78
fi
node /app/src/cli/main.ts start --config "$config" --data-dir /data/node &
node=$!
node /app/testnet/container/door.ts &
door=$!
asked=
trap 'asked=yes; kill "$node" 2>/dev/null' TERM INT
wait -n "$node" "$door"
first=$?
# Asked to stop the node was told already, and a second time would end it on the spot.
[ -n "$asked" ] || kill "$node" 2>/dev/null
kill "$door" 2>/dev/null
wait "$node"
last=$?
# Asked to stop it ends as the node did, by itself as what ended first.
[ -n "$asked" ] && exit "$last"
exit "$first"
