/** Something that keeps data within a bound that it shares with others. */
export interface Keeper {
  /** Drops all that it keeps, and sets its amount to 0. */
  clear(): void
}

/** A bound on the data that many keepers keep together. Beyond it, the keepers that began first drop their data. */
export class SharedBound {
  readonly #most: number
  /** The amount of each keeper, in the order in which they began. */
  readonly #amounts = new Map<Keeper, number>()
  #total = 0

  constructor(most: number) {
    this.#most = most
  }

  /** Sets the amount that a keeper keeps. */
  set(keeper: Keeper, amount: number): void {
    this.#total += amount - (this.#amounts.get(keeper) ?? 0)
    if (amount > 0) this.#amounts.set(keeper, amount)
    else this.#amounts.delete(keeper)
  }

  /** Clears keepers, except `except`, until there is room for `more`. */
  makeRoom(more: number, except?: Keeper): void {
    for (const keeper of this.#amounts.keys()) {
      if (this.#total + more <= this.#most) return
      if (keeper !== except) keeper.clear()
    }
  }
}
