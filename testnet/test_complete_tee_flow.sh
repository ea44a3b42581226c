#!/usr/bin/env bash
# A single TEE, from its start to its seeds.
. "$(dirname "$0")/ceremony-steps.sh"

tees 1

step 'health'
curl -s -X GET http://localhost:"$TEE1"/health | jq .

step 'no seed without a key'
holds "$(seed_of "$TEE1" test-seed test-data)" '.code == "WRONG_PHASE"'

single_tee "$TEE1"

step 'seed generation'
SEED=$(seed_of "$TEE1" test-seed test-data)
holds "$SEED" '.word_count == 24 and .strength == 256'
holds "$(curl -s -X POST http://localhost:"$TEE1"/validate-seed \
  -H "Content-Type: application/json" \
  -d "{\"seed_phrase\": $(jq .seed_phrase <<<"$SEED")}")" .valid
same_seed "$TEE1" "$TEE1"
[ "$(seed_of "$TEE1" other-seed test-data)" != "$SEED" ] || fail 'another name gives the same seed'

say 'All steps held.'
