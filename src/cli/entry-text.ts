/** Entries of the state as people and pipes read them. */
import type { JsonEntry, JsonValue } from '../api/values.ts'
import { paint, printable, printLine } from './output.ts'

/** For people and pipes: the text itself, base64 where it is none; one element or value per line. */
export function printValues(entry: JsonEntry): void {
  if (entry.kind === 'counter') return printLine(entry.value)
  for (const value of valuesOf(entry)) printLine('text' in value ? value.text : value.base64)
}

/** One line that can neither move the cursor nor forge another; `nothing` is said of a key without an entry. */
export function summaryOf(key: string, entry: JsonEntry | null, nothing = 'deleted'): string {
  const name = paint('bold', printable(key))
  if (entry === null) return `${name} ${nothing}`
  if (entry.kind === 'register') return `${name} = ${shown(entry.value)}`
  if (entry.kind === 'counter') return `${name} = ${entry.value}`
  const all = valuesOf(entry).map(shown)
  return entry.kind === 'set' ? `${name} = {${all.join(', ')}}` : `${name} = ${all.join(' | ')}`
}

function valuesOf(entry: Exclude<JsonEntry, { kind: 'counter' }>): readonly JsonValue[] {
  if (entry.kind === 'register') return [entry.value]
  return entry.kind === 'set' ? entry.elements : entry.values
}

function shown(value: JsonValue): string {
  if ('text' in value) return printable(value.text)
  return `base64:${value.base64}`
}
