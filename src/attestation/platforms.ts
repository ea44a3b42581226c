/** The table of platforms: add one here. */

/** Every platform that evidence may name, with the registers that its evidence carries. */
export const platforms = {
  /** PCRs of a Nitro enclave (AWS Nitro Enclaves, attestation document). */
  nitro: {
    registers: { pcr0: 48, pcr1: 48, pcr2: 48, pcr3: 48, pcr4: 48, pcr8: 48 },
    required: ['pcr0', 'pcr1', 'pcr2'],
    tcb: [],
  },
  /** Report body of an SGX enclave (Intel SGX DCAP, quote version 3). */
  sgx: {
    registers: { mrenclave: 32, mrsigner: 32, productId: 2 },
    required: ['mrenclave'],
    tcb: [],
    isEvaluated: true,
  },
  /** Report body of a TDX guest (Intel TDX DCAP, quote versions 4 and 5). */
  tdx: {
    registers: {
      mrtd: 48,
      rtmr0: 48,
      rtmr1: 48,
      rtmr2: 48,
      rtmr3: 48,
      mrconfigid: 48,
      mrowner: 48,
      mrownerconfig: 48,
    },
    required: ['mrtd', 'rtmr0', 'rtmr1', 'rtmr2'],
    tcb: [],
    isEvaluated: true,
  },
  /** ATTESTATION_REPORT of an SEV-SNP guest (AMD SEV-SNP ABI, 56860). */
  'sev-snp': {
    registers: { measurement: 48, hostData: 32, idKeyDigest: 48, authorKeyDigest: 48 },
    required: ['measurement'],
    tcb: ['fmc', 'bootloader', 'tee', 'snp', 'microcode'],
    hasPrivilegeLevels: true,
  },
  /** Our own document under a testnet's root; it has every kind of register that the real ones have. */
  simulated: {
    registers: {
      measurement: 48,
      rtmr0: 48,
      rtmr1: 48,
      rtmr2: 48,
      rtmr3: 48,
      hostData: 32,
      signer: 48,
      productId: 2,
    },
    required: ['measurement'],
    tcb: ['bootloader', 'tee', 'snp', 'microcode'],
  },
} as const satisfies Readonly<Record<string, PlatformFacts>>

/** The name of a platform, as evidence and manifests spell it. */
export type PlatformName = keyof typeof platforms

/** What a manifest may say about a platform. */
export interface PlatformFacts {
  /** Register → its length in bytes. */
  readonly registers: Readonly<Record<string, number>>
  /** Registers that a measurement must name, because without them other software would match. */
  readonly required: readonly string[]
  /** TCB components that a manifest may set minimums for. */
  readonly tcb: readonly string[]
  /** Whether evidence tells the VM privilege level of who asked for it. */
  readonly hasPrivilegeLevels?: boolean
  /** Whether the vendor numbers its evaluations of TCB levels. */
  readonly isEvaluated?: boolean
}

/** The names of all platforms, in the order of the table. */
export const platformNames: readonly string[] = Object.keys(platforms)

/** Whether a text names a platform that manifests may speak of. */
export function isPlatformName(text: string): text is PlatformName {
  return Object.hasOwn(platforms, text)
}

/** What manifests may say about `platform`. */
export function factsOf(platform: PlatformName): PlatformFacts {
  return platforms[platform]
}

/** A vendor's root, pinned by its key: names of roots have been reused with other keys. */
export interface VendorAnchor {
  readonly platform: PlatformName
  readonly name: string
  /** SHA-256 of the root's SubjectPublicKeyInfo, hexadecimal. */
  readonly keyDigest: string
}

const intelRoot = 'a0af031289f5d5d4132f9186068a7fc13628633ba235777472e29b6b6c67a49e'

/**
 * The roots of the vendors (AWS Nitro Root-G1, Intel SGX Root CA, ARK of Milan, Genoa and Turin), the
 * same in every build. No manifest adds to them or takes one away; a testnet uses none of them.
 */
export const vendorAnchors: readonly VendorAnchor[] = [
  {
    platform: 'nitro',
    name: 'AWS Nitro Root-G1',
    keyDigest: 'f2caf5ecc6190b4a8399b78bc58a2bbcd0382375db8a1bfd78a82743874fd225',
  },
  { platform: 'sgx', name: 'Intel SGX Root CA', keyDigest: intelRoot },
  { platform: 'tdx', name: 'Intel SGX Root CA', keyDigest: intelRoot },
  {
    platform: 'sev-snp',
    name: 'ARK-Milan',
    keyDigest: '9f056bee44377e29308cb5ffa895bdfb62d18881fa6bed8d6f075b0204089cb9',
  },
  {
    platform: 'sev-snp',
    name: 'ARK-Genoa',
    keyDigest: '429a69c9422aa258ee4d8db5fcda9c6470ef15f8cd5a9cebd6cbc7d90b863831',
  },
  {
    platform: 'sev-snp',
    name: 'ARK-Turin',
    keyDigest: '4f125410563a2ab9a50356f9243f6fe0b6f73de98603f53f90339c70e9d7ad08',
  },
]
