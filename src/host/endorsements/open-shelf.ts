/** The shelf of this machine, as its options have it. */
import { vendorKeysOf } from '../../attestation/vendor-keys.ts'
import { amdEndorser } from './amd.ts'
import { FolderDisk } from './document-disk.ts'
import { readEndorsementFiles } from './files.ts'
import { intelEndorser } from './intel.ts'
import { RenewedShelf, type ShelfPorts } from './shelf.ts'

export interface ShelfPlaces {
  /** Origins; empty: nobody is asked. */
  readonly intelEndorser: string
  readonly amdEndorser: string
  /** Files and folders. */
  readonly endorsements: readonly string[]
  readonly endorsementsDir?: string | null
}

/**
 * Reads the files; nothing is fetched before somebody asks. A testnet's machines have endorsements in files alone: services are
 * read under the roots of the vendors.
 *
 * @throws {UsageError} of `readEndorsementFiles`.
 */
export async function openShelf(
  places: ShelfPlaces,
  ports: Omit<ShelfPorts, 'endorsers' | 'standing' | 'disk'>,
): Promise<RenewedShelf> {
  const { intelEndorser: intel, amdEndorser: amd, endorsementsDir = null } = places
  const { endorsements } = await readEndorsementFiles(places.endorsements)
  const endorsers = [
    ...(intel === '' ? [] : [intelEndorser({ base: intel, anchors: vendorKeysOf('tdx') })]),
    ...(amd === '' ? [] : [amdEndorser({ base: amd, anchors: vendorKeysOf('sev-snp') })]),
  ]
  const disk = endorsementsDir === null ? null : new FolderDisk(endorsementsDir, ports.log)
  return new RenewedShelf({ ...ports, endorsers, standing: endorsements.items, disk })
}
