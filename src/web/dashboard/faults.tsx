import { useState } from 'preact/hooks'
import { Card } from './card.tsx'
import type { DeskAnswer, DeskNode, DeskRequest } from './desk.ts'
import type { Watched } from './model.ts'
import { askDesk } from './stream.ts'

const onNode = [
  ['kill', 'Kill', 'crash it (SIGKILL)'],
  ['pause', 'Pause', 'stop it where it stands (SIGSTOP)'],
  ['resume', 'Resume', 'let it go on'],
  ['restart', 'Restart', 'as a new identity'],
] as const

/** Breaks the testnet on purpose. The testnet does it from outside, as `coterie testnet fault` does. */
export function FaultsCard({
  watched,
  desk,
}: {
  readonly watched: Watched
  readonly desk: string
}) {
  const places = watched.desk?.nodes.filter(({ isExtra }) => !isExtra) ?? []
  const faults = watched.desk?.faults ?? []
  const [picked, setPicked] = useState('')
  const [answer, setAnswer] = useState<DeskAnswer | null>(null)
  const [isBusy, setIsBusy] = useState(false)
  // Not the one whose page this is: a page that kills its own node shows nothing of it.
  const name = picked || (places[1]?.name ?? places[0]?.name ?? '')
  const carryOut = async (request: DeskRequest): Promise<void> => {
    setIsBusy(true)
    setAnswer(await askDesk(desk, request))
    setIsBusy(false)
  }
  const ask = (request: DeskRequest): void => void carryOut(request)
  return (
    <Card id="faults" title="Break something" aside="testnet only">
      {watched.desk === null ? (
        <p class="empty">The testnet does not answer: its faults are out of reach.</p>
      ) : (
        <>
          <NodeFaults places={places} name={name} pick={setPicked} isBusy={isBusy} ask={ask} />
          <NetworkFaults places={places} name={name} isBusy={isBusy} ask={ask} />
          <div class="answer" aria-live="polite">
            {answer !== null && <Answer answer={answer} />}
          </div>
          {faults.length > 0 && (
            <ul class="broken">
              {faults.map(({ text, undo }) => (
                <li key={text}>
                  {text} <span class="facts">undo: {undo}</span>
                </li>
              ))}
            </ul>
          )}
        </>
      )}
    </Card>
  )
}

interface Asking {
  readonly places: readonly DeskNode[]
  /** Of the node that was picked. */
  readonly name: string
  readonly isBusy: boolean
  readonly ask: (request: DeskRequest) => void
}

function NodeFaults({
  places,
  name,
  isBusy,
  ask,
  pick,
}: Asking & { readonly pick: (name: string) => void }) {
  return (
    <div class="controls">
      <label for="fault-node">Node</label>
      <select id="fault-node" value={name} onChange={event => pick(event.currentTarget.value)}>
        {places.map(place => (
          <option key={place.name} value={place.name}>
            {place.name}
            {place.isRunning ? '' : ' (down)'}
          </option>
        ))}
      </select>
      {onNode.map(([kind, text, about]) => (
        <button
          key={kind}
          type="button"
          disabled={isBusy}
          title={about}
          onClick={() => ask({ kind, nodes: [name] })}
        >
          {text}
        </button>
      ))}
      <Removal name={name} isBusy={isBusy} remove={() => ask({ kind: 'remove', node: name })} />
    </div>
  )
}

function NetworkFaults({ places, isBusy, ask }: Asking) {
  const half = places.slice(0, Math.floor(places.length / 2)).map(place => place.name)
  return (
    <div class="controls">
      <span>Network</span>
      <button
        type="button"
        disabled={isBusy || half.length === 0}
        title={`cut ${half.join(', ')} off from the others`}
        onClick={() => ask({ kind: 'partition', left: half, right: [], how: 'silent' })}
      >
        Partition in two
      </button>
      <button type="button" disabled={isBusy} onClick={() => ask({ kind: 'heal' })}>
        Heal all links
      </button>
      <button
        type="button"
        disabled={isBusy}
        title="start a node that runs other software than the manifest names"
        onClick={() => ask({ kind: 'wrong-measurement' })}
      >
        Send an intruder
      </button>
    </div>
  )
}

/** For ever, so asked twice. */
function Removal({
  name,
  isBusy,
  remove,
}: {
  readonly name: string
  readonly isBusy: boolean
  readonly remove: () => void
}) {
  const [asked, setAsked] = useState('')
  if (asked !== name) {
    return (
      <button type="button" disabled={isBusy} onClick={() => setAsked(name)}>
        Remove {name} …
      </button>
    )
  }
  const sure = (): void => {
    setAsked('')
    remove()
  }
  return (
    <>
      <button type="button" class="danger" disabled={isBusy} onClick={sure}>
        Remove {name} for ever
      </button>
      <button type="button" onClick={() => setAsked('')}>
        Keep it
      </button>
    </>
  )
}

function Answer({ answer }: { readonly answer: DeskAnswer }) {
  if ('code' in answer) {
    return (
      <p>
        <strong class="bad">{answer.code}</strong> {answer.message}.{' '}
        <span class="next">{answer.next}</span>
      </p>
    )
  }
  return (
    <p>
      <strong>Done:</strong> {answer.did}. <strong>Watch:</strong>{' '}
      {answer.watch.replace(/^.*status: /, '')}. <strong>Undo:</strong> {answer.undo}
    </p>
  )
}
