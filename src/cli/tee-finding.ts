/** Which TEE this machine offers, and what the ways to the others lack. */
import { readFile } from 'node:fs/promises'
import { release } from 'node:os'
import type { TeeChoice } from '../host/open.ts'
import { type TeeOffer, teeOffers, usualPlaces } from '../host/tee/choose.ts'
import { systemDeviceFiles } from '../host/tee/device-files.ts'

/** What is looked at around the interfaces. */
export interface TeeSurroundings {
  readonly offers: readonly TeeOffer[]
  /** As `uname -r` says it. */
  readonly kernel: string
  /** `/proc/mounts`. */
  readonly mounts: string
}

/** The surroundings on this machine. */
export async function teeSurroundings(): Promise<TeeSurroundings> {
  const offers = await teeOffers(systemDeviceFiles, usualPlaces)
  // Not every system has such a file, and none of them has configfs.
  const mounts = await readFile('/proc/mounts', 'utf8').catch(() => '')
  return { offers, kernel: release(), mounts }
}

/** What is said of the TEE; `next` is empty where nothing is to be done. */
interface TeeFinding {
  readonly result: 'ok' | 'fail'
  readonly text: string
  readonly next: string
}

/** What `wanted` finds here. */
export function teeFinding(wanted: TeeChoice, { offers, ...around }: TeeSurroundings): TeeFinding {
  const ready = offers.flatMap(({ interface: by, state }) =>
    state.kind === 'ready' ? [{ platform: state.platform, by }] : [],
  )
  const has = ready.map(({ platform, by }) => `${platform} (${by})`).join(', ')
  const offered = has === '' ? 'This machine offers no TEE' : `This machine offers ${has}`
  if (wanted === 'simulated') return { result: 'ok', text: `${offered}; none is asked.`, next: '' }
  const isServed = ready.some(({ platform }) => wanted === 'auto' || wanted === platform)
  if (isServed) return { result: 'ok', text: `${offered}.`, next: '' }
  const lacks = offers.flatMap(offer => lackOf(offer, around))
  const missing = lacks.map(({ text }) => text).join(' ')
  const next = lacks[0]?.next ?? 'Use --tee simulated on a testnet, or a machine with a TEE.'
  const asked = wanted === 'auto' ? '' : `, and ${wanted} is asked for`
  return { result: 'fail', text: `${offered}${asked}. ${missing}`.trimEnd(), next }
}

interface Lack {
  readonly text: string
  readonly next: string
}

/** What one interface lacks; nothing where nothing hints at it and nobody could put it there. */
function lackOf(
  { interface: by, state }: TeeOffer,
  { kernel, mounts }: Pick<TeeSurroundings, 'kernel' | 'mounts'>,
): readonly Lack[] {
  if (state.kind === 'ready') return []
  const { code, message, next } = state.error
  if (code !== 'TEE_NOT_OFFERED') return [{ text: `${by}: ${message}`, next }]
  if (by !== 'configfs') return []
  const [major = 0, minor = 0] = kernel.split('.').map(part => Number.parseInt(part, 10))
  if (major < 6 || (major === 6 && minor < 7)) {
    return [
      {
        text: `configfs: the kernel is ${kernel}, and TDX and SEV-SNP guests quote from 6.7 on.`,
        next: 'Boot a kernel of version 6.7 or later in this guest.',
      },
    ]
  }
  if (!/ configfs /.test(mounts)) {
    return [
      {
        text: 'configfs: it is not mounted.',
        next: 'Run mount -t configfs none /sys/kernel/config, or hand it into the container.',
      },
    ]
  }
  return [
    {
      text: 'configfs: no driver of a TEE is loaded.',
      next: 'In a TDX guest run modprobe tdx_guest, in a SEV-SNP guest modprobe sev-guest.',
    },
  ]
}
