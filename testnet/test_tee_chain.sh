#!/usr/bin/env bash
# The key goes from TEE1 to TEE2, and from there, not from TEE1, to TEE3.
. "$(dirname "$0")/ceremony-steps.sh"

tees 3
single_tee "$TEE1"
forward_key "$TEE1" "$TEE2"
forward_key "$TEE2" "$TEE3"

step 'seed generation in TEE3'
holds "$(seed_of "$TEE3" tee3-seed tee3-test-data)" '.word_count == 24'
same_seed "$TEE1" "$TEE2" "$TEE3"

step 'data that TEE1 encrypts is decrypted by TEE3'
DATA=$(curl -s -X POST http://localhost:"$TEE1"/enclave/encrypt-data \
  -H "Content-Type: application/json" \
  -d '{"data": [1, 2, 3]}' | jq -c '.result.EncryptDataResponse | {encrypted_data}')
holds "$(curl -s -X POST http://localhost:"$TEE3"/enclave/decrypt-data \
  -H "Content-Type: application/json" \
  -d "$DATA")" '.result.DecryptDataResponse.data == [1, 2, 3]'

say 'All steps held.'
