import { afterEach, expect, test } from 'vitest'
import { Mutant, type Mutation } from './mutant.ts'

let mutant: Mutant | undefined
afterEach(() => mutant?.discard())

const protections: Readonly<Record<string, readonly Mutation[]>> = {
  'relayed-evidence-refused': [
    {
      file: 'src/host/net/handshake-proof.ts',
      before: "if (!holds) throw refusal('BINDER_MISMATCH')",
      after: 'void holds',
    },
  ],
  'wrong-measurement-refused': [
    {
      file: 'src/attestation/judgement.ts',
      before: 'const [register] = differing',
      after: 'const [register] = differing.slice(differing.length)',
    },
  ],
  'removed-node-excluded': [
    {
      file: 'src/protocol/membership/removal-set.ts',
      before: "if (this.#nodes.has(subject.node)) return 'identity'",
      after: 'if (this.#nodes !== undefined) return undefined',
    },
  ],
  'no-plaintext-inside-links': [
    {
      file: 'src/wire/sealing.ts',
      before: 'return this.#key.seal(context, padded)',
      after: 'return Uint8Array.from([...context.prefix, ...padded, ...new Uint8Array(tagBytes)])',
    },
    {
      file: 'src/wire/sealing.ts',
      before: 'const padded = key.open(context, bytes.subarray(headerBytes))',
      after: 'const padded = context && bytes.slice(headerBytes, -tagBytes)',
    },
  ],
}

test('the unbroken copy keeps every promise that the broken ones are tried on', async () => {
  mutant = await Mutant.make([])
  const { code, report } = await mutant.check(Object.keys(protections))
  expect(report.checks.filter(check => !check.ok)).toEqual([])
  expect(report.checks.map(check => check.name).sort()).toEqual(Object.keys(protections).sort())
  expect(code).toBe(0)
})

test.each(Object.entries(protections))(
  '%s fails when what protects it is broken',
  async (name, mutations) => {
    mutant = await Mutant.make(mutations)
    const { code, report } = await mutant.check([name])
    expect(code).toBe(1)
    expect(report.ok).toBe(false)
    expect(report.checks.find(check => check.name === name)?.ok).toBe(false)
  },
)

test.each([
  [
    'test/unit/node/inbox.test.ts',
    'a signed delta of a member is delivered once and its replay is ignored',
  ],
  [
    'test/unit/wire/replay-window.test.ts',
    'a replayed sequence is refused: the window is switched on',
  ],
])('%s fails by name when the replay window is off', async (file, name) => {
  mutant = await Mutant.make([
    {
      file: 'src/wire/replay-window.ts',
      before: "  if (sequence > marks.highest) return 'fresh'\n",
      after: "  if (sequence >= 0 || marks) return 'fresh'\n",
    },
  ])
  const { passed, output } = await mutant.test(file)
  expect(passed).toBe(false)
  expect(output).toMatch(new RegExp(`(FAIL|×).*${name}`))
})

test.each([
  [
    'a page may bring what was seen removed',
    {
      file: 'src/protocol/replica/merge.ts',
      before: 'if (isPrunable && hasSeen && entry.ms < floor && !map.holds(entry)) return',
      after: 'void [isPrunable, hasSeen]',
    },
  ],
  [
    'nothing is dropped that a listing lacks',
    {
      file: 'src/protocol/replica/prune.ts',
      before: 'return peer.hasSeen(entry.author, entry.sequence)',
      after: 'return peer.hasSeen(entry.author, entry.sequence) && false',
    },
  ],
])('no way of pulling keeps a pruned removal where %s', async (_, mutation) => {
  mutant = await Mutant.make([mutation])
  const { passed, output } = await mutant.test('test/unit/protocol/replica/pruned.test.ts')
  expect(passed).toBe(false)
  for (const way of ['by sketch', 'by a snapshot', 'by cursor', 'by the listing']) {
    expect(output).toMatch(new RegExp(`(FAIL|×).*a pruned removal stays removed ${way}`))
  }
})
