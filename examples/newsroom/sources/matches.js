const MINUTE = 1_000
const FULL_TIME = 90
// Minutes between two rounds. The results stay on the page.
const BREAK = 20
const GOALS_PER_MINUTE = 1.5 / FULL_TIME
const FIXTURES = [
  ['Harbour Town', 'Northgate'],
  ['Castle Vale', 'Old Quay'],
  ['Elm Rovers', 'St Brannock'],
  ['Marsh End', 'Fenwick Ath.'],
]
const SCORERS = ['Adeyemi', 'Brandt', 'Castellan', 'Dunmore', 'Eklund', 'Farrow', 'Haddad', 'Ilić', 'Kearney', 'Lindqvist', 'Moreau', 'Okafor', 'Pires', 'Sato']

/**
 * @typedef {{ home: string, away: string, goals: [number, number], last: string }} Match
 * @typedef {{ minute: number, over: boolean, matches: Match[] }} Board
 */

/**
 * Simulates rounds of matches until the process ends. A minute of a match takes a second.
 * @param {(board: Board) => void} onMinute
 * @returns {{ readonly board: Board }} the current scores
 */
export function playMatches(onMinute) {
  let board = kickOff()
  let pause = 0
  const tick = () => {
    if (board.minute < FULL_TIME) board = playMinute(board)
    else if (++pause > BREAK) {
      pause = 0
      board = kickOff()
    } else return
    onMinute(board)
  }
  setInterval(tick, MINUTE).unref()
  return {
    get board() {
      return board
    },
  }
}

/**
 * Makes a message for each match, with its score and minute.
 * @param {Board} board
 */
export function scoresOf({ minute, over, matches }) {
  return matches.map((match) => ({ event: 'score', data: { ...match, minute, over } }))
}

/** @returns {Board} */
function kickOff() {
  return { minute: 0, over: false, matches: FIXTURES.map(([home = '', away = '']) => ({ home, away, goals: [0, 0], last: '' })) }
}

/**
 * @param {Board} board
 * @returns {Board}
 */
function playMinute(board) {
  const minute = board.minute + 1
  const matches = board.matches.map((match) => playOn(match, minute))
  return { minute, over: minute === FULL_TIME, matches }
}

/**
 * @param {Match} match
 * @param {number} minute
 * @returns {Match}
 */
function playOn(match, minute) {
  const chance = Math.random()
  if (chance > 2 * GOALS_PER_MINUTE) return match
  const side = chance < GOALS_PER_MINUTE ? 0 : 1
  const goals = /** @type {[number, number]} */ (match.goals.with(side, match.goals[side] + 1))
  const scorer = SCORERS[Math.floor(Math.random() * SCORERS.length)]
  return { ...match, goals, last: `${scorer} ${minute}′, for ${side === 0 ? match.home : match.away}` }
}
