const EVERY = 9_000
// The first reader finds some headlines.
const AT_ONCE = 5
const HEADLINES = [
  'Night ferry to Merrow runs again after nine winters',
  'Town clock found to have been right all along',
  'Library lends its thousandth umbrella',
  'Baker opens at four, queue forms at three',
  'Lighthouse keeper retires, light stays on',
  'Bridge to close on Sunday for a wedding',
  'Council votes for more benches, sits on it',
  'Orchard counts its bees and loses count',
  'Tram line 7 to hum in a lower key',
  'Old cinema to reopen with the film it closed on',
  'Fog delays harbour race, fog wins',
  'School orchestra tunes up, neighbours move practice to noon',
  'Market square gets its cobbles back, one by one',
  'Postman of forty years delivers his own farewell card',
  'Weather station predicts weather',
  'Chess club and rowing club swap rooms for a year',
  'Hill farm’s missing gate turns up as a table',
  'Museum finds its oldest map was drawn upside down',
  'Allotment marrow breaks scales, record stands unproven',
  'Last phone box in Castle Vale rings, nobody knows why',
  'Quarry pond warmer than the sea for a third week',
  'Choir short of basses advertises in the boatyard',
  'Swallows back at the station, ahead of the 8.14',
  'Printers’ guild admits its first machine',
]

/**
 * Plays a news agency: some headlines at once, then one every nine seconds until the process ends.
 * @param {(text: string) => void} onHeadline
 */
export function startWire(onHeadline) {
  let next = 0
  const say = () => onHeadline(/** @type {string} */ (HEADLINES[next++ % HEADLINES.length]))
  for (let each = 0; each < AT_ONCE; each++) say()
  setInterval(say, EVERY).unref()
}
