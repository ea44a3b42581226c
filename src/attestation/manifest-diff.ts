/** Where the software of two manifests differs, register by register: what a sentence about a measurement hides in its digits. */
import type { Manifest, ReferenceMeasurement } from './manifest-document.ts'

/** A register of a measurement that comes with the later manifest, beside the measurement of the earlier one that is nearest. */
export interface RegisterDifference {
  readonly platform: string
  readonly register: string
  /** The measurement of the earlier manifest, and its value in hexadecimal; `null` if it does not name the register. */
  readonly before: { readonly measurement: string; readonly value: string | null }
  readonly after: { readonly measurement: string; readonly value: string | null }
}

/**
 * Every register in which a new or changed measurement of `to` differs from the one of `from` that bears its name on the same
 * platform, or else from the one of the platform with the fewest differences.
 */
export function differingRegisters(from: Manifest, to: Manifest): readonly RegisterDifference[] {
  return to.join.measurements.flatMap(after => {
    const candidates = from.join.measurements
      .filter(({ platform }) => platform === after.platform)
      .map(before => ({ before, differences: differencesOf(before, after) }))
      .sort((left, right) => left.differences.length - right.differences.length)
    const nearest = candidates.find(({ before }) => before.name === after.name) ?? candidates[0]
    return nearest?.differences ?? []
  })
}

function differencesOf(
  before: ReferenceMeasurement,
  after: ReferenceMeasurement,
): readonly RegisterDifference[] {
  const names = new Set([...Object.keys(before.registers), ...Object.keys(after.registers)])
  const side = ({ name, registers }: ReferenceMeasurement, register: string) => ({
    measurement: name,
    value: registers[register] ?? null,
  })
  return [...names]
    .filter(register => before.registers[register] !== after.registers[register])
    .map(register => ({
      platform: after.platform,
      register,
      before: side(before, register),
      after: side(after, register),
    }))
}
