/** Where what was found differs from what was expected, so that nobody compares 96 characters by eye. */

/** A run of characters that are all alike, or all different, from what was expected. */
export interface Segment {
  readonly text: string
  readonly differs: boolean
}

/**
 * `found`, cut where it begins or ends to differ from `expected`. Word by word if both have as many words, and of a word by bytes
 * if both are hexadecimal of one length; else as a whole. The texts of the segments are `found`.
 */
export function segmentsOf(found: string, expected: string): readonly Segment[] {
  const due = expected.split(' ')
  const words = found.split(' ')
  if (words.length !== due.length) return joined([{ text: found, differs: found !== expected }])
  return joined(
    words.flatMap((word, place) => {
      const space = place === 0 ? [] : [{ text: ' ', differs: false }]
      return [...space, ...partsOf(word, due[place] ?? '')]
    }),
  )
}

function partsOf(word: string, due: string): readonly Segment[] {
  if (word.length !== due.length || !isHex(word) || !isHex(due)) {
    return [{ text: word, differs: word !== due }]
  }
  return (word.match(/../g) ?? []).map((text, byte) => {
    return { text, differs: text !== due.slice(2 * byte, 2 * byte + 2) }
  })
}

/** One segment for neighbours that are alike, and none that is empty. */
function joined(parts: readonly Segment[]): readonly Segment[] {
  const segments: Segment[] = []
  for (const { text, differs } of parts) {
    const last = segments.at(-1)
    if (text === '') continue
    if (last?.differs === differs) segments.splice(-1, 1, { text: last.text + text, differs })
    else segments.push({ text, differs })
  }
  return segments
}

function isHex(text: string): boolean {
  return /^(?:[0-9a-f]{2})+$/.test(text)
}
