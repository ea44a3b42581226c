/** What the page asks to be done: everything that touches the network, files or memory is behind this. */
import type { LightReport } from '../../light/report.ts'

/** What stands in the fields of the form, as typed. */
export interface Wish {
  /** A `coterie:` link, or a manifest as JSON. */
  readonly pin: string
  /** Origins, one a line; those of the link if empty. */
  readonly nodes: string
  /** A key of the state, or nothing. */
  readonly key: string
}

/** What came of one check. */
export interface Checked {
  readonly report: LightReport
  /** The report as JSON: the bytes that the command line prints for the same bundle. */
  readonly text: string
  readonly bundle: Uint8Array
  /** The command that makes the same check; `null` for a bundle that was opened. */
  readonly command: string | null
}

export interface PagePorts {
  /** Hash of the script of this page, as its policy names it. */
  readonly build: string
  /** Asks the nodes. Rejects if the wish cannot be read. */
  check(wish: Wish): Promise<Checked>
  /** Makes the report of a saved bundle again, under the pin of the wish. */
  reopen(file: File, wish: Wish): Promise<Checked>
  /** What an error means to the person. */
  explain(error: unknown): {
    readonly code: string
    readonly message: string
    readonly next: string
  }
  /** An address under which the page can hand out bytes. */
  urlOf(bytes: Uint8Array): string
}
