import { useState } from 'preact/hooks'
import type { Check } from '../../attestation/checks.ts'
import type { LightReport, NodeView } from '../../light/report.ts'
import { segmentsOf } from './difference.ts'
import {
  answerOf,
  answerOfNode,
  campsOf,
  checksOf,
  contentText,
  disagree,
  signersText,
  type Tone,
  tally,
  toneOfCheck,
  toneOfState,
} from './words.ts'

/** A report, the answer first: as much below it as a reader wants to know. */
export function ReportView({ report }: { readonly report: LightReport }) {
  return (
    <>
      <AnswerView report={report} />
      {report.value !== null && <ValueCard report={report} />}
      <Agreement nodes={report.nodes} />
      {report.nodes.map(node => (
        <NodeCard node={node} key={node.source} />
      ))}
      <Remains report={report} />
    </>
  )
}

function AnswerView({ report }: { readonly report: LightReport }) {
  const answer = answerOf(report)
  return (
    <section class={`answer ${answer.tone}`} aria-labelledby="answer" role="status">
      <h2 id="answer">
        <Mark tone={answer.tone} /> {answer.word}
      </h2>
      <p>{report.sentence}</p>
      {report.simulated && (
        <p>
          <strong>SIMULATED TEE.</strong> The evidence says what real hardware would, and nothing
          protects it: a testnet to try things on.
        </p>
      )}
      <dl class="facts">
        {report.verdict !== 'trusted' && <Fact name="Reason" value={<code>{report.code}</code>} />}
        <Fact name="State" value={report.state ?? 'not known'} />
        <Fact name="Checked" value={<time dateTime={report.at}>{report.at}</time>} />
        <Fact name="Network" value={<code>{report.network}</code>} />
        {report.manifest !== null && (
          <Fact
            name="Manifest"
            value={
              <>
                <code>{report.manifest.hash}</code>, nonce {report.manifest.nonce}
              </>
            }
          />
        )}
        {report.policy !== null && <Fact name="Policy" value={<code>{report.policy}</code>} />}
      </dl>
    </section>
  )
}

function ValueCard({ report: { value } }: { readonly report: LightReport }) {
  if (value === null) return null
  return (
    <section class="card" aria-labelledby="value">
      <h2 id="value">
        Value of <code>{value.key}</code>
      </h2>
      <pre class="value">{contentText(value.content)}</pre>
      <p class="aside">
        Proven under the state of <time dateTime={value.cut}>{value.cut}</time>.
      </p>
    </section>
  )
}

/** Who committed to what, side by side. */
function Agreement({ nodes }: { readonly nodes: readonly NodeView[] }) {
  const camps = campsOf(nodes)
  if (camps.length === 0) return null
  return (
    <section class="card" aria-labelledby="agreement">
      <h2 id="agreement">What the nodes committed to</h2>
      {disagree(nodes) && (
        <p class="bad">
          <Mark tone="bad" /> For one moment there are two states that somebody committed to.
        </p>
      )}

      <table>
        <thead>
          <tr>
            <th scope="col">State</th>
            <th scope="col">As of</th>
            <th scope="col">Nodes</th>
          </tr>
        </thead>
        <tbody>
          {camps.map(({ root, cut, sources }) => (
            <tr key={`${cut} ${root}`}>
              <td>
                <code>{root}</code>
              </td>
              <td>
                <time dateTime={cut}>{cut}</time>
              </td>
              <td>{sources.join(', ')}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}

function NodeCard({ node }: { readonly node: NodeView }) {
  const checks = checksOf(node)
  const answer = answerOfNode(node)
  const id = `node-${node.source}`
  return (
    <section class="card" aria-labelledby={id}>
      <h2 id={id}>
        <Mark tone={answer.tone} /> {node.source}: {answer.word.toLowerCase()}
      </h2>
      <p>{node.sentence}</p>
      <dl class="facts">
        {node.verdict !== 'trusted' && <Fact name="Reason" value={<code>{node.code}</code>} />}
        {node.node !== null && <Fact name="Node" value={<code>{node.node}</code>} />}
        {node.platform !== null && (
          <Fact
            name="Platform"
            value={node.platform === 'simulated' ? 'simulated: protects nothing' : node.platform}
          />
        )}
        <Fact
          name="State"
          value={
            <>
              <Mark tone={toneOfState(node.state)} /> {node.state ?? 'not known'}
            </>
          }
        />
        {node.head !== null && <Fact name="Signed by" value={signersText(node.head)} />}
        {node.inspection?.validUntil != null && (
          <Fact
            name="Valid until"
            value={<time dateTime={node.inspection.validUntil}>{node.inspection.validUntil}</time>}
          />
        )}
      </dl>
      <details open={node.verdict !== 'trusted'}>
        <summary>What was asked: {tally(checks)}</summary>
        <ol class="checks">
          {checks.map((check, place) => (
            <CheckLine check={check} key={`${place} ${check.id}`} />
          ))}
        </ol>
      </details>
      {node.fields !== null && (
        <details>
          <summary>What the word for its state goes by</summary>
          <pre>{JSON.stringify(node.fields, null, 2)}</pre>
        </details>
      )}
    </section>
  )
}

function CheckLine({ check }: { readonly check: Check }) {
  const { id, why, outcome, found, expected } = check
  return (
    <li class={toneOfCheck(check)}>
      <p>
        <Mark tone={toneOfCheck(check)} /> <strong>{id}</strong> {why ?? outcome}
      </p>
      {found !== undefined && (
        <dl class="beside">
          {expected !== undefined && expected !== found && (
            <Fact name="Expected" value={<code>{expected}</code>} />
          )}
          <Fact
            name={expected === found ? 'As expected' : 'Found'}
            value={<Marked found={found} expected={expected ?? found} />}
          />
        </dl>
      )}
    </li>
  )
}

/** What was found, with what differs marked for eyes and for screen readers. */
function Marked({ found, expected }: { readonly found: string; readonly expected: string }) {
  return (
    <code>
      {segmentsOf(found, expected).map(({ text, differs }, place) =>
        differs ? (
          <mark key={place} title="differs from what was expected">
            {text}
          </mark>
        ) : (
          text
        ),
      )}
    </code>
  )
}

function Remains({ report }: { readonly report: LightReport }) {
  return (
    <>
      <ListCard id="trusts" title="What you still trust" items={report.trusts} />
      <ListCard id="proves-not" title="What this does not prove" items={report.provesNot} />
    </>
  )
}

function ListCard(list: {
  readonly id: string
  readonly title: string
  readonly items: readonly string[]
}) {
  if (list.items.length === 0) return null
  return (
    <section class="card" aria-labelledby={list.id}>
      <h2 id={list.id}>{list.title}</h2>
      <ul>
        {list.items.map(item => (
          <li key={item}>{item}</li>
        ))}
      </ul>
    </section>
  )
}

function Fact({
  name,
  value,
}: {
  readonly name: string
  readonly value: preact.ComponentChildren
}) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  )
}

const marks: Readonly<Record<Tone, string>> = {
  good: '✓',
  warning: '?',
  bad: '✗',
  calm: '–',
  simulated: '≈',
}

/** The sign of a tone. The word beside it says the same. */
function Mark({ tone }: { readonly tone: Tone }) {
  return (
    <span class={`mark ${tone}`} aria-hidden="true">
      {marks[tone]}
    </span>
  )
}

/** Copies a text, and says that it did. */
export function CopyButton({
  text,
  children,
}: {
  readonly text: string
  readonly children: string
}) {
  const [said, say] = useState('')
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(text)
      say('copied')
    } catch {
      // An insecure origin or a refusal of the person: the text stands on the page as well.
      say('select and copy it by hand')
    }
  }
  return (
    <>
      <button type="button" onClick={() => void copy()}>
        {children}
      </button>{' '}
      <span role="status">{said}</span>
    </>
  )
}
