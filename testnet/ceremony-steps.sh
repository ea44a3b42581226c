# The steps of custody with curl and jq, for the scripts beside this file, which source it. BASE_PORT: the port of TEE1, 9000 unless said;
# TEE2 and TEE3 stand behind it. COTERIE_TESTNET: folder of the testnet that runs there, if one does. Everything that a script makes, keys
# above all, lies in a folder for its owner alone, and goes with it.
set -Eeuo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
umask 077

TEE1=${BASE_PORT:-9000}
TEE2=$((TEE1 + 1))
TEE3=$((TEE1 + 2))
STEP='find curl and jq'
work=
testnet=
network=

say() { printf '%s\n' "$*" >&2; }

step() { # what comes now
  STEP=$1
  say "== $STEP"
}

fail() { # why
  say "FAILED at: $STEP"
  say "  $*"
  exit 1
}

# However the script ends: what it started ends with it, by its id, and no key stays behind.
cleaned() {
  local code=$?
  trap - EXIT
  # Who presses Ctrl-C once more must not leave keys behind.
  trap '' INT TERM HUP
  if [ -n "$testnet" ]; then
    kill "$testnet" 2>/dev/null || true
    wait "$testnet" 2>/dev/null || true
  fi
  [ -z "$work" ] || rm -rf "$work"
  exit "$code"
}
trap cleaned EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
trap 'say "FAILED at: $STEP"' ERR

for tool in curl jq; do
  command -v "$tool" >/dev/null || fail "There is no $tool here. On Debian: apt-get install $tool."
done
work=$(mktemp -d)
# curl as printed, but for a limit, and past any proxy: all is on this machine.
export CURL_HOME=$work
printf '%s\n' 'max-time = 120' 'noproxy = "*"' >"$work/.curlrc"

# The answer of a node, in short: some fill screens.
brief() { printf '%.400s' "$(tr -s ' \n' ' ' <<<"$1")"; }

holds() { # answer, what jq must find true in it
  jq -e "$2" >/dev/null 2>&1 <<<"$1" || fail "expected $2 of $(brief "$1")"
}

coterie() { PATH="$PWD/node_modules/.bin:$PATH" node src/cli/main.ts "$@"; }

# So many TEEs, each without a key yet: those that answer, or else a testnet of this script's own.
tees() { # how many
  local count=$1 port answering=0
  step "find $count TEEs"
  for ((port = TEE1; port < TEE1 + count; port++)); do
    if curl -s -o /dev/null "http://localhost:$port/health"; then answering=$((answering + 1)); fi
  done
  if [ "$answering" -eq 0 ]; then
    start_testnet "$count"
  elif [ "$answering" -eq "$count" ]; then
    network=${COTERIE_TESTNET:-.coterie/testnet}/manifest.json
  else
    fail "$answering of $count answer: start them all, or stop what listens from port $TEE1 on."
  fi
  for ((port = TEE1; port < TEE1 + count; port++)); do await_members "$port" "$((count - 1))"; done
  [ -f "$network" ] || fail "$network is not there: name the folder of the testnet with COTERIE_TESTNET."
  for ((port = TEE1; port < TEE1 + count; port++)); do
    local info
    info=$(curl -s "http://localhost:$port/health")
    jq -e '.custody == "WaitingForBootInstruction"' >/dev/null <<<"$info" ||
      fail "the TEE at $port is not new: $(brief "$info") Start it again: npm run -s coterie -- testnet fault restart $((port - TEE1))"
  done
}

start_testnet() { # how many nodes
  step "start a testnet of $1"
  network=$work/testnet/manifest.json
  PATH="$PWD/node_modules/.bin:$PATH" node src/cli/main.ts testnet up \
    --nodes "$1" --base-port "$TEE1" --dir "$work/testnet" --plain >"$work/testnet.log" 2>&1 &
  testnet=$!
}

# Ready, and connected with so many others.
await_members() { # port, others
  local until=$((SECONDS + 90)) peers
  for (( ; ; )); do
    peers=$(curl -s "http://localhost:$1/v1/peers" | jq '.peers | length' 2>/dev/null || true)
    if curl -s -f -o /dev/null "http://localhost:$1/readyz" && [ "${peers:-0}" -ge "$2" ]; then return; fi
    if [ -n "$testnet" ] && ! kill -0 "$testnet" 2>/dev/null; then
      fail "the testnet ended: $(tail -n 5 "$work/testnet.log")"
    fi
    [ "$SECONDS" -lt "$until" ] || fail "the TEE at port $1 is not ready"
    sleep 0.2
  done
}

phase_is() { # port, phase
  holds "$(curl -s "http://localhost:$1/health")" ".custody == \"$2\""
}

genesis_boot() { # port, members, threshold
  step "TEE $1: keys of $2 members, of whom $3 rebuild the key"
  request=$work/genesis_request_$1
  npm run -s genesis_key_generator -- \
    --member-count "$2" \
    --threshold "$3" \
    --output "$request.json" 2>"$work/generator.log" || fail "$(cat "$work/generator.log")"

  step "TEE $1: genesis boot"
  GENESIS_RESPONSE=$(curl -s -X POST http://localhost:"$1"/enclave/genesis-boot \
    -H "Content-Type: application/json" \
    -d @"$request.json")
  holds "$GENESIS_RESPONSE" ".waiting_state == \"WaitingForQuorumShards\" and (.encrypted_shares | length) == $2"
  printf '%s\n' "$GENESIS_RESPONSE" >"$request.genesis.json"
  phase_is "$1" WaitingForQuorumShards
}

# The step of a member, on its own machine in a real ceremony: judges the genesis, opens its share, seals it to the TEE.
decrypted_share() { # member
  coterie keys decrypt-share "$request.genesis.json" --key "$request.$1.json" \
    --manifest "$network" --yes 2>"$work/$1.log" || fail "$1: $(cat "$work/$1.log")"
}

inject_shares() { # port, entries of "shares"
  INJECT_RESPONSE=$(curl -s -X POST http://localhost:"$1"/enclave/inject-shares \
    -H "Content-Type: application/json" \
    -d "{
      \"namespace_name\": \"qos-namespace\",
      \"namespace_nonce\": 12345,
      \"shares\": [$2]
    }")
}

entry() { # member, share
  printf '{"member_alias": "%s", "decrypted_share": %s}' "$1" "$2"
}

# Steps 3 and 4 of a single instance: a key of two of three members.
single_tee() { # port
  genesis_boot "$1" 3 2
  step "TEE $1: an encrypted share is taken for no decrypted one"
  SHARE1=$(echo "$GENESIS_RESPONSE" | jq -r '.encrypted_shares[0].encrypted_quorum_key_share')
  inject_shares "$1" "$(entry member1 "$SHARE1")"
  holds "$INJECT_RESPONSE" '.success == false and .refused[0].code == "SHARE_STILL_SEALED"'

  step "TEE $1: two members give their shares"
  SHARE1=$(decrypted_share member1)
  SHARE2=$(decrypted_share member2)
  inject_shares "$1" "$(entry member1 "$SHARE1"), $(entry member2 "$SHARE2")"
  holds "$INJECT_RESPONSE" '.success and .refused == []'
  [ "$(jq -c .reconstructed_quorum_key <<<"$INJECT_RESPONSE")" = "$(jq -c .quorum_public_key <<<"$GENESIS_RESPONSE")" ] ||
    fail 'the key that came out is not the one of the genesis'
  phase_is "$1" ApplicationReady
}

# Steps 3 to 6 of two instances: the key goes from one TEE to another.
forward_key() { # from, to
  step "TEE $2: share the manifest"
  MANIFEST_ENVELOPE=$(echo "$GENESIS_RESPONSE" | jq -r '.manifest_envelope')
  SHARED=$(curl -s -X POST http://localhost:"$2"/enclave/share-manifest \
    -H "Content-Type: application/json" \
    -d "{
      \"manifest_envelope\": $MANIFEST_ENVELOPE
    }")
  holds "$SHARED" .result.ShareManifestResponse.success

  step "TEE $2: generate its attestation"
  ATTESTATION_RESPONSE=$(curl -s -X POST http://localhost:"$2"/enclave/generate-attestation \
    -H "Content-Type: application/json" \
    -d '{
      "manifest_hash": [0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0],
      "pcr_values": [[],[],[],[]]
    }')
  holds "$ATTESTATION_RESPONSE" '.result.GenerateAttestationResponse.attestation_doc | length > 0'

  step "TEE $1: export the key to TEE $2"
  ATTESTATION_DOC=$(echo "$ATTESTATION_RESPONSE" | jq '.result.GenerateAttestationResponse.attestation_doc')
  EXPORT_RESPONSE=$(curl -s -X POST http://localhost:"$1"/enclave/export-key \
    -H "Content-Type: application/json" \
    -d "{
      \"manifest_envelope\": $MANIFEST_ENVELOPE,
      \"attestation_doc\": $ATTESTATION_DOC
    }")
  holds "$EXPORT_RESPONSE" '.result.ExportKeyResponse.signature | length == 64'

  step "TEE $2: inject the key"
  ENCRYPTED_KEY=$(echo "$EXPORT_RESPONSE" | jq '.result.ExportKeyResponse.encrypted_quorum_key')
  SIGNATURE=$(echo "$EXPORT_RESPONSE" | jq '.result.ExportKeyResponse.signature')
  INJECT_RESPONSE=$(curl -s -X POST http://localhost:"$2"/enclave/inject-key \
    -H "Content-Type: application/json" \
    -d "{
      \"encrypted_quorum_key\": $ENCRYPTED_KEY,
      \"signature\": $SIGNATURE
    }")
  holds "$INJECT_RESPONSE" .result.InjectKeyResponse.success
  phase_is "$2" ApplicationReady
}

seed_of() { # port, type, data
  curl -s -X POST http://localhost:"$1"/generate-seed \
    -H "Content-Type: application/json" \
    -d "{
      \"seed_type\": \"$2\",
      \"seed_data\": \"$3\"
    }" | jq .
}

same_seed() { # ports
  local port first phrase
  step "the same seed from each of $*"
  for port in "$@"; do
    phrase=$(seed_of "$port" test-seed test-data | jq -r .seed_phrase)
    [ "$(wc -w <<<"$phrase")" -eq 24 ] || fail "TEE $port gives no seed of 24 words"
    [ "$phrase" = "${first:=$phrase}" ] || fail "TEE $port gives another seed"
  done
}
