import { element } from './element.js'

/** The last score of each match, with its row on the page. */
const shown = new Map()
let skipped = 0

/** Shows the score of a match. */
export function showScore(match) {
  const before = shown.get(match.home)
  const scored = before !== undefined && match.goals.some((goals, side) => goals > before.match.goals[side])
  const row = rowOf(match, scored)
  if (before) before.row.replaceWith(row)
  else document.getElementById('matches').append(row)
  shown.set(match.home, { match, row })

  document.getElementById('minute').textContent = match.over ? 'Full time' : `${match.minute}′`
  // A score is published every minute, so a missing minute means a score that the server skipped.
  skipped += Math.max(0, match.minute - (before?.match.minute ?? match.minute) - 1)
  document.getElementById('skipped').textContent = skipped > 0 ? `· ${skipped} skipped, since newer ones waited` : ''
}

function rowOf({ home, away, goals, last }, justScored) {
  const [forHome, forAway] = goals
  const side = (name, own, other) => element('span', own > other ? 'side ahead' : 'side', name)
  return element(
    'li',
    justScored ? 'match goal' : 'match',
    side(home, forHome, forAway),
    element('span', 'score', `${forHome}–${forAway}`),
    side(away, forAway, forHome),
    element('span', 'last', last || 'No goal yet'),
  )
}
