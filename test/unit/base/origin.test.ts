import { expect, test } from 'vitest'
import { originOf } from '../../../src/base/origin.ts'

test.each([
  ['/ip4/192.0.2.1/tcp/9600', '192.0.2.1'],
  ['/ip4/192.0.2.1/tcp/9600/p2p/12D3Koo', '192.0.2.1'],
  ['/ip6/2001:db8:1:2:3:4:5:6/tcp/1', '2001:db8:1:2::/64'],
  ['/ip6/2001:db8:1:2::9/tcp/1', '2001:db8:1:2::/64'],
  ['/ip6/2001:DB8:1:2::9/tcp/1', '2001:db8:1:2::/64'],
  ['/ip6/2001:0db8:0001:0002::/tcp/1', '2001:db8:1:2::/64'],
  ['/ip6/::1/tcp/1', '0:0:0:0::/64'],
  ['/ip6/::ffff:192.0.2.1/tcp/1', '192.0.2.1'],
  ['/ip6/::ffff:c000:201/tcp/1', '192.0.2.1'],
  ['/dns4/example.org/tcp/1', ''],
  ['/memory/3', ''],
  ['/ip6/1:2:3/tcp/1', ''],
  ['/ip6/1::2::3/tcp/1', ''],
  ['', ''],
])('%s comes from "%s"', (address, origin) => {
  expect(originOf(address)).toBe(origin)
})
