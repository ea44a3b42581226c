import type { Evidence } from '../../wire/evidence.ts'

/** The TEE that this process runs in, asked for evidence. */
export interface Attester {
  readonly platform: string
  /**
   * Evidence that carries exactly these 64 bytes as report data. May take seconds on real hardware and
   * serialises on one machine: callers share quotes. Must not return evidence with other report data.
   * @throws {HostError} `TEE_…` when the device refuses; the caller may retry.
   */
  quote(reportData: Uint8Array, signal: AbortSignal): Promise<Evidence>
}
