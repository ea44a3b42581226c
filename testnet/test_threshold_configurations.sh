#!/usr/bin/env bash
# Keys of 2 of 3, 3 of 5 and 7 of 7 members, each in a TEE of its own: one share fewer gives nothing.
. "$(dirname "$0")/ceremony-steps.sh"

threshold() { # port, members, threshold
  local member share shares=''
  genesis_boot "$1" "$2" "$3"
  step "TEE $1: $(($3 - 1)) of $2 shares change nothing"
  for ((member = 1; member < $3; member++)); do
    share=$(decrypted_share "member$member")
    shares+="${shares:+, }$(entry "member$member" "$share")"
  done
  inject_shares "$1" "$shares"
  holds "$INJECT_RESPONSE" '.success and .refused == [] and .reconstructed_quorum_key == null'
  phase_is "$1" WaitingForQuorumShards
  holds "$(seed_of "$1" test-seed test-data)" '.code == "WRONG_PHASE"'

  step "TEE $1: a share that is in counts once"
  inject_shares "$1" "${shares%%, \{*}"
  holds "$INJECT_RESPONSE" '.success == false and .refused[0].code == "SHARE_TWICE"'

  step "TEE $1: with one more the key is there"
  share=$(decrypted_share "member$3")
  inject_shares "$1" "$(entry "member$3" "$share")"
  [ "$(jq -c .reconstructed_quorum_key <<<"$INJECT_RESPONSE")" = "$(jq -c .quorum_public_key <<<"$GENESIS_RESPONSE")" ] ||
    fail "the key did not come out: $(brief "$INJECT_RESPONSE")"
  phase_is "$1" ApplicationReady
  holds "$(seed_of "$1" test-seed test-data)" '.word_count == 24'
}

tees 3
threshold "$TEE1" 3 2
threshold "$TEE2" 5 3
threshold "$TEE3" 7 7

say 'All steps held.'
