import { element } from './element.js'

/** Shows how the matches stand. */
export function showScores({ minute, over, matches, scored }) {
  document.getElementById('minute').textContent = over ? 'Full time' : `${minute}′`
  document.getElementById('matches').replaceChildren(...matches.map((match, index) => showMatch(match, scored.includes(index))))
}

function showMatch({ home, away, goals, last }, justScored) {
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
