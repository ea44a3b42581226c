import { beforeEach, describe, expect, test } from 'vitest'
import type { CustodyManifest } from '../../../../src/attestation/custody/custody-manifest.ts'
import { bootReportData } from '../../../../src/attestation/custody/genesis-output.ts'
import { exportKey, exportMessage } from '../../../../src/attestation/custody/transfers.ts'
import { toHex } from '../../../../src/base/bytes.ts'
import type { Digest } from '../../../../src/base/ids.ts'
import { Secret } from '../../../../src/base/secret.ts'
import { QuorumKeys } from '../../../../src/crypto/quorum-keys.ts'
import { bootAttestationCodec, keyExportCodec } from '../../../../src/wire/custody.ts'
import { random } from '../../../fakes/custody-people.ts'
import {
  attestationOf,
  type Ceremony,
  exportTo,
  inJson,
  provisioned,
} from '../../../fakes/custody-stages.ts'
import {
  CustodyWorld,
  type Outcome,
  openCharter,
  seedOf,
  type WorldNode,
} from '../../../fakes/custody-world.ts'

let world: CustodyWorld
let from: WorldNode
let ceremony: Ceremony
let manifest: CustodyManifest
/** The envelope as genesis gave it, without approvals: what people have in their hands. */
let bare: Uint8Array

beforeEach(async () => {
  world = new CustodyWorld()
  const first = await provisioned(world, 'tee1')
  from = first.node
  ceremony = first.ceremony
  manifest = ceremony.genesis.envelope.manifest
  bare = inJson(manifest)
  // By hand: nothing comes by itself.
  world.fate = (_, { kind }) => (kind === 'ask' ? 'fail' : 'pass')
})

const waiting = async (name: string, envelope = bare): Promise<WorldNode> => {
  const node = world.boot(name)
  await world.call(node, { kind: 'shareManifest', envelope })
  return node
}

const phaseOf = (node: WorldNode) => node.custody.view().phase

function keyOf(outcome: Outcome | undefined) {
  if (outcome?.kind !== 'exported') throw new Error(`not exported: ${JSON.stringify(outcome)}`)
  return { exported: outcome.exported, signature: outcome.signature }
}

const holdsKey = (node: WorldNode): string | undefined => {
  const keys = node.custody.lend('use-key')
  return 'code' in keys ? undefined : toHex(keys.publicKey)
}

describe('by hand', () => {
  test('the key goes on from node to node, and each hands it on as the first did', async () => {
    let holder = from
    for (const name of ['tee2', 'tee3', 'tee4']) {
      const next = await waiting(name)
      expect(phaseOf(next)).toBe('WaitingForForwardedKey')
      const key = keyOf(await exportTo(world, holder, { to: next, envelope: bare }))
      expect(phaseOf(holder)).toBe('ApplicationReady')
      const answer = await world.call(next, { kind: 'injectKey', ...key })
      expect(answer).toMatchObject({ kind: 'keyInjected', quorumKey: ceremony.genesis.quorumKey })
      expect(holdsKey(next)).toBe(ceremony.genesis.quorumKey)
      holder = next
    }
    expect(world.unwiped()).toBe(0)
  })

  test('what crosses over is no secret: the seed and its words stand nowhere in it', async () => {
    const to = await waiting('tee2')
    const { exported, signature } = keyOf(await exportTo(world, from, { to, envelope: bare }))
    const seed = seedOf(from)?.use(toHex) ?? ''
    expect(seed).toHaveLength(64)
    for (const bytes of [exported, signature]) expect(toHex(bytes)).not.toContain(seed)
    const all = JSON.stringify(
      world.nodes.map(({ log }) => log),
      (_, value) => (value instanceof Uint8Array ? toHex(value) : value),
    )
    expect(all).not.toContain(seed)
  })

  test('a later manifest of the same key and holders is handed the key too', async () => {
    const later = { ...manifest, namespace: { ...manifest.namespace, nonce: 12346 } }
    const to = await waiting('tee2', inJson(later))
    const approved = inJson(later, ceremony.holders)
    const key = keyOf(await exportTo(world, from, { to, envelope: approved }))
    expect(await world.call(to, { kind: 'injectKey', ...key })).toMatchObject({
      kind: 'keyInjected',
    })
    // And it goes back to nobody under the older one.
    const old = await waiting('tee3')
    expect(
      await exportTo(world, to, { to: old, envelope: inJson(manifest, ceremony.holders) }),
    ).toMatchObject({ code: 'LOW_NONCE' })
  })

  test('the same key and the same manifest once more change nothing and are no error', async () => {
    const to = await waiting('tee2')
    const key = keyOf(await exportTo(world, from, { to, envelope: bare }))
    await world.call(to, { kind: 'injectKey', ...key })
    expect(await world.call(to, { kind: 'injectKey', ...key })).toMatchObject({
      kind: 'keyInjected',
    })
    expect(await world.call(to, { kind: 'shareManifest', envelope: bare })).toMatchObject({
      kind: 'booted',
    })
    expect(holdsKey(to)).toBe(ceremony.genesis.quorumKey)
    expect(world.unwiped()).toBe(0)
    const other = inJson({ ...manifest, shares: manifest.shares.toReversed() }, ceremony.holders)
    expect(await world.call(to, { kind: 'shareManifest', envelope: other })).toMatchObject({
      code: 'DIFFERENT_MANIFEST',
    })
  })
})

describe('an export is refused, changes no phase, and the next one is heard', () => {
  const set = (members: CustodyManifest['manifestSet']) => ({ ...manifest, manifestSet: members })
  const named = (change: Partial<CustodyManifest['namespace']>) => ({
    ...manifest,
    namespace: { ...manifest.namespace, ...change },
  })
  const next = (change: () => CustodyManifest) => async (): Promise<Outcome | undefined> => {
    const to = await waiting('tee2', inJson(change()))
    const envelope = inJson(change(), ceremony.holders)
    return exportTo(world, from, { to, envelope })
  }
  const spoiled = async (spoil: (to: WorldNode) => void): Promise<Outcome | undefined> => {
    const to = await waiting('tee2')
    const attestation = await attestationOf(world, to)
    spoil(to)
    return world.call(from, { kind: 'exportKey', envelope: bare, attestation })
  }
  const shown = async (
    change: (
      made: ReturnType<typeof bootAttestationCodec.decode>,
      to: WorldNode,
    ) => Partial<ReturnType<typeof bootAttestationCodec.decode>>,
  ): Promise<Outcome | undefined> => {
    const to = await waiting('tee2')
    const made = bootAttestationCodec.decode(await attestationOf(world, to))
    const attestation = bootAttestationCodec.encode({ ...made, ...change(made, to) })
    return world.call(from, { kind: 'exportKey', envelope: bare, attestation })
  }

  const attacks: Record<string, () => Promise<Outcome | undefined>> = {
    LOW_NONCE: next(() => named({ nonce: 12344 })),
    DIFFERENT_MANIFEST: next(() => ({ ...manifest, shares: manifest.shares.toReversed() })),
    DIFFERENT_MANIFEST_SET: next(() => set({ ...manifest.manifestSet, threshold: 3 })),
    DIFFERENT_NAMESPACE: next(() => named({ name: 'another' })),
    DIFFERENT_QUORUM_KEY: next(() => named({ quorumKey: `04${'cd'.repeat(129)}` })),
    NOT_APPROVED: async () => {
      // As a host would have it: a manifest of its own making, with the approvals of the other one.
      const later = named({ nonce: 12346 })
      const to = await waiting('tee2', inJson(later))
      const { approvals } = from.custody.envelope ?? { approvals: [] }
      const envelope = new TextEncoder().encode(JSON.stringify({ manifest: later, approvals }))
      return exportTo(world, from, { to, envelope })
    },
    MANIFEST_NOT_JSON: async () =>
      exportTo(world, from, { to: await waiting('tee2'), envelope: new Uint8Array(3) }),
    ATTESTATION_MALFORMED: async () =>
      world.call(from, { kind: 'exportKey', envelope: bare, attestation: new Uint8Array(9) }),
    'NOT_A_MEMBER stranger': () =>
      spoiled(to => {
        to.isMember = false
      }),
    'NOT_A_MEMBER itself': async () => {
      const attestation = await attestationOf(world, from)
      return world.call(from, { kind: 'exportKey', envelope: bare, attestation })
    },
    'NOT_A_MEMBER removed while it was asked': async () => {
      const to = await waiting('tee2')
      world.fate = (_, { kind }) => {
        if (kind === 'stepUp') to.isMember = false
        return 'pass'
      }
      return exportTo(world, from, { to, envelope: bare })
    },
    DIFFERENT_OWNER: () =>
      spoiled(to => {
        to.owner = 'somebody else'
      }),
    'EVIDENCE_REFUSED made up': () =>
      shown(({ evidence }) => ({
        evidence: { ...evidence, body: evidence.body.map(byte => byte ^ 1) },
      })),
    'EVIDENCE_REFUSED of another machine': () =>
      shown((_, to) => {
        const about = bootReportData('simulated', to.id, to.custody.view().manifest!)
        return { evidence: world.quoteOf(world.boot('elsewhere'), about) }
      }),
    'EVIDENCE_REFUSED about another manifest': () =>
      shown((_, to) => {
        const about = bootReportData('simulated', to.id, 'ab'.repeat(32) as Digest)
        return { evidence: world.quoteOf(to, about) }
      }),
    'EVIDENCE_REFUSED for other keys': () =>
      shown(({ record }) => {
        // A man in the middle would have the key sealed to itself.
        const kem = world.boot('middle').record.keys.kem
        return { record: { ...record, keys: { ...record.keys, kem } } }
      }),
    MANIFEST_MISMATCH: () => shown(() => ({ manifest: new Uint8Array(32) })),
    'NOT_FRESH gone': () => spoiled(to => world.kill(to)),
    'NOT_FRESH refuses': async () => {
      world.fate = (_, { kind }) => (kind === 'stepUp' || kind === 'ask' ? 'fail' : 'pass')
      return exportTo(world, from, { to: await waiting('tee2'), envelope: bare })
    },
    ISOLATED: () =>
      spoiled(() => {
        world.lease = 'isolated'
      }),
    MANIFEST_EQUIVOCATION: () =>
      spoiled(() => {
        world.rival = 'cd'.repeat(32) as Digest
      }),
    QUORUM_KEY_NOT_CHARTERED: () =>
      spoiled(() => {
        const manifestFlaw = () => ({ code: 'QUORUM_KEY_NOT_CHARTERED', facts: {}, next: '' })
        world.charter = { ...openCharter, manifestFlaw }
      }),
  }

  test.each(Object.entries(attacks))('%s', async (name, attack) => {
    const outcome = await attack()
    const [code] = name.split(' ')
    expect(outcome).toMatchObject({ code, facts: {}, next: expect.any(String) })
    // Nobody is asked for a fresh quote before all the rest is right.
    const isLate = /NOT_FRESH|ISOLATED|EQUIVOCATION|while it was asked/.test(name)
    expect(from.log.some(({ kind }) => kind === 'stepUp')).toBe(isLate)
    expect(phaseOf(from)).toBe('ApplicationReady')
    world.lease = 'held'
    world.rival = null
    world.charter = openCharter
    world.fate = (_, { kind }) => (kind === 'ask' ? 'fail' : 'pass')
    const good = await waiting('good')
    expect(await exportTo(world, from, { to: good, envelope: bare })).toMatchObject({
      kind: 'exported',
    })
    expect(world.unwiped()).toBe(0)
  })

  test.each(['appraise', 'stepUp'] as const)('an answer to %s that never comes', async kind => {
    const to = await waiting('tee2')
    const attestation = await attestationOf(world, to)
    world.fate = (_, effect) => {
      if (effect.kind === kind) return 'lose'
      return effect.kind === 'ask' ? 'fail' : 'pass'
    }
    const call = { kind: 'exportKey', envelope: bare, attestation } as const
    const request = world.begin(from, call)
    // One at a time for one node: nobody makes this one work for the same twice.
    expect(await world.call(from, call)).toMatchObject({ code: 'BUSY' })
    await world.pass(31_000)
    expect(world.outcome(request)).toMatchObject({
      code: kind === 'appraise' ? 'EVIDENCE_REFUSED' : 'NOT_FRESH',
      facts: { cause: 'TIMEOUT' },
    })
  })

  test('more exports at once than there may be', async () => {
    world.fate = (_, { kind }) => (kind === 'stepUp' ? 'lose' : kind === 'ask' ? 'fail' : 'pass')
    const all: (Outcome | undefined)[] = []
    for (let i = 0; i < 9; i++) {
      const to = await waiting(`tee${i}`)
      all.push(await exportTo(world, from, { to, envelope: bare }))
    }
    expect(all.slice(0, 8)).toEqual(new Array(8).fill(undefined))
    expect(all[8]).toMatchObject({ code: 'BUSY' })
  })
})

describe('a key that comes is refused, and the right one is taken after it', () => {
  /** The key for `to`, with what an attacker changed and signed anew as far as it can. */
  const forged = async (
    to: WorldNode,
    change: (
      exported: ReturnType<typeof keyExportCodec.decode>,
    ) => Partial<ReturnType<typeof keyExportCodec.decode>>,
    { signsAs }: { signsAs?: QuorumKeys } = {},
  ) => {
    const { exported, signature } = keyOf(await exportTo(world, from, { to, envelope: bare }))
    const read = keyExportCodec.decode(exported)
    const changed = keyExportCodec.encode({ ...read, ...change(read) })
    return { exported: changed, signature: signsAs?.sign(exportMessage(changed)) ?? signature }
  }
  const quorum = (): QuorumKeys => {
    const keys = from.custody.lend('use-key')
    if ('code' in keys) throw new Error('the first node holds the key')
    return keys
  }
  const foreign = (): QuorumKeys => QuorumKeys.of(new Secret(new Uint8Array(32).fill(66)))!

  const attacks: Record<
    string,
    (to: WorldNode) => Promise<{ exported: Uint8Array; signature: Uint8Array }>
  > = {
    EXPORT_MALFORMED: async () => ({ exported: new Uint8Array(5), signature: new Uint8Array(64) }),
    'EXPORT_SIGNATURE_INVALID none': async to => ({
      ...(await forged(to, () => ({}))),
      signature: new Uint8Array(64),
    }),
    'EXPORT_SIGNATURE_INVALID of another quorum': to =>
      forged(to, () => ({}), { signsAs: foreign() }),
    'EXPORT_SIGNATURE_INVALID changed': to => forged(to, () => ({ sealed: new Uint8Array(48) })),
    KEY_FOR_ANOTHER_NODE: async () => {
      const other = await waiting('tee3')
      return forged(other, () => ({}))
    },
    MANIFEST_MISMATCH: to =>
      forged(to, () => ({ manifest: new Uint8Array(32) }), { signsAs: quorum() }),
    KEY_UNREADABLE: to => forged(to, () => ({ sealed: new Uint8Array(48) }), { signsAs: quorum() }),
    NOT_APPROVED: to => forged(to, () => ({ approvals: [] }), { signsAs: quorum() }),
    'NOT_APPROVED by strangers': to =>
      forged(
        to,
        ({ approvals }) => ({
          approvals: approvals.map(({ alias }) => ({
            alias,
            signature: new Uint8Array(64).fill(1),
          })),
        }),
        { signsAs: quorum() },
      ),
    'NOT_APPROVED by one, twice': to =>
      forged(to, ({ approvals }) => ({ approvals: [approvals[0]!, approvals[0]!] }), {
        signsAs: quorum(),
      }),
    KEY_MISMATCH: async to => {
      // Whoever holds the key signs, yet hands over another one.
      const made = exportKey(new Secret(new Uint8Array(32).fill(66)), {
        manifest: to.custody.view().manifest!,
        from: from.id,
        to: { node: to.id, kemKey: to.record.keys.kem },
        approvals: keyExportCodec.decode(
          keyOf(await exportTo(world, from, { to, envelope: bare })).exported,
        ).approvals,
        random,
      })!
      const exported = keyExportCodec.encode(made)
      return { exported, signature: quorum().sign(exportMessage(exported)) }
    },
  }

  test.each(Object.entries(attacks))('%s', async (name, attack) => {
    const to = await waiting('tee2')
    const wrong = await attack(to)
    const [code] = name.split(' ')
    expect(await world.call(to, { kind: 'injectKey', ...wrong })).toMatchObject({ code })
    expect(phaseOf(to)).toBe('WaitingForForwardedKey')
    expect(world.unwiped()).toBe(0)
    const right = keyOf(await exportTo(world, from, { to, envelope: bare }))
    expect(await world.call(to, { kind: 'injectKey', ...right })).toMatchObject({
      kind: 'keyInjected',
    })
    expect(world.unwiped()).toBe(0)
  })

  test('a key exported for a node that died is of no use to the one that came after it', async () => {
    const to = await waiting('tee2')
    const key = keyOf(await exportTo(world, from, { to, envelope: bare }))
    world.kill(to)
    const reborn = await waiting('tee2')
    expect(await world.call(reborn, { kind: 'injectKey', ...key })).toMatchObject({
      code: 'KEY_FOR_ANOTHER_NODE',
    })
  })
})
