/** What a device's refusal means, and what to do about it. */
import { CoterieError, HostError } from '../../base/errors.ts'
import { errnoOf } from './device-files.ts'

interface Fault {
  readonly code: string
  readonly message: string
  readonly next: string
}

const forbidden: Fault = {
  code: 'TEE_FORBIDDEN',
  message: 'This process may not ask the device.',
  next: 'Run the node as a user that may use the files that the cause names.',
}

/**
 * What an errno of a TEE's driver means (Linux `drivers/virt/coco/guest/report.c`, `sev-guest.c`, `tdx-guest.c`; Gramine
 * `pal_attestation`). Whether to ask again is the caller's decision: a quote takes seconds and serialises on the machine.
 */
const faults: ReadonlyMap<string, Fault> = new Map([
  [
    'EINVAL',
    {
      code: 'TEE_REQUEST_REFUSED',
      message: 'The driver takes no such request for a quote.',
      next: 'See whether this kernel (6.7 or later) knows this TEE: coterie doctor.',
    },
  ],
  [
    'EBUSY',
    {
      code: 'TEE_BUSY',
      message: 'The device makes another quote just now.',
      next: 'Ask again in some seconds; stop other programs that quote all the time.',
    },
  ],
  [
    'ENXIO',
    {
      code: 'TEE_PROVIDER_GONE',
      message: 'No driver of a TEE answers behind this interface.',
      next: 'Load the driver of the guest: modprobe tdx_guest, or modprobe sev-guest.',
    },
  ],
  [
    'EFBIG',
    {
      code: 'TEE_EVIDENCE_TOO_LARGE',
      message: 'The device gives more than evidence can hold.',
      next: 'Have the host serve a shorter table of certificates, or none.',
    },
  ],
  [
    'ETIMEDOUT',
    {
      code: 'TEE_TIMEOUT',
      message: 'The host did not make the quote in time.',
      next: 'Ask again; if it stays so, the quoting service of the host does not run.',
    },
  ],
  [
    'EINTR',
    {
      code: 'TEE_INTERRUPTED',
      message: 'The request for a quote was interrupted.',
      next: 'Ask again.',
    },
  ],
  [
    'EIO',
    {
      code: 'TEE_BROKEN',
      message: 'The device failed while it made the quote.',
      next: 'Ask again; if it stays so, see the kernel log of this guest.',
    },
  ],
  [
    'ENOTTY',
    {
      code: 'TEE_KEY_DISABLED',
      message: 'The guest may not talk to its security processor any more.',
      next: 'Start the guest anew: after a broken exchange its key (VMPCK) is not used again.',
    },
  ],
  [
    'ENOENT',
    {
      code: 'TEE_NOT_OFFERED',
      message: 'This machine does not offer this TEE.',
      next: 'See what it offers and what is missing: coterie doctor.',
    },
  ],
  ['EACCES', forbidden],
  ['EPERM', forbidden],
  ['EROFS', forbidden],
])

/** What a failed conversation with a device is to the caller of `quote`; our own errors pass as they are. */
export function deviceFault(error: unknown): unknown {
  if (error instanceof CoterieError) return error
  const errno = errnoOf(error)
  if (errno === '') return error
  const fault = faults.get(errno)
  if (fault === undefined) {
    return new HostError('TEE_BROKEN', `The device failed with ${errno}.`, { cause: error })
  }
  const { code, message, next } = fault
  return new HostError(code, message, { next, cause: error })
}
