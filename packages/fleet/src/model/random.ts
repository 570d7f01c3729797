/** Numbers in [0, 1). */
export type Random = () => number;

/**
 * Numbers that are the same for the same seeds, and unrelated for seeds that differ in one bit. Each part of a
 * simulation has a generator of its own, so that what one part draws never moves another.
 *
 * Source: mulberry32 (Tommy Ettinger), and the finalizer of MurmurHash3 (Austin Appleby) to mix the seeds; both in
 * the public domain.
 */
export function seededRandom(...seeds: readonly number[]): Random {
  let state = seeds.reduce((mixed, seed) => mix((mixed + 0x9e3779b9) ^ seed), 0);
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

function mix(value: number): number {
  let mixed = value >>> 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

/** `length` (a multiple of 8) hexadecimal digits, as an engine's ids have. */
export function randomHex(random: Random, length: number): string {
  const bytes = Buffer.allocUnsafe(length / 2);
  for (let at = 0; at < bytes.length; at += 4) bytes.writeUInt32BE(Math.floor(random() * 4_294_967_296), at);
  return bytes.toString('hex');
}

/** `from` at least, less than `to`. */
export const between = (random: Random, from: number, to: number): number => from + random() * (to - from);

/** As `between`, but each factor of ten is as likely as the next. */
export const logBetween = (random: Random, from: number, to: number): number => from * (to / from) ** random();

/** The wait until the next of events that come by chance, `perMs` of them in a millisecond; infinite for none. */
export const waitMs = (random: Random, perMs: number): number =>
  perMs > 0 ? -Math.log(1 - random()) / perMs : Number.POSITIVE_INFINITY;
