/** A page as one file: script and style stand in it, and its policy allows these two by their hashes and nothing else. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Rolldown } from 'vite'

/** The page of `folder`, whose `index.html` links one style sheet and one script; the same bytes for the same source and versions. */
export async function singlePage(folder: string): Promise<string> {
  const { build } = await import('vite')
  const built = await build({
    configFile: false,
    root: folder,
    logLevel: 'warn',
    oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
    build: {
      write: false,
      target: 'es2022',
      cssCodeSplit: false,
      modulePreload: false,
      chunkSizeWarningLimit: 600,
      rolldownOptions: { output: { codeSplitting: false } },
    },
  })
  const { output } = built as Rolldown.RolldownOutput
  const script = only(output.flatMap(part => (part.type === 'chunk' ? [part.code] : [])))
  const styles = output.filter(({ fileName }) => fileName.endsWith('.css'))
  const style = only(styles.flatMap(part => (part.type === 'asset' ? [String(part.source)] : [])))
  return assembled(readFileSync(join(folder, 'index.html'), 'utf8'), {
    // What would end the element early is written in a way that means the same.
    script: script.replaceAll('</script', '<\\/script').replaceAll('<!--', '<\\!--'),
    style,
  })
}

/** Whom a page may ask: any node that a person names. Nothing is loaded, nothing is sent in a form, nothing is framed. */
function policyFor(parts: { readonly script: string; readonly style: string }): string {
  return [
    "default-src 'none'",
    `script-src '${hashOf(parts.script)}'`,
    `style-src '${hashOf(parts.style)}'`,
    'connect-src http: https:',
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ')
}

function assembled(
  html: string,
  parts: { readonly script: string; readonly style: string },
): string {
  const policy = `<meta http-equiv="Content-Security-Policy" content="${policyFor(parts)}">`
  const link = /<link rel="stylesheet"[^>]*>/
  const source = /<script type="module" src="[^"]*"><\/script>/
  if (!link.test(html) || !source.test(html)) throw new Error('the page links no style or script')
  return html
    .replace('<meta charset="utf-8">', `<meta charset="utf-8">\n    ${policy}`)
    .replace(link, () => `<style>${parts.style}</style>`)
    .replace(source, () => `<script type="module">${parts.script}</script>`)
}

/** As a policy names what it allows (CSP Level 3, section 2.3.1). */
function hashOf(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`
}

function only(texts: readonly string[]): string {
  const [text] = texts
  if (text === undefined || texts.length > 1)
    throw new Error(`${texts.length} parts in place of one`)
  return text
}
