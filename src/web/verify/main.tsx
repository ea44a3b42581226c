/** The verification page: made once. What stands behind # in its address fills the form: it is not sent to any server. */
import { render } from 'preact'
import { App } from './app.tsx'
import { browserPorts } from './browser-ports.ts'

const place = document.getElementById('page')
if (place !== null) {
  const asked = new URLSearchParams(location.hash.slice(1))
  const said = (name: string): string => asked.get(name) ?? ''
  const wish = { pin: said('pin'), nodes: said('node'), key: said('key') }
  render(<App ports={browserPorts(window)} wish={wish} />, place)
}
