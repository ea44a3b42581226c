/** A node on a real machine of the testnet that runs other software than the manifest names. */
import { join } from 'node:path'
import { type Folder, makeFolder, nodeFolderOf } from './folder.ts'
import type { MachineFlaw } from './hardware.ts'
import type { Layout } from './layout.ts'
import type { NodeSlot, Testnet } from './network.ts'

export interface IntruderPorts {
  readonly testnet: Testnet
  readonly folder: Folder
  readonly layout: Layout
}

const otherSoftware: MachineFlaw = { software: 'another program' }

/** Starts it beside the numbered nodes; it knows the relay of node 0. */
export async function startIntruder(
  { testnet, folder, layout }: IntruderPorts,
  name: string,
  flaw: MachineFlaw = otherSoftware,
): Promise<NodeSlot> {
  const { path } = nodeFolderOf(folder, name)
  await makeFolder(path)
  const machine = join(path, 'machine.json')
  await layout.hardware.issue(machine, flaw)
  return await testnet.startExtra({ name, manifest: folder.manifest, machine })
}
