/**
 * Who may write what under which prefix: the manifest's rules, held against every entry on every node.
 *
 * A verdict follows from the entry and the manifest alone, never from when or how the entry came: so whoever has
 * the same manifest refuses the same entries, and refusing forks nothing. docs/decisions/0009 says why.
 */
import type { WriteRule } from '../../attestation/manifest.ts'
import { fromUtf8, utf8 } from '../../base/bytes.ts'
import { type EntryView, entryKind, hasValue } from '../../wire/entry.ts'

/**
 * What an entry breaks: no rule covers its key, or its rule lets no member write; its value or element is longer
 * than the rule allows, or not of its schema.
 */
export type RuleBreach = 'NO_WRITE_RULE' | 'NOT_FOR_MEMBERS' | 'VALUE_TOO_LARGE' | 'BAD_VALUE'

export class WriteRules {
  /** Longest prefix first: the first that covers a key governs it. */
  readonly #rules: readonly { readonly prefix: Uint8Array; readonly rule: WriteRule }[]

  constructor(rules: readonly WriteRule[]) {
    this.#rules = rules
      .map(rule => ({ prefix: utf8(rule.prefix), rule }))
      .sort((left, right) => right.prefix.length - left.prefix.length)
  }

  /** The first thing that a state breaks, or `undefined`. What removes is measured by role alone: it must always work. */
  breachOf(entry: EntryView): RuleBreach | undefined {
    const rule = this.#ruleOf(entry)
    if (rule === undefined) return 'NO_WRITE_RULE'
    // No entry carries the word of a client yet: whatever a member signs is a member's.
    if (!rule.roles.includes('member')) return 'NOT_FOR_MEMBERS'
    if (entry.isRemoved) return undefined
    const [bytes, start, end] = hasValue(entry)
      ? [entry.value, entry.valueStart, entry.valueEnd]
      : [entry.element, entry.elementStart, entry.elementEnd]
    if (end - start > rule.valueBytesMax) return 'VALUE_TOO_LARGE'
    if (rule.schema === 'bytes') return undefined
    // A counter is a number, which JSON knows and text does not.
    if (entry.kind === entryKind.counter) return rule.schema === 'json' ? undefined : 'BAD_VALUE'
    const text = fromUtf8(bytes.subarray(start, end))
    if (text === undefined) return 'BAD_VALUE'
    return rule.schema === 'text' || isJson(text) ? undefined : 'BAD_VALUE'
  }

  #ruleOf(entry: EntryView): WriteRule | undefined {
    const { key, keyStart, keyEnd } = entry
    for (const { prefix, rule } of this.#rules) {
      if (prefix.length > keyEnd - keyStart) continue
      let i = 0
      while (i < prefix.length && key[keyStart + i] === prefix[i]) i++
      if (i === prefix.length) return rule
    }
    return undefined
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    // `JSON.parse` throws SyntaxError for what is no JSON (RFC 8259), and nothing else.
    return false
  }
}
