// SPDX-License-Identifier: Apache-2.0
/**
 * Does at once what has come to wait while the same was done for others.
 *
 * Deno KV takes the next access of a thread when that thread has seen the last one end. Where each push has accesses of
 * its own, one or two of them come to pass each time that the main thread looks, however many wait.
 *
 * @module
 */

export interface TogetherOptions<Item, Result> {
  /** Says whether `item` may be done at once with `group`, which is not empty. */
  readonly fits: (group: readonly Item[], item: Item) => boolean;
  /** Does `group`, and says of each item what became of it. */
  readonly run: (group: readonly Item[]) => Promise<readonly PromiseSettledResult<Result>[]>;
}

/** So many groups are under way at once: one is done, and the next one is there when it ends. */
const AT_ONCE = 2;

interface Waiting<Item, Result> {
  readonly item: Item;
  readonly answer: PromiseWithResolvers<Result>;
}

/** Makes groups, in the order in which items came. */
export class Together<Item, Result> {
  readonly #options: TogetherOptions<Item, Result>;
  #waiting: Waiting<Item, Result>[] = [];
  #running = 0;

  constructor(options: TogetherOptions<Item, Result>) {
    this.#options = options;
  }

  /** Does `item`, alone or with others. */
  do(item: Item): Promise<Result> {
    const answer = Promise.withResolvers<Result>();
    this.#waiting.push({ item, answer });
    this.#next();
    return answer.promise;
  }

  #next(): void {
    while (this.#running < AT_ONCE && this.#waiting.length > 0) void this.#run(this.#take());
  }

  /** Takes the first that waits, and those that fit to it. */
  #take(): Waiting<Item, Result>[] {
    const group: Waiting<Item, Result>[] = [];
    const items: Item[] = [];
    this.#waiting = this.#waiting.filter((each) => {
      if (items.length > 0 && !this.#options.fits(items, each.item)) return true;
      group.push(each);
      items.push(each.item);
      return false;
    });
    return group;
  }

  async #run(group: readonly Waiting<Item, Result>[]): Promise<void> {
    this.#running++;
    try {
      const results = await this.#options.run(group.map(({ item }) => item));
      group.forEach(({ answer }, i) => {
        const result = results[i]!;
        if (result.status === "fulfilled") answer.resolve(result.value);
        else answer.reject(result.reason);
      });
    } catch (error) {
      for (const { answer } of group) answer.reject(error);
    } finally {
      this.#running--;
      this.#next();
    }
  }
}
