/** Why a page is told that something it wanted may be gone. */
export type ResetReason =
  /** This log never gave out its last event id: it is of another epoch, of another log, or no id at all. */
  | 'unknown'
  /** What followed its last event id is not kept any more. */
  | 'trimmed'
  /** It read so slowly that what it had yet to read was dropped. */
  | 'lagged'
  /** The log's engine has lost messages, among them some that it had read or was to read. */
  | 'lost'
