/** AMD's processors that run SEV-SNP: how they call themselves, and where their firmware keeps its versions. */
import { concatBytes, fromHex, utf8 } from '../../base/bytes.ts'
import { InvariantError } from '../../base/errors.ts'

/** Lines of products, each with a root of its own. Bergamo and Siena are certified as Genoa. */
export type Product = 'Milan' | 'Genoa' | 'Turin'

/** Versions of firmware by component, each 0 to 255. */
export type Tcb = Readonly<Record<string, number>>

/** TCB_VERSION (SEV-SNP ABI 56860 §2.2): which of its eight bytes is whose; all others are reserved. */
const layouts: Readonly<Record<Product, Tcb>> = {
  Milan: { bootloader: 0, tee: 1, snp: 6, microcode: 7 },
  Genoa: { bootloader: 0, tee: 1, snp: 6, microcode: 7 },
  Turin: { fmc: 0, bootloader: 1, tee: 2, snp: 3, microcode: 7 },
}

/** Family and models of CPUID, the last model included. */
const processors: readonly (readonly [Product, family: number, first: number, last: number])[] = [
  ['Milan', 0x19, 0x00, 0x0f],
  ['Genoa', 0x19, 0x10, 0x1f],
  ['Genoa', 0x19, 0xa0, 0xaf],
  ['Turin', 0x1a, 0x00, 0x11],
]

/** The product of a processor, or `undefined` for one that is not known here. */
export function productOfCpu(family: number, model: number): Product | undefined {
  const isIt = (each: (typeof processors)[number]): boolean =>
    each[1] === family && each[2] <= model && model <= each[3]
  return processors.find(isIt)?.[0]
}

const productOfLine: Readonly<Record<string, Product>> = {
  ...{ Milan: 'Milan', Genoa: 'Genoa', Bergamo: 'Genoa', Siena: 'Genoa', Turin: 'Turin' },
}

/**
 * The product of a name in a certificate, where a stepping may follow: `Milan-B0`. Bergamo and Siena stand under the authorities of
 * Genoa, which the chain asks for.
 */
export function productOfName(name: string): Product | undefined {
  const [, line = ''] = /^([A-Z][a-z]+)(?:-[A-Z][0-9])?$/.exec(name) ?? []
  return Object.hasOwn(productOfLine, line) ? productOfLine[line] : undefined
}

/** Components of a TCB_VERSION of eight bytes. */
export function tcbOf(product: Product, bytes: Uint8Array): Tcb {
  const places = Object.entries(layouts[product])
  return Object.fromEntries(places.map(([component, place]) => [component, bytes[place] ?? 0]))
}

/** Whether a TCB_VERSION speaks of nothing but the components of `product`. */
export function isWholeTcb(product: Product, bytes: Uint8Array): boolean {
  const known = Object.values(layouts[product])
  return bytes.every((byte, place) => byte === 0 || known.includes(place))
}

/** How AMD calls its authorities: everything in a distinguished name up to the length of its common name (RFC 5280 §4.1.2.4). */
const nameStart = hexBytes(
  '31143012060355040b0c0b456e67696e656572696e67310b30090603550406130255533114301206035504070c0b53616e746120436c617261' +
    '310b300906035504080c024341311f301d060355040a0c16416476616e636564204d6963726f2044657669636573',
)

/** The distinguished name, DER, of AMD's authority with a common name of at most 30 letters. */
export function amdName(commonName: string): Uint8Array {
  const name = utf8(commonName)
  const [set, sequence] = [name.length + 9, name.length + 7]
  const attribute = [0x31, set, 0x30, sequence, 0x06, 0x03, 0x55, 0x04, 0x03, 0x0c, name.length]
  const content = concatBytes(nameStart, Uint8Array.from(attribute), name)
  const length = content.length < 0x80 ? [content.length] : [0x81, content.length]
  return concatBytes(Uint8Array.of(0x30, ...length), content)
}

function hexBytes(hex: string): Uint8Array {
  const bytes = fromHex(hex)
  if (bytes === undefined) throw new InvariantError('a constant is hexadecimal')
  return bytes
}
