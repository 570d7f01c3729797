import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';

/** Returns the next number, from 0 up to but not including 1. */
export type Random = () => number;

/**
 * Creates a pseudorandom generator. Equal seeds give equal numbers, and similar seeds give unrelated numbers. Each part
 * of a simulation can therefore have its own generator, and using one of them does not change the numbers of another.
 */
export function seededRandom(...seeds: readonly [number, ...number[]]): Random {
  const generator = xoroshiro128plus(seeds.reduce((mixed, seed) => mix((mixed + 0x9e3779b9) ^ seed), 0));
  return () => uniformFloat64(generator);
}

/** Hashes a 32-bit number. Source: the finalizer of MurmurHash3 (Austin Appleby), in the public domain. */
function mix(value: number): number {
  let mixed = value >>> 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

/** Returns `length` (a multiple of 8) hexadecimal digits, like those of an engine's ids. */
export function randomHex(random: Random, length: number): string {
  const bytes = Buffer.allocUnsafe(length / 2);
  for (let at = 0; at < bytes.length; at += 4) bytes.writeUInt32BE(Math.floor(random() * 4_294_967_296), at);
  return bytes.toString('hex');
}

/** Returns a number from `min` up to but not including `max`. */
export const between = (random: Random, min: number, max: number): number => min + random() * (max - min);

/** Like `between`, but with evenly distributed logarithms: a number from 1 to 10 is as likely as one from 10 to 100. */
export const logBetween = (random: Random, min: number, max: number): number => min * (max / min) ** random();

/** Returns the milliseconds until the next event of a Poisson process with this rate, or Infinity if the rate is 0. */
export const waitMs = (random: Random, perMs: number): number =>
  perMs > 0 ? -Math.log(1 - random()) / perMs : Number.POSITIVE_INFINITY;
