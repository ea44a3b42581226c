/** Colours for what is drawn and not styled: the same variables as the style sheet has, in dark and light. */
import { useEffect, useState } from 'preact/hooks'

export type Colour =
  | 'ink'
  | 'faint'
  | 'line'
  | 'surface'
  | 'good'
  | 'warning'
  | 'bad'
  | 'calm'
  | 'accent'

export function colour(name: Colour): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim()
}

/** Changes when the person changes between dark and light: what is drawn must be drawn anew. */
export function useScheme(): 'dark' | 'light' {
  const query = matchMedia('(prefers-color-scheme: dark)')
  const [isDark, setIsDark] = useState(query.matches)
  useEffect(() => {
    const changed = (): void => setIsDark(query.matches)
    query.addEventListener('change', changed)
    return () => query.removeEventListener('change', changed)
  }, [])
  return isDark ? 'dark' : 'light'
}

/** The width of an element in CSS pixels, followed as it changes; 0 until it is known. */
export function useWidth(element: { readonly current: HTMLElement | null }): number {
  const [width, setWidth] = useState(0)
  useEffect(() => {
    const { current } = element
    if (current === null) return
    const observer = new ResizeObserver(([entry]) =>
      setWidth(Math.floor(entry?.contentRect.width ?? 0)),
    )
    observer.observe(current)
    return () => observer.disconnect()
  }, [])
  return width
}
