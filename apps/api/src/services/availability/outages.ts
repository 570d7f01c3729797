/** A period in milliseconds since 1970. */
interface Span {
  from: number;
  to: number;
}

/** Muster's own outages, ordered and merged, so that those of any period are found quickly. */
export class Outages {
  private readonly spans: Span[] = [];

  /** `outages` are ordered by their start and may overlap. */
  constructor(outages: readonly { startedAt: Date; endedAt: Date }[]) {
    for (const { startedAt, endedAt } of outages) {
      const [from, to] = [startedAt.getTime(), endedAt.getTime()];
      const last = this.spans.at(-1);
      if (last !== undefined && from <= last.to) last.to = Math.max(last.to, to);
      else if (to > from) this.spans.push({ from, to });
    }
  }

  /** Iterates over the parts of outages between two instants, oldest first. */
  *within(from: number, to: number): Generator<Span> {
    let [low, high] = [0, this.spans.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.spans[middle]!.to <= from) low = middle + 1;
      else high = middle;
    }
    for (let index = low; index < this.spans.length && this.spans[index]!.from < to; index += 1) {
      const span = this.spans[index]!;
      yield { from: Math.max(from, span.from), to: Math.min(to, span.to) };
    }
  }
}
