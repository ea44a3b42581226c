/** What a device's refusal means, and what to do about it. */
import { CoterieError, HostError } from '../../base/errors.ts'
import { errnoOf } from './device-files.ts'

/**
 * What an errno of a TEE's driver means (Linux `drivers/virt/coco/guest/report.c`, `sev-guest.c`, `tdx-guest.c`; Gramine
 * `pal_attestation`). Whether to ask again is the caller's decision: a quote takes seconds and serialises on the machine.
 */
const faults: Readonly<Record<string, (cause: unknown) => HostError>> = {
  EINVAL: cause =>
    new HostError('TEE_REQUEST_REFUSED', 'The driver takes no such request for a quote.', {
      next: 'See whether this kernel (6.7 or later) knows this TEE: coterie doctor.',
      cause,
    }),
  EBUSY: cause =>
    new HostError('TEE_BUSY', 'The device makes another quote just now.', {
      next: 'Ask again in some seconds; stop other programs that quote all the time.',
      cause,
    }),
  ENXIO: cause =>
    new HostError('TEE_PROVIDER_GONE', 'No driver of a TEE answers behind this interface.', {
      next: 'Load the driver of the guest: modprobe tdx_guest, or modprobe sev-guest.',
      cause,
    }),
  EFBIG: cause =>
    new HostError('TEE_EVIDENCE_TOO_LARGE', 'The device gives more than evidence can hold.', {
      next: 'Have the host serve a shorter table of certificates, or none.',
      cause,
    }),
  ETIMEDOUT: cause =>
    new HostError('TEE_TIMEOUT', 'The host did not make the quote in time.', {
      next: 'Ask again; if it stays so, the quoting service of the host does not run.',
      cause,
    }),
  EINTR: cause =>
    new HostError('TEE_INTERRUPTED', 'The request for a quote was interrupted.', {
      next: 'Ask again.',
      cause,
    }),
  EIO: cause =>
    new HostError('TEE_BROKEN', 'The device failed while it made the quote.', {
      next: 'Ask again; if it stays so, see the kernel log of this guest.',
      cause,
    }),
  ENOTTY: cause =>
    new HostError(
      'TEE_KEY_DISABLED',
      'The guest may not talk to its security processor any more.',
      {
        next: 'Start the guest anew: after a broken exchange its key (VMPCK) is not used again.',
        cause,
      },
    ),
  EACCES: forbidden,
  EPERM: forbidden,
  EROFS: forbidden,
  ENOENT: cause =>
    new HostError('TEE_NOT_OFFERED', 'This machine does not offer this TEE.', {
      next: 'See what it offers and what is missing: coterie doctor.',
      cause,
    }),
}

function forbidden(cause: unknown): HostError {
  return new HostError('TEE_FORBIDDEN', 'This process may not ask the device.', {
    next: 'Run the node as a user that may use the files that the cause names.',
    cause,
  })
}

/** What a failed conversation with a device is to the caller of `quote`; our own errors pass as they are. */
export function deviceFault(error: unknown): unknown {
  if (error instanceof CoterieError) return error
  const code = errnoOf(error)
  if (code === '') return error
  const known = faults[code]
  if (known !== undefined) return known(error)
  return new HostError('TEE_BROKEN', `The device failed with ${code}.`, { cause: error })
}
