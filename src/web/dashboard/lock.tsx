import { useState } from 'preact/hooks'

/** Asks for the host's token. It stays in the memory of this page: a reload asks again. */
export function Lock({
  why,
  open,
}: {
  readonly why: string
  readonly open: (token: string) => void
}) {
  const [token, setToken] = useState('')
  const submit = (event: SubmitEvent): void => {
    event.preventDefault()
    open(token.trim())
  }
  return (
    <main class="lock">
      <h1>Coterie</h1>
      <p>
        This node asks for the host's token: the content of <code>api.token</code> in its data
        directory. Each start of the node makes a new one.
      </p>
      <form onSubmit={submit}>
        <label for="token">Token</label>
        <input
          id="token"
          type="password"
          autocomplete="off"
          required
          value={token}
          onInput={event => setToken(event.currentTarget.value)}
        />
        <button type="submit">Open</button>
      </form>
      {why !== '' && (
        <p class="bad" role="alert">
          {why}: this is not the token of this start. Read <code>api.token</code> again.
        </p>
      )}
    </main>
  )
}
