/** Every path from a user to a resource, a lane each, the winning one first and marked. */
import type { Path } from '../../../src/client/index.ts'
import { End, endedClass } from './ends.tsx'
import { Level } from './level.tsx'
import { Empty, useNow } from './states.tsx'

interface PathPictureProps {
  readonly user: string
  readonly resource: string
  readonly paths: readonly Path[]
}

const BOX = { width: 128, height: 48 }
const GAP = 34
const GRANT_GAP = 120
const LANE = 68
const MARGIN = 8

export function PathPicture({ user, resource, paths }: PathPictureProps) {
  const now = useNow()
  if (paths.length === 0)
    return (
      <Empty>
        <strong>{user}</strong> does not see <strong>{resource}</strong>: no group of theirs holds a grant on it.
      </Empty>
    )
  const lanes = paths.toSorted((one, other) => Number(other.wins) - Number(one.wins))
  return (
    <>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <section class="picture" tabIndex={0} aria-label={`How ${user} gets to ${resource}`}>
        <Drawing user={user} resource={resource} lanes={lanes} now={now} />
      </section>
      <h3 class="quiet-heading">In words</h3>
      <ol class="path-words">
        {lanes.map((path) => (
          <li key={keyOf(path)} class={`${path.wins ? 'wins' : ''}${endedClass(path, now)}`}>
            <Level of={path.permission} />{' '}
            <span class="steps">
              {[user, ...path.groups.map(({ name }) => name), resource].map((step, index) => (
                <span key={`${index}-${step}`} class="step">
                  {index > 0 && <span class="step-arrow"> → </span>}
                  {step}
                </span>
              ))}
            </span>
            {path.wins && <span class="tag good">wins</span>}
            <End expiresAt={path.expiresAt} />
          </li>
        ))}
      </ol>
    </>
  )
}

interface DrawingProps {
  readonly user: string
  readonly resource: string
  readonly lanes: readonly Path[]
  readonly now: number
}

function Drawing({ user, resource, lanes, now }: DrawingProps) {
  const longest = Math.max(...lanes.map(({ groups }) => groups.length))
  const column = (index: number) => MARGIN + index * (BOX.width + GAP)
  const resourceX = column(longest) + BOX.width + GRANT_GAP
  const width = resourceX + BOX.width + MARGIN
  const height = lanes.length * LANE - (LANE - BOX.height) + 2 * MARGIN
  const laneY = (lane: number) => MARGIN + lane * LANE + BOX.height / 2
  // On the winner's lane, so that its path is a straight line.
  const endY = laneY(0)
  return (
    <svg
      viewBox={`0 0 ${width} ${height}`}
      width={width}
      height={height}
      role="img"
      aria-label="The paths as a picture"
    >
      <defs>
        {['', '-wins'].map((kind) => (
          <marker
            key={kind}
            id={`arrow${kind}`}
            viewBox="0 0 8 8"
            refX="7"
            refY="4"
            markerWidth="7"
            markerHeight="7"
            orient="auto"
          >
            <path d="M0 0 8 4 0 8Z" class={`arrow${kind}`} />
          </marker>
        ))}
      </defs>
      {lanes.toReversed().map((path) => {
        const lane = lanes.indexOf(path)
        const y = laneY(lane)
        const kind = path.wins ? '-wins' : ''
        const last = column(path.groups.length) + BOX.width
        const link = (x1: number, y1: number, x2: number, y2: number) => (
          <path
            key={`${x1}-${y1}`}
            d={`M${x1} ${y1} C${x1 + GAP * 0.7} ${y1} ${x2 - GAP * 0.7} ${y2} ${x2 - 1} ${y2}`}
            class={`link${kind}`}
            marker-end={`url(#arrow${kind})`}
          />
        )
        const label = { x: last + 10, width: GRANT_GAP - 34 }
        return (
          <g key={keyOf(path)} class={endedClass(path, now).trim()}>
            {path.groups.map((_, step) =>
              step === 0
                ? link(column(0) + BOX.width, endY, column(1), y)
                : link(column(step) + BOX.width, y, column(step + 1), y),
            )}
            <path
              d={`M${last} ${y} H${resourceX - GAP} C${resourceX - GAP / 3} ${y} ${resourceX - GAP / 1.5} ${endY} ${resourceX - 1} ${endY}`}
              class={`link${kind}`}
              marker-end={`url(#arrow${kind})`}
            />
            <rect
              x={label.x}
              y={y - 11}
              width={label.width}
              height={22}
              rx={11}
              class={`grant grant-${path.permission}`}
            />
            <text x={label.x + label.width / 2} y={y + 4} text-anchor="middle" class={`grant-text-${path.permission}`}>
              {path.permission}
            </text>
            {path.groups.map(({ id, name }, step) => (
              <Box
                key={id}
                x={column(step + 1)}
                y={y}
                name={name}
                what={step === 0 ? 'own group' : 'parent'}
                wins={path.wins}
              />
            ))}
          </g>
        )
      })}
      <Box x={column(0)} y={endY} name={user} what="user" wins />
      <Box x={resourceX} y={endY} name={resource} what="resource" wins />
    </svg>
  )
}

function Box({ x, y, name, what, wins }: { x: number; y: number; name: string; what: string; wins: boolean }) {
  const short = name.split('/').at(-1) ?? name
  return (
    <g>
      <title>{name}</title>
      <rect
        x={x}
        y={y - BOX.height / 2}
        width={BOX.width}
        height={BOX.height}
        rx={8}
        class={wins ? 'box wins' : 'box'}
      />
      <text x={x + BOX.width / 2} y={y - 3} text-anchor="middle" class="box-name">
        {shortened(short, 15)}
      </text>
      <text x={x + BOX.width / 2} y={y + 14} text-anchor="middle" class="box-what">
        {what}
      </text>
    </g>
  )
}

const shortened = (text: string, length: number) => (text.length > length ? `${text.slice(0, length - 1)}…` : text)

const keyOf = ({ groups, permission }: Path) => `${groups.map(({ id }) => id).join('>')}:${permission}`
