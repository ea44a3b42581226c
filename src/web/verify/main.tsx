/** The verification page: made once. What stands behind # in its address fills the form: it is not sent to any server. */
import { render } from 'preact'
import { App } from './app.tsx'
import { browserDesk } from './browser-desk.ts'

const place = document.getElementById('page')
if (place !== null) {
  const asked = new URLSearchParams(location.hash.slice(1))
  const said = (name: string): string => asked.get(name) ?? ''
  const wish = { pin: said('pin'), nodes: said('node'), key: said('key') }
  render(<App desk={browserDesk(window)} wish={wish} />, place)
}
