import { Card, Scroll } from './card.tsx'
import type { Watched } from './model.ts'
import { factsText, nameOf, sideText, timeText } from './views.ts'

/** Who was turned away, with the code, why, and what to do. */
export function RefusalsCard({ watched }: { readonly watched: Watched }) {
  const { refusals } = watched
  return (
    <Card
      id="refusals"
      title="Refusals"
      aside={refusals.length === 0 ? 'none' : `latest ${refusals.length}`}
    >
      {refusals.length === 0 ? (
        <p class="empty">Nobody has been refused, and nobody has refused this node.</p>
      ) : (
        <Scroll label="List of refusals">
          <ul class="refusals">
            {refusals.map(refusal => (
              <li key={`${refusal.at}${refusal.code}${refusal.node}`} data-code={refusal.code}>
                <p>
                  <time dateTime={refusal.at}>{timeText(refusal.at)}</time>{' '}
                  <strong>{refusal.code}</strong>{' '}
                  <span class="by">
                    said by {sideText(refusal.by)},{' '}
                    {refusal.node === null ? refusal.address : nameOf(watched, refusal.node)}
                    {refusal.count > 1 ? `, ${refusal.count} times` : ''}
                  </span>
                </p>
                <p class="facts">{factsText(watched, refusal.facts)}</p>
                {refusal.next !== '' && <p class="next">{refusal.next}</p>}
              </li>
            ))}
          </ul>
        </Scroll>
      )}
    </Card>
  )
}

export function EventsCard({ watched }: { readonly watched: Watched }) {
  const events = watched.events.toReversed()
  return (
    <Card id="events" title="Events" aside="newest first, UTC">
      {events.length === 0 ? (
        <p class="empty">Nothing has happened yet.</p>
      ) : (
        <Scroll label="List of events">
          <ol class="events">
            {events.map((event, i) => (
              <li key={`${event.at}${event.kind}${events.length - i}`}>
                <time dateTime={event.at}>{timeText(event.at)}</time>
                <span>
                  {event.text} <span class="facts">{factsText(watched, event.facts)}</span>
                </span>
              </li>
            ))}
          </ol>
        </Scroll>
      )}
    </Card>
  )
}
