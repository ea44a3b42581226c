import * as platform from '#crypto/settled'

/**
 * What `run` makes, its signature checks answered by whatever this platform is best at, which may be later: OpenSSL in Node, WebCrypto in
 * a browser that has it, otherwise noble, loaded then.
 *
 * `run` is synchronous and may run several times, now and then on guesses whose outcome nobody sees: it changes nothing outside of
 * itself, or asks `isCertain` first.
 *
 * @throws whatever `run` throws in the end.
 */
export function settled<T>(run: () => T): Promise<T> {
  return platform.settled(run)
}
