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

test('new software is admitted, rolled out and the old cut off, by the commands of the how-to', {
  // Three processes, two upgrades and some twenty commands, one after the other.
  timeout: 600_000,
}, async () => {
  const running = await runningTestnet(3)
  const { testnet, folder } = running
  const [first, second, old] = testnet.slots()
  if (!first || !second || !old) throw new Error('three nodes were started')
  const desk = await deskOf(running)
  const { hardware } = await prepareLayout(folder, { nodes: 3, fresh: false })

  // 1. Both may join.
  await desk.follow('1. Admit the new software beside the old', 0)
  edit(desk.draft, withNewSoftware)
  const compared = await desk.follow('1. Admit the new software beside the old', 1)
  expect(compared).toContain(`+ The software ${newSoftware} may join`)
  expect(compared).not.toContain('would be cut off')
  await desk.follow('1. Admit the new software beside the old', 2)
  const applied = await desk.follow('1. Admit the new software beside the old', 3)
  expect(applied).toContain('is in force and spreads')
  await until(async () => (await nonces(testnet.slots())).every(nonce => nonce === 1))

  // 2. Two are upgraded, one after the other, and begin with the manifest of the founding.
  for (const slot of [first, second]) {
    await testnet.stopNode(slot)
    await hardware.issue(slot.folder.machine, { software: newSoftware })
    await testnet.startNode(slot)
    await until(async () => (await slot.api.status()).phase === 'active')
  }
  await until(async () =>
    (await old.api.status()).measurements.some(
      ({ name, members }) => name === newSoftware && members === 2,
    ),
  )
  expect(await desk.follow('2. Upgrade node by node', 0)).toMatch(/coterie-2: 2 \(67 %\)/)

  // 3. The old software ends.
  await desk.follow('3. End the old software', 0)
  edit(desk.draft, withoutOldSoftware)
  const { node: oldNode } = await old.api.status()
  expect(await desk.follow('3. End the old software', 1)).toContain(`! ${oldNode} runs`)
  await desk.follow('3. End the old software', 2)
  const isCutOff = async (): Promise<boolean> => {
    const seen = await Promise.all([first, second].map(({ api }) => api.members()))
    return seen.every(members => members.every(({ node }) => node !== oldNode))
  }
  await until(isCutOff)
  await until(async () => (await old.api.peers()).length === 0)
  await first.api.set('after', { text: 'the old node reads no more' })
  await until(async () => (await second.api.get('after')) !== undefined)
  expect(await old.api.get('after')).toBeUndefined()
  // It learns why at the latest when it dials again: whoever refuses it hands it the manifest first.
  const saysNotAdmitted = async (): Promise<boolean> => {
    const { manifest, warnings } = await old.api.status()
    return manifest.nonce === 2 && warnings.some(({ code }) => code === 'NOT_ADMITTED')
  }
  await until(saysNotAdmitted)

  // Rolled back at boot: the old software with the old manifest learns the new one and stays out.
  await testnet.stopNode(old)
  await testnet.startNode(old)
  await until(saysNotAdmitted)
  expect((await old.api.status()).phase).not.toBe('active')
  expect(await old.api.get('after')).toBeUndefined()
  expect(await isCutOff()).toBe(true)

  // The set approves another manifest of the nonce in force: the alarm rings everywhere, and the next one ends it.
  edit(desk.draft, manifest => ({
    ...manifest,
    join: { ...manifest.join, evidenceAgeMs: 1_800_000 },
  }))
  for (const key of ['holder-1.json', 'holder-2.json']) {
    const file = key === 'holder-1.json' ? ['draft.json', '--out', 'rival.json'] : ['rival.json']
    await desk.run(['policy', 'approve', ...file, '--key', key, '--yes'], first)
  }
  const refused = await desk.run(
    ['policy', 'apply', 'rival.json', '--url', '$NODE', '--json'],
    first,
  )
  expect(refused.code).toBe(1)
  expect(JSON.parse(refused.err).error.code).toBe('MANIFEST_EQUIVOCATION')
  const alarmed = async ({ api }: NodeSlot): Promise<boolean> =>
    (await api.status()).warnings.some(({ code }) => code === 'MANIFEST_EQUIVOCATION')
  await until(async () => (await alarmed(first)) && (await alarmed(second)))
  expect(await nonces([first, second])).toEqual([2, 2])
  await desk.follow('3. End the old software', 0)
  await desk.follow('3. End the old software', 2)
  await until(async () => (await nonces([first, second])).every(nonce => nonce === 3))
  expect(await alarmed(first)).toBe(false)
})
