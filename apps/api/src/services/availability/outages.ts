/** A period in milliseconds since 1970. */
interface Span {
  from: number;
  to: number;
}

/** Muster's own outages, ordered and merged, so that the outages within any period are found quickly. */
export class Outages {
  /** The outages. `before` is the total length of all earlier outages. */
  private readonly spans: (Span & { before: number })[] = [];

  /** `outages` are ordered by their start and may overlap. */
  constructor(outages: readonly { startedAt: Date; endedAt: Date }[]) {
    for (const { startedAt, endedAt } of outages) {
      const [from, to] = [startedAt.getTime(), endedAt.getTime()];
      const last = this.spans.at(-1);
      if (last !== undefined && from <= last.to) last.to = Math.max(last.to, to);
      else if (to > from) this.spans.push({ from, to, before: last ? last.before + last.to - last.from : 0 });
    }
  }

  /** Iterates over the parts of outages between two instants, oldest first. */
  *within(from: number, to: number): Generator<Span> {
    for (let index = this.firstAfter(from); index < this.spans.length; index += 1) {
      const span = this.spans[index]!;
      if (span.from >= to) return;
      yield { from: Math.max(from, span.from), to: Math.min(to, span.to) };
    }
  }

  /** Returns the length of all outages between two instants. */
  lengthWithin(from: number, to: number): number {
    return this.lengthBefore(to) - this.lengthBefore(from);
  }

  private lengthBefore(instant: number): number {
    const next = this.spans[this.firstAfter(instant)];
    if (next !== undefined) return next.before + Math.max(0, instant - next.from);
    const last = this.spans.at(-1);
    return last === undefined ? 0 : last.before + last.to - last.from;
  }

  /** Returns the index of the first outage that ends after an instant. */
  private firstAfter(instant: number): number {
    let [low, high] = [0, this.spans.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.spans[middle]!.to <= instant) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
