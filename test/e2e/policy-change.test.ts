/**
 * A change of the policy on a running network of real processes, by exactly the commands of its how-to: new
 * software is admitted beside the old, nodes are upgraded, the old ends, and nothing brings it back.
 */
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Manifest } from '../../src/attestation/manifest.ts'
import { registersOf } from '../../src/host/tee/machine.ts'
import { memberKeyOf } from '../../testnet/folder.ts'
import { prepareLayout } from '../../testnet/layout.ts'
import type { NodeSlot } from '../../testnet/network.ts'
import { startCoterie, temporaryFolder } from '../fixtures/command-line.ts'
import { until } from '../fixtures/patience.ts'
import { type RunningTestnet, runningTestnet } from '../fixtures/testnet.ts'
import { commandsOf } from '../law/docs.ts'
import { readTree } from '../law/tree.ts'

const page = 'docs/howto/change-the-policy.md'
const newSoftware = 'coterie-2'

/** The commands of the page, section by section, and a desk with the files that they name. */
async function deskOf({ testnet, folder }: RunningTestnet) {
  const desk = temporaryFolder()
  copyFileSync(memberKeyOf(folder, 0), join(desk, 'holder-1.json'))
  copyFileSync(memberKeyOf(folder, 1), join(desk, 'holder-2.json'))
  const sections = commandsOf(readTree(/^docs\/howto\/.*\.md$/).get(page) ?? '')
  const run = async (command: readonly string[], slot: NodeSlot) => {
    const args = command.map(word => (word === '$NODE' ? urlOf(slot) : word))
    return await startCoterie(args, { cwd: desk }).ended
  }
  return {
    draft: join(desk, 'draft.json'),
    envelope: join(desk, 'envelope.json'),
    /** What the blocks of sh in a section print, all of which end well. */
    follow: async (heading: string, block: number, slot = testnet.slot(0)) => {
      const commands = sections.find(section => section.heading === heading)?.blocks[block] ?? []
      expect(commands.length, `${heading}, block ${block}`).toBeGreaterThan(0)
      const printed: string[] = []
      for (const command of commands) {
        const { code, out, err } = await run(command, slot)
        expect({ command, code, err }).toEqual({ command, code: 0, err: '' })
        printed.push(out)
      }
      return printed.join('')
    },
    run,
  }
}

const urlOf = ({ httpPort }: NodeSlot): string => `http://127.0.0.1:${httpPort}`

function edit(path: string, change: (manifest: Manifest) => Manifest): void {
  writeFileSync(path, JSON.stringify(change(JSON.parse(readFileSync(path, 'utf8')))))
}

/** What the manifest of a testnet would call the new software. */
function withNewSoftware(manifest: Manifest): Manifest {
  const [old] = manifest.join.measurements
  if (old === undefined) throw new Error('a testnet names its software')
  const { measurement, rtmrs, signer } = registersOf(newSoftware)
  const [rtmr0 = '', rtmr1 = '', rtmr2 = '', rtmr3 = ''] = rtmrs
  const registers = { measurement, rtmr0, rtmr1, rtmr2, rtmr3, signer }
  const measurements = [old, { ...old, name: newSoftware, registers }]
  return { ...manifest, join: { ...manifest.join, measurements } }
}

function withoutOldSoftware(manifest: Manifest): Manifest {
  const measurements = manifest.join.measurements.filter(({ name }) => name === newSoftware)
  return { ...manifest, join: { ...manifest.join, measurements } }
}

const nonces = (slots: readonly NodeSlot[]): Promise<number[]> =>
  Promise.all(slots.map(async ({ api }) => (await api.status()).manifest.nonce))

interface Trial {
  readonly desk: Awaited<ReturnType<typeof deskOf>>
  readonly running: RunningTestnet
  /** Two that are upgraded, and one that is not. */
  readonly upgraded: readonly [NodeSlot, NodeSlot]
  readonly old: NodeSlot
}

async function admitBoth({ desk, running }: Trial): Promise<void> {
  const section = '1. Admit the new software beside the old'
  await desk.follow(section, 0)
  edit(desk.draft, withNewSoftware)
  const compared = await desk.follow(section, 1)
  expect(compared).toContain(`+ The software ${newSoftware} may join`)
  expect(compared).not.toContain('would be cut off')
  await desk.follow(section, 2)
  expect(await desk.follow(section, 3)).toContain('is in force and spreads')
  await until(async () => (await nonces(running.testnet.slots())).every(nonce => nonce === 1))
}

/** One after the other; they begin with the manifest of the founding, which does not admit them. */
async function upgrade({ desk, running, upgraded }: Trial): Promise<void> {
  const { testnet, folder } = running
  const { hardware } = await prepareLayout(folder, { nodes: 3, fresh: false })
  for (const slot of upgraded) {
    await testnet.stopNode(slot)
    await hardware.issue(slot.folder.machine, { software: newSoftware })
    await testnet.startNode(slot)
    await until(async () => (await slot.api.status()).phase === 'active')
  }
  const hasRolled = async ({ api }: NodeSlot): Promise<boolean> =>
    (await api.status()).measurements.some(
      ({ name, members, share }) => name === newSoftware && members === 2 && share < 0.7,
    )
  for (const slot of testnet.slots()) await until(() => hasRolled(slot))
  expect(await desk.follow('2. Upgrade node by node', 0)).toMatch(/coterie-2: 2 \(67 %\)/)
}

async function endOld({ desk, upgraded, old }: Trial): Promise<void> {
  const [first, second] = upgraded
  await desk.follow('3. End the old software', 0)
  edit(desk.draft, withoutOldSoftware)
  const { node } = await old.api.status()
  expect(await desk.follow('3. End the old software', 1)).toContain(`! ${node} runs`)
  await desk.follow('3. End the old software', 2)
  await until(() => isUnknown(node, upgraded))
  await until(async () => (await old.api.peers()).length === 0)
  await first.api.set('after', { text: 'the old node reads no more' })
  await until(async () => (await second.api.get('after')) !== undefined)
  expect(await old.api.get('after')).toBeUndefined()
  // It learns why at the latest when it dials again: whoever refuses it hands it the manifest first.
  await until(() => saysNotAdmitted(old))
}

async function isUnknown(id: string, slots: readonly NodeSlot[]): Promise<boolean> {
  const seen = await Promise.all(slots.map(({ api }) => api.members()))
  return seen.every(members => members.every(({ node }) => node !== id))
}

async function saysNotAdmitted({ api }: NodeSlot): Promise<boolean> {
  const { manifest, warnings } = await api.status()
  return manifest.nonce === 2 && warnings.some(({ code }) => code === 'NOT_ADMITTED')
}

/** The old software with the old manifest, as a host would roll it back. */
async function rollBack({ running, upgraded, old }: Trial): Promise<void> {
  await running.testnet.stopNode(old)
  await running.testnet.startNode(old)
  await until(() => saysNotAdmitted(old))
  const { phase, node } = await old.api.status()
  expect(phase).not.toBe('active')
  expect(await old.api.get('after')).toBeUndefined()
  expect(await isUnknown(node, upgraded)).toBe(true)
}

/** The set approves another manifest of the nonce in force; the next one ends the alarm. */
async function contradict({ desk, upgraded }: Trial): Promise<void> {
  const [first] = upgraded
  edit(desk.draft, manifest => ({
    ...manifest,
    join: { ...manifest.join, evidenceAgeMs: 1_800_000 },
  }))
  const approve = ['policy', 'approve', '--yes', '--key']
  await desk.run([...approve, 'holder-1.json', 'draft.json', '--out', 'rival.json'], first)
  await desk.run([...approve, 'holder-2.json', 'rival.json'], first)
  const apply = ['policy', 'apply', 'rival.json', '--url', '$NODE', '--json']
  const refused = await desk.run(apply, first)
  expect(refused.code).toBe(1)
  expect(JSON.parse(refused.err).error.code).toBe('MANIFEST_EQUIVOCATION')
  const isAlarmed = async ({ api }: NodeSlot): Promise<boolean> =>
    (await api.status()).warnings.some(({ code }) => code === 'MANIFEST_EQUIVOCATION')
  for (const slot of upgraded) await until(() => isAlarmed(slot))
  expect(await nonces(upgraded)).toEqual([2, 2])
  await desk.follow('3. End the old software', 0)
  await desk.follow('3. End the old software', 2)
  await until(async () => (await nonces(upgraded)).every(nonce => nonce === 3))
  for (const slot of upgraded) expect(await isAlarmed(slot)).toBe(false)
}

// Three processes, two upgrades and some twenty commands, one after the other: this ends only what hangs.
const timeout = 1_800_000

test('new software is admitted, rolled out and the old cut off for good, by the commands of the how-to', {
  timeout,
}, async () => {
  const running = await runningTestnet(3)
  const [first, second, old] = running.testnet.slots()
  if (!first || !second || !old) throw new Error('three nodes were started')
  const desk = await deskOf(running)
  const trial: Trial = { desk, running, upgraded: [first, second], old }
  await admitBoth(trial)
  await upgrade(trial)
  await endOld(trial)
  await rollBack(trial)
  await contradict(trial)
})
