import { useEffect, useRef, useState } from 'preact/hooks'
import type { Checked, PagePorts, Wish } from './ports.ts'
import { CopyButton, ReportView } from './report-view.tsx'

/** Where the page stands: nothing asked yet, asking, an answer, or no answer and why. */
type Stage =
  | { readonly kind: 'idle' }
  | { readonly kind: 'asking'; readonly what: string }
  | { readonly kind: 'answered'; readonly checked: Checked }
  | {
      readonly kind: 'failed'
      readonly code: string
      readonly message: string
      readonly next: string
    }

/** The page: whom to believe and whom to ask above, what came of it below. */
export function App({ ports, wish: first }: { readonly ports: PagePorts; readonly wish: Wish }) {
  const [wish, setWish] = useState(first)
  const [stage, setStage] = useState<Stage>({ kind: 'idle' })
  const turn = useRef(0)

  const run = async (what: string, action: () => Promise<Checked>): Promise<void> => {
    const own = ++turn.current
    setStage({ kind: 'asking', what })
    const next = await action().then(
      (checked): Stage => ({ kind: 'answered', checked }),
      (error: unknown): Stage => ({ kind: 'failed', ...ports.explain(error) }),
    )
    // An answer to an earlier question is nobody's any more.
    if (own === turn.current) setStage(next)
  }

  const check = (): void => void run('Asking the nodes', () => ports.check(wish))

  useEffect(() => {
    // Whoever followed an address that says whom to believe wants to know.
    if (first.pin !== '') check()
  }, [])

  return (
    <>
      <header class="heading">
        <h1>Is this node genuine?</h1>
        <p>
          This page asks nodes for evidence of their hardware and software, checks it here, in your
          browser, and believes nobody on their word.
        </p>
      </header>
      <main id="main">
        <WishForm
          wish={wish}
          isBusy={stage.kind === 'asking'}
          change={part => setWish(before => ({ ...before, ...part }))}
          check={check}
          reopen={file => void run('Reading the bundle', () => ports.reopen(file, wish))}
        />
        <StageView stage={stage} ports={ports} />
        <Limits build={ports.build} />
      </main>
    </>
  )
}

interface WishFormProps {
  readonly wish: Wish
  readonly isBusy: boolean
  readonly change: (part: Partial<Wish>) => void
  readonly check: () => void
  readonly reopen: (file: File) => void
}

function WishForm({ wish, isBusy, change, check, reopen }: WishFormProps) {
  const submit = (event: Event): void => {
    event.preventDefault()
    check()
  }
  return (
    <form class="card" onSubmit={submit} aria-label="What to check">
      <Field
        id="pin"
        name="Whom to believe"
        rows={4}
        value={wish.pin}
        change={pin => change({ pin })}
      >
        A <code>coterie:</code> link from somebody you trust. A manifest in JSON may be pasted or
        loaded, too, but then it must come from somebody you trust, and not from the node.
      </Field>
      <FileButton
        id="manifest-file"
        accept=".json,application/json"
        name="Load a manifest"
        take={async file => change({ pin: await file.text() })}
      />
      <Field
        id="nodes"
        name="Nodes to ask"
        rows={2}
        placeholder="https://node.example"
        value={wish.nodes}
        change={nodes => change({ nodes })}
      >
        One address a line, two or more: what one hides another may show. Left empty, those of the
        link are asked.
      </Field>
      <Field
        id="key"
        name="A key to read"
        rows={1}
        placeholder="public/greeting"
        value={wish.key}
        change={key => change({ key })}
      >
        Optional: a public key of the state, with proof.
      </Field>
      <p class="controls">
        <button type="submit" class="first" disabled={isBusy}>
          Check now
        </button>
        <FileButton
          id="bundle-file"
          accept=".bundle,application/octet-stream"
          name="Open a saved bundle"
          take={reopen}
        />
      </p>
    </form>
  )
}

interface FieldProps {
  readonly id: string
  readonly name: string
  readonly rows: number
  readonly placeholder?: string
  readonly value: string
  readonly change: (value: string) => void
  readonly children: preact.ComponentChildren
}

/** A field of text with its name and what it is for. In one of a single line Enter sends the form. */
function Field({ id, name, rows, change, children, ...rest }: FieldProps) {
  const field = {
    ...{ id, ...rest, spellcheck: false, autocomplete: 'off' },
    'aria-describedby': `${id}-help`,
    onInput: (event: { readonly currentTarget: { readonly value: string } }) =>
      change(event.currentTarget.value),
  } as const
  return (
    <>
      <label for={id}>
        {name}
        <small id={`${id}-help`}>{children}</small>
      </label>
      {rows === 1 ? <input type="text" {...field} /> : <textarea rows={rows} {...field} />}
    </>
  )
}

/** A file from the person's disk. It never leaves the page. */
function FileButton({
  id,
  accept,
  name,
  take,
}: {
  readonly id: string
  readonly accept: string
  readonly name: string
  readonly take: (file: File) => unknown
}) {
  const chosen = (event: Event & { readonly currentTarget: HTMLInputElement }): void => {
    const file = event.currentTarget.files?.[0]
    // The same file may be chosen again.
    event.currentTarget.value = ''
    if (file !== undefined) take(file)
  }
  return (
    <label class="file" for={id}>
      {name}
      <input id={id} type="file" accept={accept} onChange={chosen} />
    </label>
  )
}

function StageView({ stage, ports }: { readonly stage: Stage; readonly ports: PagePorts }) {
  switch (stage.kind) {
    case 'idle':
      return null
    case 'asking':
      return (
        <p class="waiting" role="status">
          {stage.what} …
        </p>
      )
    case 'failed':
      return (
        <section class="answer bad" role="alert" aria-labelledby="failure">
          <h2 id="failure">Not checked</h2>
          <p>{stage.message}</p>
          <p>
            <code>{stage.code}</code> {stage.next}
          </p>
        </section>
      )
    case 'answered':
      return <Answered checked={stage.checked} ports={ports} />
  }
}

function Answered({ checked, ports }: { readonly checked: Checked; readonly ports: PagePorts }) {
  const { report, text, bundle, command } = checked
  return (
    <>
      <ReportView report={report} />
      <section class="card" aria-labelledby="keep">
        <h2 id="keep">Keep it, repeat it</h2>
        <p class="controls">
          <CopyButton text={text}>Copy the report</CopyButton>
          <a class="button" href={ports.urlOf(bundle)} download="coterie.bundle">
            Download the bundle
          </a>
        </p>
        <p>
          The bundle holds all that the report was made of. This page and the command line make the
          same report of it again, offline.
        </p>
        {command !== null && (
          <>
            <p>The same check from a shell:</p>
            <pre>{command}</pre>
            <CopyButton text={command}>Copy the command</CopyButton>
          </>
        )}
      </section>
    </>
  )
}

function Limits({ build }: { readonly build: string }) {
  return (
    <footer class="limits">
      <h2>The limits of this page</h2>
      <p>
        A page that the node serves can lie about the node. To be sure, use the command line, or a
        copy of this page that you had before: it is one file, works from your disk, and its script
        has the hash
      </p>
      <p>
        <code>{build}</code>
      </p>
      <p>
        which <code>coterie version --json</code> prints, too.
      </p>
    </footer>
  )
}
