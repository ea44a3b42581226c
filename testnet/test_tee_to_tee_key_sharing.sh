#!/usr/bin/env bash
# The key goes from TEE1 to TEE2, which then gives the same seeds.
. "$(dirname "$0")/ceremony-steps.sh"

tees 2
single_tee "$TEE1"
forward_key "$TEE1" "$TEE2"

step 'seed generation in TEE2'
holds "$(seed_of "$TEE2" tee2-seed tee2-test-data)" '.word_count == 24'
same_seed "$TEE1" "$TEE2"

say 'All steps held.'
