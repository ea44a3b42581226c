/** Which certificate vouches for a report, of all that are at hand, and where AMD publishes it if none does. */
import { toHex } from '../../base/bytes.ts'
import type { Brought } from './brought.ts'
import {
  differingComponent,
  type EndorsementKey,
  isOfChip,
  type KeyKind,
} from './endorsement-key.ts'
import { type Product, tcbOf } from './products.ts'
import type { Report } from './report.ts'

/** The kind of key that a report says to be signed with. */
function kindOf({ signingKey }: Report): KeyKind {
  return signingKey === 0 ? 'vcek' : 'vlek'
}

/** The first key of the right kind that is of this chip and its firmware, or the first of that kind: it will be refused with a reason. */
export function chooseKey(report: Report, { keys }: Brought): EndorsementKey | undefined {
  const ofKind = keys.filter(({ kind }) => kind === kindOf(report))
  return ofKind.find(key => fits(key, report)) ?? ofKind[0]
}

function fits(key: EndorsementKey, report: Report): boolean {
  const { product } = key
  if (product === undefined) return false
  return isOfChip(key, product, report) && differingComponent(key, product, report) === undefined
}

/** Parameters of AMD's key distribution service (57230, chapter 4). */
const parameters: Readonly<Record<string, string>> = {
  ...{ fmc: 'fmcSPL', bootloader: 'blSPL', tee: 'teeSPL', snp: 'snpSPL', microcode: 'ucodeSPL' },
}

/**
 * Names of the missing certificate: `certificates vcek <product> <chip>` with the versions of its firmware, as AMD's key distribution
 * service asks for them, or `certificates vlek <product> key`. A report of version 2 does not name its product: then one of several.
 */
export function keyNames(report: Report, named: Product | undefined): string[] {
  const products: readonly Product[] = named === undefined ? ['Milan', 'Genoa'] : [named]
  return products.map(product => {
    if (kindOf(report) === 'vlek') return `certificates vlek ${product} key: absent`
    const chip = toHex(report.chipId.subarray(0, product === 'Turin' ? 8 : 64))
    const versions = Object.entries(tcbOf(product, report.tcb.reported)).map(
      ([component, version]) => `${parameters[component]}=${String(version).padStart(2, '0')}`,
    )
    return `certificates vcek ${product} ${chip} ${versions.join(' ')}: absent`
  })
}
