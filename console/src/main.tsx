import { render } from 'preact'
import { App } from './app.tsx'
import { signInOnArrival } from './session.ts'
import './style.css'

const root = document.getElementById('console')
if (root !== null) {
  render(<App />, root)
  void signInOnArrival()
}
