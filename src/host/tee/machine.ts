/**
 * Simulated machines: the authority of a testnet stands in for a hardware vendor, and a machine file for
 * the hardware. Both prove nothing to anybody but to networks whose manifest names the authority's root.
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
} from 'node:crypto'
import { z } from 'zod'
import { instanceOf } from '../../attestation/instance.ts'
import { instanceOid } from '../../attestation/simulated/verify.ts'
import { toHex } from '../../base/bytes.ts'
import { UsageError } from '../../base/errors.ts'
import type { Digest } from '../../base/ids.ts'
import { after, days, type Timestamp } from '../../base/time.ts'
import { issueCertificate } from './certificate.ts'
import { fromPem, toPem } from './pem.ts'
import { readPrivateJson, writePrivateJson } from './private-file.ts'

const hex = (bytes: number) => z.string().regex(new RegExp(`^[0-9a-f]{${2 * bytes}}$`))
const svn = z.int().min(0).max(0xff)
const tcb = z.strictObject({ bootloader: svn, tee: svn, snp: svn, microcode: svn })

const machineFile = z.strictObject({
  kind: z.literal('coterie-simulated-machine'),
  /** Chip id. */
  instance: hex(64),
  registers: z.strictObject({
    measurement: hex(48),
    rtmrs: z.array(hex(48)).length(4),
    hostData: hex(32),
    signer: hex(48),
    productId: z.int().min(0).max(0xffff),
    svn: z.int().min(0).max(0xffff),
  }),
  tcb,
  committedTcb: tcb,
  debug: z.boolean(),
  /** P-256 private key of the leaf, PKCS8 (RFC 5958). */
  key: z.string().max(4_096),
  /** Certificates, leaf first, without the root. */
  chain: z.array(z.string().max(4_096)).min(1).max(3),
  validity: z.strictObject({ notBefore: z.iso.datetime(), notAfter: z.iso.datetime() }),
})

const authorityFile = z.strictObject({
  kind: z.literal('coterie-testnet-authority'),
  /** The root's public key, DER: what a manifest names as its anchor. */
  anchor: z.string().max(1_200),
  root: z.string().max(4_096),
  intermediate: z.string().max(4_096),
  /** Private key of the intermediate, PKCS8 (RFC 5958). That of the root is not kept. */
  key: z.string().max(4_096),
})

/** Simulated hardware as written in its file. */
export type Machine = z.infer<typeof machineFile>
export type MachineRegisters = Machine['registers']
export type MachineTcb = Machine['tcb']
/** What signs the simulated machines of a testnet. */
export type TestnetAuthority = z.infer<typeof authorityFile>

export interface Validity {
  readonly notBefore: Timestamp
  readonly notAfter: Timestamp
}

/** What a machine shall be. */
export interface MachineRequest extends Validity {
  /** Chip id, 64 bytes. */
  readonly instance: Uint8Array
  readonly registers: MachineRegisters
  readonly tcb: MachineTcb
  /** `tcb` unless said. */
  readonly committedTcb?: MachineTcb
  readonly debug?: boolean
}

const rootName = 'Coterie testnet root (simulated)'
const intermediateName = 'Coterie testnet machines (simulated)'
const authorityLife = days(3_653)

/**
 * A root, and an intermediate that issues machines. The root's private key is dropped here: no machine
 * file needs it.
 *
 * @param validity from `now` on for 10 years unless said.
 */
export function makeTestnetAuthority(
  now: Timestamp,
  validity: Validity = { notBefore: now, notAfter: after(now, authorityLife) },
): TestnetAuthority {
  const [root, intermediate] = [makeKey(), makeKey()]
  const issuer = { name: rootName, privateKey: root.privateKey }
  const rootCertificate = issueCertificate({
    ...validity,
    subject: rootName,
    publicKey: root.publicKey,
    issuer,
    pathLength: 1,
  })
  const intermediateCertificate = issueCertificate({
    ...validity,
    subject: intermediateName,
    publicKey: intermediate.publicKey,
    issuer,
    pathLength: 0,
  })
  return {
    kind: 'coterie-testnet-authority',
    anchor: toHex(root.publicKey.export({ format: 'der', type: 'spki' })),
    root: toPem('CERTIFICATE', rootCertificate),
    intermediate: toPem('CERTIFICATE', intermediateCertificate),
    key: pkcs8(intermediate.privateKey),
  }
}

/** A machine under `authority`, with a key of its own. */
export function issueMachine(authority: TestnetAuthority, request: MachineRequest): Machine {
  const { notBefore, notAfter, instance, tcb } = request
  const key = makeKey()
  const leaf = issueCertificate({
    notBefore,
    notAfter,
    subject: `Simulated machine ${toHex(instance.subarray(0, 8))}`,
    publicKey: key.publicKey,
    issuer: { name: intermediateName, privateKey: createPrivateKey(authority.key) },
    pathLength: null,
    extensions: [{ oid: instanceOid, critical: false, value: instance }],
  })
  return {
    kind: 'coterie-simulated-machine',
    instance: toHex(instance),
    registers: request.registers,
    tcb,
    committedTcb: request.committedTcb ?? tcb,
    debug: request.debug ?? false,
    key: pkcs8(key.privateKey),
    chain: [toPem('CERTIFICATE', leaf), authority.intermediate],
    validity: { notBefore: iso(notBefore), notAfter: iso(notAfter) },
  }
}

/** A fresh chip id, 64 bytes. */
export function drawInstance(): Uint8Array {
  return new Uint8Array(randomBytes(64))
}

/** The digest under which verdicts, pins and quotas know the machine with this chip id. */
export function instanceOfMachine(machine: Machine): Digest {
  return instanceOf('simulated', Uint8Array.from(Buffer.from(machine.instance, 'hex')))
}

/** Registers that stand for a piece of software: the same for one name, others for another. */
export function registersOf(software: string): MachineRegisters {
  const register = (name: string): string =>
    createHash('sha384').update(`coterie simulated ${name} of ${software}`).digest('hex')
  return {
    measurement: register('measurement'),
    rtmrs: ['rtmr0', 'rtmr1', 'rtmr2', 'rtmr3'].map(register),
    hostData: '00'.repeat(32),
    signer: createHash('sha384').update('coterie simulated signer').digest('hex'),
    productId: 1,
    svn: 1,
  }
}

/** Firmware versions of simulated machines that are up to date. */
export const currentTcb: MachineTcb = { bootloader: 4, tee: 2, snp: 22, microcode: 213 }

/** @throws {HostError} `TEE_FILE_NOT_WRITTEN`. Replaces what is there, mode 0600. */
export function writeMachine(path: string, machine: Machine): Promise<void> {
  return writePrivateJson(path, machine)
}

/**
 * The machine in a machine file.
 *
 * @throws {HostError} `TEE_FILE_UNREADABLE`.
 * @throws {UsageError} `TEE_FILE_EXPOSED` unless its owner alone can read it, `BAD_MACHINE_FILE`.
 */
export async function readMachine(path: string): Promise<Machine> {
  const machine = machineFile.safeParse(await readPrivateJson(path)).data
  if (machine === undefined || !keyFits(machine)) {
    throw new UsageError('BAD_MACHINE_FILE', `${path} does not describe a simulated machine.`, {
      next: 'Let `coterie init` or the testnet write it.',
    })
  }
  return machine
}

/** @throws {HostError} `TEE_FILE_NOT_WRITTEN`. Replaces what is there, mode 0600. */
export function writeAuthority(path: string, authority: TestnetAuthority): Promise<void> {
  return writePrivateJson(path, authority)
}

/** As `readMachine`; other content is `BAD_AUTHORITY_FILE`. */
export async function readAuthority(path: string): Promise<TestnetAuthority> {
  const authority = authorityFile.safeParse(await readPrivateJson(path)).data
  if (authority === undefined) {
    throw new UsageError('BAD_AUTHORITY_FILE', `${path} does not hold a testnet's authority.`)
  }
  return authority
}

/** A key that the leaf does not certify would make evidence that nobody accepts and nobody understands. */
function keyFits(machine: Machine): boolean {
  try {
    const key = createPublicKey(createPrivateKey(machine.key))
    const certified = createPublicKey(machine.chain[0] ?? '')
    return key.equals(certified) && machine.chain.every(pem => fromPem(pem) !== undefined)
  } catch {
    // node:crypto throws for text that is no key or certificate; the file is refused as a whole.
    return false
  }
}

/** P-256, as the quoting keys of SGX and TDX: a signature of P-384 takes seven times as long to check. */
function makeKey(): { readonly publicKey: KeyObject; readonly privateKey: KeyObject } {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' })
}

function pkcs8(key: KeyObject): string {
  return key.export({ format: 'pem', type: 'pkcs8' }).toString()
}

const iso = (at: Timestamp): string => new Date(at).toISOString()
