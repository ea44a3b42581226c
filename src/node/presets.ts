/** Presets before knobs: one word chooses every speed and size that suits the distance between nodes. */

/** `local`: one machine, a testnet. `lan`: one data centre. `wan`: the internet. */
export const presetNames = ['local', 'lan', 'wan'] as const
/** The name of a preset. */
export type PresetName = (typeof presetNames)[number]

/** One value for each preset. */
export type PerPreset<T> = { readonly [Name in PresetName]: T }

/** The same value under every preset. */
export function always<T>(value: T): PerPreset<T> {
  return { local: value, lan: value, wan: value }
}
