import * as platform from '#crypto/at-once'

/**
 * What `run` makes, its signature checks answered as they are asked: for doors without a promise. In a browser this loads noble, without
 * Ed25519, with which no vendor signs.
 */
export function atOnce<T>(run: () => T): T {
  return platform.atOnce(run)
}
