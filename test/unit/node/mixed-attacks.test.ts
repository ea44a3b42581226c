/** Hosts of real platforms whose evidence is genuine and not theirs to show: whole nodes in a mixed network, over the real handshake. */
import { afterEach, expect, test } from 'vitest'
import { fromHex } from '../../../src/base/bytes.ts'
import { seconds } from '../../../src/base/time.ts'
import type { Host } from '../../../src/host/port.ts'
import type { Evidence } from '../../../src/wire/evidence.ts'
import { isWhole, type SimulatedNode, Simulation } from '../../fakes/simulation.ts'
import { attesterOn, mixedNetwork, on, simulated } from '../../fixtures/mixed-network.ts'
import {
  type MachineForm,
  type RealPlatform,
  realPlatforms,
} from '../../fixtures/mixed-platforms.ts'
import { nextManifest } from '../../fixtures/network.ts'

let simulation: Simulation
afterEach(() => simulation.stop())

/** A TEE whose host keeps what it quoted, and may answer in its place. */
class Tapped {
  readonly quoted: Evidence[] = []
  answer: ((reportData: Uint8Array, host: Host) => Promise<Evidence>) | undefined
  readonly #platform: RealPlatform
  readonly #form: MachineForm

  constructor(platform: RealPlatform, form: MachineForm = {}) {
    this.#platform = platform
    this.#form = form
  }

  /** Puts a node on it. */
  readonly host = (host: Host): Host => {
    const honest = on(this.#platform, this.#form)(host)
    const quote: Host['attester']['quote'] = async (reportData, signal) => {
      if (this.answer !== undefined) return await this.answer(reportData, host)
      const evidence = await honest.attester.quote(reportData, signal)
      this.quoted.push(evidence)
      return evidence
    }
    return { ...honest, attester: { platform: this.#platform, quote } }
  }

  /** From now on it shows this, whatever it is asked for. */
  show(evidence: Evidence): void {
    this.answer = async () => evidence
  }

  /** From now on another machine quotes what this one is asked for. */
  divert(machine: number): void {
    this.answer = (reportData, host) =>
      attesterOn(this.#platform, { machine }, host).quote(reportData, new AbortController().signal)
  }

  get first(): Evidence {
    return quoteAt(this, 0)
  }

  get last(): Evidence {
    return quoteAt(this, -1)
  }
}

function quoteAt({ quoted }: Tapped, index: number): Evidence {
  const evidence = quoted.at(index)
  if (evidence === undefined) throw new Error('it was asked for a quote')
  return evidence
}

interface Pair {
  readonly founder: SimulatedNode
  readonly honest: SimulatedNode
  /** What `honest` runs on. */
  readonly tee: Tapped
}

/** A founder on a simulated machine, and a node on `platform`. */
async function startPair(seed: number, platform: RealPlatform): Promise<Pair> {
  simulation = new Simulation(seed, mixedNetwork(`attacks ${seed} ${platform}`))
  const founder = await simulation.start('founder', { found: true, host: simulated })
  const tee = new Tapped(platform)
  const honest = await simulation.start('honest', { host: tee.host })
  await simulation.until(() => [founder, honest].every(({ node }) => isWhole(node, 2)))
  return { founder, honest, tee }
}

/** The codes with which `judge` itself turned `stranger` away. */
const codesOf = (judge: SimulatedNode, stranger: SimulatedNode): ReadonlySet<string> =>
  new Set(
    judge.node
      .refusals()
      .filter(({ by, node }) => by === 'me' && node === stranger.node.id)
      .map(({ code }) => code),
  )

/** What a member says to a fresh quote of another, asked for now. */
async function stepUp(judge: SimulatedNode, member: SimulatedNode): Promise<string> {
  const { signal } = new AbortController()
  const verdict = await simulation.settle(judge.net().stepUp(member.node.id, 'release', signal))
  return verdict.kind === 'refused' ? verdict.code : verdict.kind
}

/** How many appraisals of `judge` ended so. */
function verificationsOf({ node }: SimulatedNode, verdict: string): number {
  const family = node.metrics().find(({ name }) => name.endsWith('attestation_verifications_total'))
  const samples = family?.samples.filter(({ labels }) => labels['verdict'] === verdict) ?? []
  return samples.reduce((sum, { value }) => sum + value, 0)
}

test.each(realPlatforms)(
  'key evidence of another node on %s, shown to all and back to its owner, lets nobody in and stays good for its owner',
  async platform => {
    const { founder, honest, tee } = await startPair(940, platform)
    const thief = new Tapped(platform, { machine: 2 })
    thief.show(tee.first)
    const stranger = await simulation.start('stranger', { host: thief.host })
    stranger.net().addAddresses(['/memory/1'])
    await simulation.time.advance(seconds(20))
    expect(codesOf(founder, stranger)).toEqual(new Set(['REPORT_DATA_MISMATCH']))
    expect(codesOf(honest, stranger)).toEqual(new Set(['REPORT_DATA_MISMATCH']))
    expect(stranger.node.status().members.known).toBe(1)
    // The refusal speaks of the stranger's keys: met again, the owner is trusted for the same bytes.
    founder.net().links.get(honest.node.id)?.link.break()
    await simulation.until(() => founder.net().isConnected(honest.node.id))
    expect([founder, honest].every(({ node }) => isWhole(node, 2))).toBe(true)
    expect(codesOf(founder, honest)).toEqual(new Set())
  },
)

test.each(realPlatforms)(
  'key evidence of an earlier boot on %s lets nobody in, and evidence of this one does',
  async platform => {
    const { founder } = await startPair(941, platform)
    const tee = new Tapped(platform, { machine: 2 })
    const earlier = await simulation.start('earlier', { host: tee.host })
    await simulation.until(() => isWhole(founder.node, 3))
    const old = tee.first
    await earlier.crash()
    tee.show(old)
    const again = await simulation.start('again', { host: tee.host })
    await simulation.time.advance(seconds(20))
    expect(codesOf(founder, again)).toEqual(new Set(['REPORT_DATA_MISMATCH']))
    expect(again.node.status().members.known).toBe(1)
    tee.answer = undefined
    const honest = await simulation.start('honest again', { host: tee.host })
    await simulation.until(() => honest.node.status().phase === 'active')
  },
)

test.each(realPlatforms)(
  'a step-up of %s with a quote of before, or with one that another node or the asker makes meanwhile, is refused, and the next honest one is trusted',
  async platform => {
    const { founder, honest, tee } = await startPair(942, platform)
    const broken = new Tapped(platform, { machine: 2 })
    const member = await simulation.start('member', { host: broken.host })
    const all = [founder, honest, member]
    member.net().addAddresses(['/memory/1'])
    await simulation.until(() => all.every(({ node }) => isWhole(node, 3)))
    await simulation.until(() => member.net().isConnected(honest.node.id))
    expect(await stepUp(founder, member)).toBe('trusted')
    const ofMember = broken.last
    const shown: readonly [SimulatedNode, Evidence][] = [
      [founder, broken.first],
      [founder, ofMember],
      [honest, ofMember],
    ]
    for (const [judge, evidence] of shown) {
      broken.show(evidence)
      expect(await stepUp(judge, member)).toBe('REPORT_DATA_MISMATCH')
      broken.answer = undefined
      expect(await stepUp(judge, member)).toBe('trusted')
    }
    for (const judge of [founder, honest]) {
      // While the question waits, `honest` is asked the same by who should answer: what it quotes is fresh, and on an open channel.
      broken.answer = async () => {
        const { signal } = new AbortController()
        await member.net().stepUp(honest.node.id, 'release', signal)
        return tee.last
      }
      const before = tee.quoted.length
      expect(await stepUp(judge, member)).toBe('REPORT_DATA_MISMATCH')
      expect(tee.quoted.length).toBeGreaterThan(before)
      broken.answer = undefined
      expect(await stepUp(judge, member)).toBe('trusted')
    }
  },
)

test('where machines are pinned, a stranger of any platform is refused, and so is a member that diverts its quotes', async () => {
  simulation = new Simulation(943, mixedNetwork('pinned'))
  const founder = await simulation.start('founder', { found: true, host: simulated })
  const tees = realPlatforms.map(platform => new Tapped(platform))
  const members: SimulatedNode[] = []
  for (const [i, { host }] of tees.entries()) {
    members.push(await simulation.start(`member ${i}`, { host }))
  }
  const all = [founder, ...members]
  await simulation.until(() => all.every(({ node }) => isWhole(node, 5)))
  const instances = founder.node.members().map(({ instance }) => instance)
  const pinned = nextManifest(simulation.fixture, ({ join, ...manifest }) => ({
    ...manifest,
    join: { ...join, pins: instances.sort() },
  }))
  founder.node.applyManifest(pinned.envelopeBytes)
  await simulation.until(() => all.every(({ node }) => node.status().manifest.nonce === 1))
  await simulation.until(() => all.every(({ node }) => isWhole(node, 5)))
  for (const platform of realPlatforms) {
    const stranger = await simulation.start(`other ${platform}`, {
      host: on(platform, { machine: 9 }),
    })
    await simulation.time.advance(seconds(10))
    expect(codesOf(founder, stranger)).toEqual(new Set(['INSTANCE_NOT_PINNED']))
    expect(stranger.node.status().members.known).toBe(1)
  }
  for (const [i, member] of members.entries()) {
    await simulation.until(() => founder.net().isConnected(member.node.id))
    expect(await stepUp(founder, member)).toBe('trusted')
    tees[i]?.divert(9)
    expect(await stepUp(founder, member)).toBe('INSTANCE_NOT_PINNED')
  }
})

test.each(realPlatforms)(
  'honest evidence of %s under a wrong binder is refused, and the same evidence under the right one is trusted',
  async platform => {
    const { founder } = await startPair(944, platform)
    let isWrong = true
    const tee = new Tapped(platform, { machine: 2 })
    const host = (host: Host): Host => {
      const honest = tee.host(host)
      return {
        ...honest,
        openNet: options => {
          const { admission } = options
          const sign = admission.sign.bind(admission)
          const other = (message: Uint8Array): Uint8Array => message.map(byte => byte ^ 1)
          return honest.openNet({
            ...options,
            admission: Object.assign(admission, {
              sign: (message: Uint8Array) => sign(isWrong ? other(message) : message),
            }),
          })
        },
      }
    }
    const prover = await simulation.start('prover', { host })
    await simulation.time.advance(seconds(10))
    expect(codesOf(founder, prover)).toEqual(new Set(['BINDER_MISMATCH']))
    expect(prover.node.status().members.known).toBe(1)
    isWrong = false
    await simulation.until(() => prover.net().isConnected(founder.node.id))
    await simulation.until(() => isWhole(founder.node, 3))
  },
)

test.each(realPlatforms)(
  'a member on %s that diverts its quotes to another machine is refused without pins too, and goes when its own machine is removed',
  async platform => {
    const { founder } = await startPair(945, platform)
    const tee = new Tapped(platform, { machine: 2 })
    const member = await simulation.start('member', { host: tee.host })
    await simulation.until(() => isWhole(founder.node, 3))
    const own = () => founder.node.members().find(({ node }) => node === member.node.id)?.instance
    const instance = fromHex(own() ?? '')
    if (instance === undefined) throw new Error('a member has an instance')
    const before = own()
    const trusted = verificationsOf(founder, 'trusted')
    tee.divert(9)
    expect(await stepUp(founder, member)).toBe('INSTANCE_MISMATCH')
    expect(verificationsOf(founder, 'trusted')).toBe(trusted)
    expect(verificationsOf(founder, 'refused')).toBe(1)
    expect(own()).toBe(before)
    founder.node.remove([simulation.removalOf({ scope: 'instance', subject: instance })])
    await simulation.time.advance(seconds(5))
    expect(own()).toBeUndefined()
    expect(founder.net().isConnected(member.node.id)).toBe(false)
  },
)
