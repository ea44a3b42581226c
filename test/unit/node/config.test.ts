import fc from 'fast-check'
import { expect, test } from 'vitest'
import { draftManifest } from '../../../src/attestation/manifest-draft.ts'
import { type CoterieError, UsageError } from '../../../src/base/errors.ts'
import { seconds } from '../../../src/base/time.ts'
import { completeConfig, hostOptionNames, parseSettings } from '../../../src/node/config.ts'
import { manifestOptions } from '../../../src/node/manifest-options.ts'
import type { OptionValue } from '../../../src/node/option-kinds.ts'
import {
  environmentNameOf,
  flagOf,
  type HostOption,
  hostOptions,
} from '../../../src/node/options.ts'
import { presetNames } from '../../../src/node/presets.ts'

const manifestEnvelope = new Uint8Array(2)

function refusal(action: () => unknown): CoterieError {
  try {
    action()
  } catch (error) {
    if (error instanceof UsageError) return error
    throw error
  }
  throw new Error('nothing was refused')
}

test('every row of the table is whole: scope, unit, reason, a flag and a variable of its own', () => {
  const rows = Object.entries({ ...hostOptions, ...manifestOptions })
  for (const [name, row] of rows) {
    expect(['host', 'manifest']).toContain(row.scope)
    expect(row.reason, name).toMatch(/^[A-Z`].*\.$/)
  }
  for (const name of hostOptionNames)
    expect(hostOptions[name].unit, name).toEqual(expect.any(String))
  const names = hostOptionNames.flatMap(name => [flagOf(name), environmentNameOf(name)])
  expect(new Set(names).size).toBe(2 * hostOptionNames.length)
  expect(flagOf('writeQueueMax')).toBe('--write-queue-max')
  expect(environmentNameOf('httpPort')).toBe('COTERIE_HTTP_PORT')
})

test('no option is decided by two, and the host decides nothing that protects', () => {
  for (const name of Object.keys(manifestOptions)) expect(hostOptions).not.toHaveProperty(name)
  const protective =
    /testnet|anchor|measurement|tcb|evidence|beat|lease|drift|public|client|role|right|quorum|threshold|identit/i
  for (const name of hostOptionNames) expect(name).not.toMatch(protective)
})

test('what the network decides stands where the table says, and nothing of a manifest is left out', () => {
  const set = { members: ['00'.repeat(32)], threshold: 1 }
  const draft = draftManifest({
    name: 'n',
    foundingNonce: 0,
    manifestSet: set,
    measurements: [],
    tcb: [],
  })
  // The only key that may be absent.
  const manifest = { ...draft, join: { ...draft.join, delegation: { k: 2 } } }
  const paths = Object.values(manifestOptions).map(({ path }) => path)
  for (const path of paths) expect(manifest).toHaveProperty(path)
  const own = new Set([
    'format',
    'nonce',
    'founding.nonce',
    'founding.manifestSet',
    'founding.shareSet',
    'namespace.quorumKey',
  ])
  const covered = (path: string): boolean =>
    own.has(path) || paths.some(known => path === known || path.startsWith(`${known}.`))
  const leaves = (value: unknown, path: string): string[] =>
    typeof value === 'object' && value !== null && !Array.isArray(value) && !covered(path)
      ? Object.entries(value).flatMap(([name, item]) =>
          leaves(item, path === '' ? name : `${path}.${name}`),
        )
      : [path]
  for (const path of leaves(manifest, '')) expect(covered(path), path).toBe(true)
})

test('every default of every preset is a value that the option itself takes', () => {
  for (const name of hostOptionNames) {
    const row: HostOption<OptionValue> = hostOptions[name]
    for (const preset of presetNames) {
      const given = row.kind.fromValue(row.defaults[preset])
      expect(row.kind.schema.safeParse(given).data, `${name} ${preset}`).toEqual(
        row.defaults[preset],
      )
    }
  }
  for (const preset of presetNames)
    expect(completeConfig({ preset, manifestEnvelope }).preset).toBe(preset)
})

test('flags beat the environment, which beats the file, which beats the preset; each says where it came from', () => {
  const file = { logLevel: 'warn', httpPort: 1, ackTimeout: '1s', preset: 'lan' }
  const environment = { COTERIE_LOG_LEVEL: 'error', COTERIE_HTTP_PORT: '2', PATH: '/bin' }
  const { settings, origins } = parseSettings({
    file,
    environment,
    flags: { logLevel: 'debug', listen: undefined },
  })
  expect(settings).toMatchObject({
    logLevel: 'debug',
    httpPort: 2,
    ackTimeout: 1000,
    preset: 'lan',
  })
  expect(settings.readyTimeout).toBe(hostOptions.readyTimeout.defaults.lan)
  expect(origins).toMatchObject({
    logLevel: 'flag',
    httpPort: 'environment',
    ackTimeout: 'file',
    readyTimeout: 'preset',
  })
})

test('an unknown name is an error that suggests the nearest one, in the way it was written', () => {
  const cases: readonly (readonly [() => unknown, string])[] = [
    [() => parseSettings({ flags: { htpPort: '1' } }), 'Did you mean --http-port?'],
    [
      () => parseSettings({ environment: { COTERIE_HTTP_PROT: '1' } }),
      'Did you mean COTERIE_HTTP_PORT?',
    ],
    [() => parseSettings({ file: { httpport: 1 } }), 'Did you mean "httpPort"?'],
    [() => parseSettings({ file: { announced: [] } }), 'Did you mean "announce"?'],
    [
      () => completeConfig({ manifestEnvelope, bootstraps: [] } as never),
      'Did you mean bootstrap?',
    ],
  ]
  for (const [action, next] of cases)
    expect(refusal(action)).toMatchObject({ code: 'UNKNOWN_OPTION', next })
  expect(refusal(() => parseSettings({ file: { zzzzzzzzzz: 1 } })).next).toContain('--help')
  for (const name of ['__proto__', 'constructor', 'toString', 'x'.repeat(100_000)]) {
    expect(refusal(() => parseSettings({ file: JSON.parse(`{"${name}":1}`) })).code).toBe(
      'UNKNOWN_OPTION',
    )
  }
})

test('a host that tries to decide for the network is told where that is decided', () => {
  for (const [name, { path }] of Object.entries(manifestOptions)) {
    for (const sources of [{ flags: { [name]: 'true' } }, { file: { [name]: true } }]) {
      const error = refusal(() => parseSettings(sources))
      expect(error.code).toBe('MANIFEST_OPTION')
      expect(error.next).toContain(path)
    }
  }
  expect(refusal(() => parseSettings({ environment: { COTERIE_TESTNET: 'true' } })).code).toBe(
    'MANIFEST_OPTION',
  )
})

test('a value of the wrong kind is refused with what the option takes', () => {
  const wrong: readonly (readonly [string, unknown])[] = [
    ['httpPort', '9000'],
    ['httpPort', 65_536],
    ['httpPort', -1],
    ['httpPort', 1.5],
    ['httpPort', null],
    ['httpHost', '0.0.0.0'],
    ['httpHost', 'localhost'],
    ['found', 'true'],
    ['found', 1],
    ['ackTimeout', 5000],
    ['ackTimeout', '5'],
    ['ackTimeout', '5 s'],
    ['ackTimeout', '-5s'],
    ['ackTimeout', '1ms'],
    ['ackTimeout', '100h'],
    ['listen', '/ip4/127.0.0.1/tcp/0'],
    ['listen', ['127.0.0.1:9600']],
    ['bootstrap', ['/ip4/1.2.3.4/tcp/1,/ip4/1.2.3.5/tcp/1']],
    ['preset', 'LAN'],
    ['logLevel', 'trace'],
    ['tee', 'none'],
    ['dataDir', 'a\0b'],
    ['httpHosts', ['*']],
    ['httpOrigins', ['null']],
    ['httpOrigins', ['*']],
  ]
  for (const [name, value] of wrong) {
    const error = refusal(() => parseSettings({ file: { [name]: value } }))
    expect(error.code, `${name} ${JSON.stringify(value)}`).toBe('BAD_OPTION')
    expect(error.message).toContain(`"${name}" (file)`)
  }
  for (const file of [[], 1, 'x', null]) {
    expect(refusal(() => parseSettings({ file })).code).toBe('BAD_CONFIG_FILE')
  }
})

test('text of flags and environment means what the file would say', () => {
  const { settings } = parseSettings({
    flags: {
      found: 'true',
      listen: '/ip4/127.0.0.1/tcp/1, /ip6/::1/tcp/2',
      bootstrap: '',
      foundWait: '250ms',
    },
    environment: { COTERIE_HTTP_PORT: '0', COTERIE_HTTP_HOSTS: 'Node-1.Internal' },
  })
  expect(settings).toMatchObject({
    found: true,
    listen: ['/ip4/127.0.0.1/tcp/1', '/ip6/::1/tcp/2'],
    bootstrap: [],
    foundWait: 250,
    httpPort: 0,
    httpHosts: ['node-1.internal'],
  })
})

test('options that contradict each other are refused in a sentence', () => {
  const contradictions: readonly (readonly [object, string])[] = [
    [{ listen: [] }, 'listen is empty'],
    [{ listen: ['/ip4/127.0.0.1/tcp/99999'] }, '65535'],
    [{ announce: ['/ip4/0.0.0.0/tcp/9600'] }, 'nobody can dial'],
    [{ bootstrap: ['/ip4/10.0.0.1/tcp/0'] }, 'nobody can dial'],
    [{ listen: ['/ip4/127.0.0.1/tcp/1/p2p/12D3KooW'] }, 'peer id'],
    [{ httpPort: 9600, listen: ['/ip4/127.0.0.1/tcp/9600'] }, 'one port'],
    [{ httpSocket: 'api.sock' }, 'relative'],
    [{ httpSocket: `/${'x'.repeat(107)}` }, '107'],
    [{ found: true, foundWait: '0ms', bootstrap: ['/ip4/127.0.0.1/tcp/1'] }, 'bootstrap'],
  ]
  for (const [file, words] of contradictions) {
    const error = refusal(() => parseSettings({ file }))
    expect(error.code).toBe('INCONSISTENT_CONFIG')
    expect(error.message).toContain(words)
    expect(error.next).not.toBe('')
  }
})

test('a configuration is complete and frozen to the bottom, and keeps nothing of what it was made from', () => {
  const listen = ['/ip4/127.0.0.1/tcp/0']
  const config = completeConfig({ listen, ackTimeout: seconds(3), manifestEnvelope })
  expect(Object.keys(config).sort()).toEqual([...hostOptionNames, 'manifestEnvelope'].sort())
  expect(config.ackTimeout).toBe(3000)
  listen.push('/ip4/127.0.0.1/tcp/1')
  expect(config.listen).toEqual(['/ip4/127.0.0.1/tcp/0'])
  expect(Object.isFrozen(config)).toBe(true)
  for (const value of Object.values(config)) {
    if (Array.isArray(value)) expect(Object.isFrozen(value)).toBe(true)
  }
  expect(refusal(() => completeConfig({ httpPort: '1', manifestEnvelope } as never)).code).toBe(
    'BAD_OPTION',
  )
})

test('no input at all makes anything but settings or a refusal', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...hostOptionNames),
      fc.anything(),
      fc.string(),
      (name, value, text) => {
        for (const sources of [
          { file: { [name]: value } },
          { flags: { [name]: text } },
          { file: value },
        ]) {
          try {
            parseSettings(sources)
          } catch (error) {
            expect(error).toBeInstanceOf(UsageError)
          }
        }
      },
    ),
    { numRuns: 3000 },
  )
})
