/** Which metrics a dashboard or a list of alerts asks for. */

/** Every `expr` in a document, wherever it stands. */
export function expressionsOf(document: unknown): readonly string[] {
  if (Array.isArray(document)) return document.flatMap(expressionsOf)
  if (typeof document !== 'object' || document === null) return []
  return Object.entries(document).flatMap(([name, value]) =>
    name === 'expr' && typeof value === 'string' ? [value] : expressionsOf(value),
  )
}

/** Words of PromQL that look like names of metrics. */
const words = new Set(['by', 'on', 'without', 'ignoring', 'and', 'or', 'unless', 'offset', 'bool'])

/** The names of metrics in an expression of PromQL: what is neither a function, a label nor a word. */
export function namesIn(expression: string): readonly string[] {
  const plain = expression
    .replace(/\{[^}]*\}/g, '')
    .replace(/\[[^\]]*\]/g, '')
    .replace(/\b(by|on|without|ignoring)\s*\([^)]*\)/g, '')
    .replace(/"[^"]*"/g, '')
  const found = [...plain.matchAll(/\b([a-zA-Z_]\w*)\b(?!\s*\()/g)].map(([, name = '']) => name)
  return found.filter(name => !words.has(name))
}
