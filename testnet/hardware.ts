/** The simulated hardware of a testnet: an authority in the place of a vendor, and machines that it made. */
import { basename, dirname, join } from 'node:path'
import type { ReferenceMeasurement, TcbRule } from '../src/attestation/manifest-document.ts'
import { tcbRuleOf } from '../src/attestation/manifest-draft.ts'
import { days, type Timestamp, timestamp } from '../src/base/time.ts'
import {
  currentTcb,
  issueMachine,
  type MachineRegisters,
  makeTestnetAuthority,
  readAuthority,
  registersOf,
  type TestnetAuthority,
  writeAuthority,
  writeMachine,
} from '../src/host/tee/machine.ts'
import { Draws } from './seed.ts'

/** How a machine differs from an honest one that runs the right software. */
export interface MachineFlaw {
  /** Other software than the manifest names. */
  readonly software?: string
  readonly debug?: boolean
  /** Its certificate ended yesterday. */
  readonly isExpired?: boolean
}

const software = 'coterie'
/** As long as the chip id of SEV-SNP. */
const chipIdBytes = 64
const day = days(1)
const life = days(3_650)

/** A Reference Value for what the nodes of a testnet run, from `now` on. */
export function referenceOf(now: number): ReferenceMeasurement {
  const { measurement, rtmrs, signer } = registersOf(software)
  const [rtmr0 = '', rtmr1 = '', rtmr2 = '', rtmr3 = ''] = rtmrs
  return {
    name: 'coterie-testnet',
    platform: 'simulated',
    registers: { measurement, rtmr0, rtmr1, rtmr2, rtmr3, signer },
    svnMin: 1,
    validFrom: secondsIso(now - day),
    validUntil: secondsIso(now + life),
  }
}

/** Firmware as new as the machines of a testnet have it. */
export const tcbRule: TcbRule = tcbRuleOf('simulated', {
  ...{ allowed: ['UpToDate'], minimum: { ...currentTcb } },
})

/** Makes machines that prove nothing outside of the testnet whose manifest names its root. */
export class Hardware {
  /** The root's public key as manifests name it. */
  readonly anchor: string
  readonly #authority: TestnetAuthority
  readonly #seed: string

  private constructor(authority: TestnetAuthority, seed: string) {
    this.anchor = authority.anchor
    this.#authority = authority
    this.#seed = seed
  }

  /** A new authority, kept in the file `path`, mode 0600. Chip ids follow from `seed`, keys do not. */
  static async create(path: string, seed: string): Promise<Hardware> {
    const now = Date.now()
    // From yesterday on, so that a machine whose own certificate has ended fails for that reason alone.
    const validity = { notBefore: at(now - 3 * day), notAfter: at(now + life) }
    const authority = makeTestnetAuthority(at(now), validity)
    await writeAuthority(path, authority)
    return new Hardware(authority, seed)
  }

  /** @throws {UsageError | HostError} for a file that is not an authority's. */
  static async load(path: string, seed: string): Promise<Hardware> {
    return new Hardware(await readAuthority(path), seed)
  }

  /** Writes the file of a new machine, mode 0600. Files of one name under one seed are of one chip. */
  async issue(path: string, flaw: MachineFlaw = {}): Promise<void> {
    const chip = join(basename(dirname(path)), basename(path))
    const now = Date.now()
    const registers: MachineRegisters = registersOf(flaw.software ?? software)
    const machine = issueMachine(this.#authority, {
      notBefore: at(now - 2 * day),
      notAfter: at(flaw.isExpired === true ? now - day : now + life - day),
      instance: new Draws(this.#seed, `chip of ${chip}`).bytes(chipIdBytes),
      registers,
      tcb: currentTcb,
      debug: flaw.debug ?? false,
    })
    await writeMachine(path, machine)
  }
}

const at = (milliseconds: number): Timestamp => timestamp(Math.floor(milliseconds / 1000) * 1000)

/** A time as manifests write it. */
function secondsIso(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 19)}Z`
}
