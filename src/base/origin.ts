/**
 * Where a connection comes from, as far as it can be held to account: an IPv4 address, or the /64 of an IPv6
 * address, because whoever has one address of a /64 has all of them (RFC 4291 §2.5.4, RFC 6177 §2).
 */

/** `192.0.2.1`, `2001:db8:1:2::/64`, or the empty text for anything that is no IP multiaddr. */
export function originOf(multiaddr: string): string {
  const [, family, address] = /^\/(ip4|ip6)\/([0-9a-fA-F.:]+)(?:\/|$)/.exec(multiaddr) ?? []
  if (address === undefined) return ''
  return family === 'ip4' ? address : originOfIp6(address)
}

function originOfIp6(text: string): string {
  const groups = groupsOf(text)
  if (groups === undefined) return ''
  // An IPv4 address in IPv6 clothes (RFC 4291 §2.5.5.2) is that address: or one host would have two budgets.
  if (groups.slice(0, 5).every(group => group === 0) && groups[5] === 0xffff) {
    const [high = 0, low = 0] = groups.slice(6)
    return [high >> 8, high & 255, low >> 8, low & 255].join('.')
  }
  const prefix = groups.slice(0, 4).map(group => group.toString(16))
  return `${prefix.join(':')}::/64`
}

/** The eight 16-bit groups of an IPv6 address. */
function groupsOf(text: string): readonly number[] | undefined {
  const halves = withoutDots(text).split('::')
  if (halves.length > 2) return undefined
  const [head = [], tail = []] = halves.map(half => (half === '' ? [] : half.split(':')))
  const missing = 8 - head.length - tail.length
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined
  const zeros = Array<string>(missing).fill('0')
  const groups = [...head, ...zeros, ...tail]
  if (!groups.every(group => /^[0-9a-fA-F]{1,4}$/.test(group))) return undefined
  return groups.map(group => Number.parseInt(group, 16))
}

/** `::ffff:192.0.2.1` as `::ffff:c000:201`. */
function withoutDots(text: string): string {
  const dotted = /^(.*:)(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)
  if (dotted === null) return text
  const [, head = '', ...bytes] = dotted
  const [a = 0, b = 0, c = 0, d = 0] = bytes.map(Number)
  return `${head}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`
}
