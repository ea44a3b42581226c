import { Card, Mark, Scroll } from './card.tsx'
import type { Watched } from './model.ts'
import { type MemberRow, memberRows } from './views.ts'

export function MembersCard({ watched }: { readonly watched: Watched }) {
  const rows = memberRows(watched)
  return (
    <Card id="members" title="Members" aside="as this node sees them">
      <Scroll label="Table of members">
        <table>
          <thead>
            <tr>
              <th scope="col">Node</th>
              <th scope="col">State</th>
              <th scope="col" class="number">
                <abbr title="suspicion: minus the logarithm of the chance that a beat is only late">
                  phi
                </abbr>
              </th>
              <th scope="col">Last beat</th>
              <th scope="col">Attested</th>
              <th scope="col">Platform</th>
              <th scope="col">Software</th>
              <th scope="col">Root</th>
            </tr>
          </thead>
          <tbody>
            {rows.map(row => (
              <Row key={row.id} row={row} />
            ))}
          </tbody>
        </table>
      </Scroll>
    </Card>
  )
}

function Row({ row }: { readonly row: MemberRow }) {
  return (
    <tr data-node={row.id} data-state={row.state}>
      <th scope="row" title={row.id}>
        {row.name}
      </th>
      <td>
        <Mark tone={row.tone}>
          {row.state}
          {row.phase === 'active' ? '' : `, ${row.phase}`}
        </Mark>
      </td>
      <td class="number">{row.phi}</td>
      <td class="number">{row.lastBeat}</td>
      <td>{row.attested}</td>
      <td>{row.platform}</td>
      <td>{row.measurement}</td>
      <td>
        <code class={row.agrees ? '' : 'warning'}>{row.root}</code>
      </td>
    </tr>
  )
}
