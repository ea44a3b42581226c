import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  compareManifests,
  encodeManifest,
  type Founding,
  manifestHash,
  mayFound,
  networkIdOf,
  parseManifest,
} from '../../../src/attestation/manifest.ts'
import { isRefusal } from '../../../src/attestation/verdict.ts'
import { fromUtf8, toHex, utf8 } from '../../../src/base/bytes.ts'
import { limits } from '../../../src/wire/limits.ts'
import {
  digest,
  judge,
  measurement,
  member,
  production,
  set,
  tcbRule,
  testnet,
  withFounding,
  withJoin,
} from '../../fixtures/manifests.ts'
import { parsed } from '../../fixtures/network.ts'

test('the drafts of a testnet and of a production network hold every rule', () => {
  expect(judge(testnet)).toBeUndefined()
  expect(judge(production)).toBeUndefined()
})

test('a draft writes the documented quotas out: 8 and 6, on a testnet 1,000', () => {
  expect(production.limits).toMatchObject({ liveIdentitiesPerInstance: 8, newIdentitiesPerHour: 6 })
  expect(testnet.limits).toMatchObject({
    liveIdentitiesPerInstance: 1000,
    newIdentitiesPerHour: 1000,
  })
})

test('layout and key order do not change the hash, any value does', () => {
  const hash = manifestHash(parsed(testnet))
  const reversed = Object.fromEntries(Object.entries(testnet).reverse())
  const pretty = parseManifest(utf8(JSON.stringify(reversed, null, 4)))
  expect(isRefusal(pretty) ? pretty : manifestHash(pretty)).toBe(hash)
  expect(manifestHash(parsed({ ...testnet, nonce: 1 }))).not.toBe(hash)
  expect(manifestHash(parsed(withJoin(testnet, { evidenceAgeMs: 1_000 })))).not.toBe(hash)
})

test('the canonical form of a manifest is what was hashed and parses to itself', () => {
  const bytes = encodeManifest(testnet)
  const again = parseManifest(bytes)
  expect(isRefusal(again) ? again : toHex(encodeManifest(again))).toBe(toHex(bytes))
  expect(fromUtf8(bytes)?.startsWith('{"api":{"clients":[]')).toBe(true)
})

test('the hash of a known manifest is fixed for ever', () => {
  // Computed with Python's json and hashlib from the sorted document, apart from this code.
  expect(manifestHash(parsed(testnet))).toBe(
    '8ccd388e351f8adfe41bd37a5bed54776faf0bf00f1865de5ff5b447d54b389b',
  )
  expect(networkIdOf(testnet.founding)).toBe(
    '7649b0f2498fce956416703e35d71798e20bd5c8f8cece0762d2616f4b21bc04',
  )
})

test('the network id hangs on every field of the founding block and on nothing else', () => {
  const id = networkIdOf(testnet.founding)
  const others: Partial<Founding>[] = [
    { name: 'other' },
    { nonce: 8 },
    { manifestSet: set(3, 3) },
    { shareSet: set(2, 2) },
    { testnet: false },
    { anchors: [] },
    { founders: { instances: [digest(1)], owners: [] } },
  ]
  const ids = others.map(change => networkIdOf({ ...testnet.founding, ...change }))
  expect(new Set([id, ...ids]).size).toBe(others.length + 1)
  expect(Object.keys(testnet.founding).sort()).toEqual(
    others.flatMap(change => Object.keys(change)).sort(),
  )
  expect(networkIdOf(parsed({ ...testnet, nonce: 9 }).founding)).toBe(id)
})

test.each([
  ['a misspelt key', { ...testnet, nonse: 1 }, 'nonse', 'nonce'],
  ['a key in another case', { ...testnet, NONCE: 1 }, 'NONCE', 'nonce'],
  ['a key like nothing', { ...testnet, zzzzzzzzzz: 1 }, 'zzzzzzzzzz', ''],
])('%s is refused with the nearest key', (_, manifest, key, nearest) => {
  expect(judge(manifest)).toMatchObject({ code: 'MANIFEST_KEY_UNKNOWN', facts: { key, nearest } })
})

test('an unknown key deep inside names its place', () => {
  const manifest = withJoin(testnet, { pinz: [] } as object)
  const refusal = judge(manifest)
  expect(refusal).toMatchObject({ facts: { path: 'manifest.join', nearest: 'pins' } })
  expect(refusal?.facts['reason']).toBe(
    'manifest.join has an unknown key "pinz". Did you mean "pins"?',
  )
})

test('an unknown key with terminal escapes is not repeated raw', () => {
  const refusal = judge({ ...testnet, '\u001b[31mred\u202e': 1 })
  expect(refusal?.facts['key']).toBe('?[31mred?')
})

test('keys that JavaScript objects inherit are unknown like any other', () => {
  const text = JSON.stringify(testnet).replace('{', '{"__proto__":{"nonce":5},')
  expect(parseManifest(utf8(text))).toMatchObject({ code: 'MANIFEST_KEY_UNKNOWN' })
  expect(judge({ ...testnet, constructor: 1 })).toMatchObject({ code: 'MANIFEST_KEY_UNKNOWN' })
  const registers = { constructor: '11'.repeat(48), measurement: '11'.repeat(48) }
  const inherited = withJoin(testnet, { measurements: [{ ...measurement, registers }] })
  expect(judge(inherited)).toMatchObject({ code: 'REGISTER_UNKNOWN' })
})

test('every key must be written out, at every depth', () => {
  const missing = keyPaths(testnet).filter(path => {
    const copy = structuredClone(testnet)
    removeAt(copy, path)
    return judge(copy)?.code !== 'MANIFEST_KEY_MISSING'
  })
  // The entries of dictionaries are the author's to choose.
  expect(missing.map(path => path.join('.'))).toEqual([
    'join.measurements.0.registers.measurement',
    'join.tcb.0.minimum.snp',
  ])
})

test('a key that stands twice is refused, also when spelt with escapes', () => {
  const plain = JSON.stringify(testnet)
  for (const twice of ['"nonce":0,', '"n\\u006fnce":0,', '"nonce" \n:0,']) {
    const refusal = parseManifest(utf8(plain.replace('{', `{${twice}`)))
    expect(refusal).toMatchObject({ code: 'MANIFEST_KEY_TWICE', facts: { key: 'nonce' } })
  }
})

test('one key in two objects, and a string that looks like a key, stand alone', () => {
  const manifest = {
    ...testnet,
    pivot: { hash: digest(1), restart: 'never', args: ['{"a":1,"a":2}', '"a":', '\\"nonce":'] },
  }
  expect(judge(manifest)).toBeUndefined()
})

test.each([
  ['no JSON', utf8('{"format":1,'), 'MANIFEST_NOT_JSON'],
  ['no UTF-8', Uint8Array.of(0x7b, 0xff, 0x7d), 'MANIFEST_NOT_JSON'],
  ['nothing', new Uint8Array(), 'MANIFEST_NOT_JSON'],
  ['too much', new Uint8Array(limits.manifestBytesMax + 1).fill(0x20), 'MANIFEST_TOO_LARGE'],
  ['a list', utf8('[]'), 'MANIFEST_BAD_VALUE'],
  ['null', utf8('null'), 'MANIFEST_BAD_VALUE'],
  ['deep nesting', utf8(`${'['.repeat(30_000)}${']'.repeat(30_000)}`), 'MANIFEST_BAD_VALUE'],
])('%s is refused', (_, bytes, code) => {
  expect(parseManifest(bytes)).toMatchObject({ code })
})

test.each<[string, unknown]>([
  ['a fraction', { ...testnet, nonce: 0.5 }],
  ['a negative nonce', { ...testnet, nonce: -1 }],
  ['a nonce beyond 53 bits', { ...testnet, nonce: 2 ** 53 }],
  ['a nonce as text', { ...testnet, nonce: '1' }],
  ['another format', { ...testnet, format: 2 }],
  ['a flag as a number', withFounding(testnet, { testnet: 1 } as object)],
  ['a name with capitals', withFounding(testnet, { name: 'Unit' })],
  ['a name that ends in a newline', withFounding(testnet, { name: 'unit\n' })],
  [
    'a key in upper case',
    { ...testnet, manifestSet: { members: ['AB'.repeat(32)], threshold: 1 } },
  ],
  [
    'a member twice',
    { ...testnet, manifestSet: { members: [member(1), member(1)], threshold: 2 } },
  ],
  [
    'members not rising',
    { ...testnet, manifestSet: { members: [member(2), member(1)], threshold: 2 } },
  ],
  ['an empty set', { ...testnet, manifestSet: { members: [], threshold: 0 } }],
  [
    'an unknown platform',
    withJoin(testnet, { measurements: [{ ...measurement, platform: 'tpm' }] } as object),
  ],
  [
    'the status Revoked',
    withJoin(testnet, { tcb: [{ ...tcbRule, allowed: ['Revoked'] }] } as object),
  ],
  [
    'a date that does not exist',
    withJoin(testnet, { measurements: [{ ...measurement, validFrom: '2026-02-30T00:00:00Z' }] }),
  ],
  [
    'a date with a zone',
    withJoin(testnet, {
      measurements: [{ ...measurement, validFrom: '2026-02-03T00:00:00+01:00' }],
    }),
  ],
  ['eight voters', { ...testnet, committee: { n: 8, r: 0, diversity: 1 } }],
  ['a lone surrogate', { ...testnet, api: { ...testnet.api, publicPrefixes: ['\ud800'] } }],
  [
    'a lease of more than ten minutes',
    { ...testnet, liveness: { ...testnet.liveness, leaseMs: 600_001 } },
  ],
])('%s is a bad value', (_, manifest) => {
  const refusal = judge(manifest)
  expect(refusal?.code).toBe('MANIFEST_BAD_VALUE')
  expect(refusal?.facts['reason']).toMatch(/^manifest.* must be .*\.$/)
})

test('manifests compare by nonce; one nonce with two hashes is equivocation', () => {
  const mark = { nonce: 4, hash: digest(1) }
  expect(compareManifests(mark, { nonce: 3, hash: digest(2) })).toBe('lower')
  expect(compareManifests(mark, { nonce: 5, hash: digest(2) })).toBe('higher')
  expect(compareManifests(mark, { nonce: 4, hash: digest(1) })).toBe('equal')
  expect(compareManifests(mark, { nonce: 4, hash: digest(2) })).toBe('equivocation')
})

test('only listed machines and owners found a network, on a testnet anybody', () => {
  const founding: Founding = {
    ...production.founding,
    founders: { instances: [digest(1)], owners: [member(9)] },
  }
  expect(mayFound(founding, { instance: digest(1), owner: null })).toBe(true)
  expect(mayFound(founding, { instance: digest(2), owner: member(9) })).toBe(true)
  expect(mayFound(founding, { instance: digest(2), owner: member(8) })).toBe(false)
  expect(mayFound(founding, { instance: digest(2), owner: null })).toBe(false)
  expect(mayFound(testnet.founding, { instance: digest(2), owner: null })).toBe(true)
})

test('any JSON at all is parsed or refused, never thrown at', () => {
  fc.assert(
    fc.property(fc.json(), json => {
      expect(isRefusal(parseManifest(utf8(json)))).toBe(true)
    }),
  )
  const keys = fc.constantFrom(...keyPaths(testnet))
  fc.assert(
    fc.property(keys, fc.jsonValue(), (path, value) => {
      const copy = structuredClone(testnet)
      setAt(copy, path, value)
      const result = parseManifest(utf8(JSON.stringify(copy)))
      if (!isRefusal(result))
        expect(toHex(encodeManifest(result))).toBe(toHex(encodeManifest(copy)))
    }),
  )
})

type Path = readonly (string | number)[]

function keyPaths(value: unknown, path: Path = []): Path[] {
  if (Array.isArray(value)) return value.flatMap((each, i) => keyPaths(each, [...path, i]))
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, each]) => [
    [...path, key],
    ...keyPaths(each, [...path, key]),
  ])
}

function removeAt(value: object, path: Path): void {
  const parent = path.slice(0, -1).reduce((each, key) => each[key as keyof typeof each], value)
  delete parent[path.at(-1) as keyof typeof parent]
}

function setAt(value: object, path: Path, item: unknown): void {
  const parent = path.slice(0, -1).reduce((each, key) => each[key as keyof typeof each], value)
  parent[path.at(-1) as keyof typeof parent] = item as never
}
