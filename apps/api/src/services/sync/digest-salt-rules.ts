/**
 * Decides which salt the digests of snapshots have (ADR 19). A salt is a part of each digest. The salt is neither
 * random nor secret: it identifies a generation of the parser. These functions are pure: the state is one row that all
 * replicas share.
 *
 * A replica must not accept a digest that another parser stored as proof that a host's rows are what its own parser
 * would write. Replicas that run side by side during an upgrade must nevertheless accept each other's digests.
 * Otherwise, each replica would parse what another replica has just stored. Therefore, all replicas use the same salt.
 * The salt changes only when all replicas have the same parser again, and then for one host after another.
 */
import { createHash } from 'node:crypto';

export interface DigestSaltState {
  /** The parser version of all replicas when this salt began. */
  parserVersion: string;
  /** Makes the salt unique if the same parser version becomes the only running version for a second time. */
  epoch: number;
  /** Whether a replica with another parser may have stored digests with this salt. */
  isMixed: boolean;
  /** The salt before this salt. A host keeps the previous salt until the host's turn to get this salt. */
  previousSalt: string | null;
  changedAt: Date;
}

/**
 * Milliseconds between the end of an upgrade and the first host that gets the new salt. Replicas of version 0.2.0 do
 * not record themselves, so a rolling upgrade from that version may take this long.
 */
const NEW_SALT_DELAY_MS = 10 * 60_000;

/** Milliseconds in which all hosts get the new salt, each at its own time. */
const SPREAD_MS = 10 * 60_000;

const saltOf = ({ parserVersion, epoch }: DigestSaltState): string =>
  epoch === 0 ? parserVersion : `${parserVersion}/${epoch}`;

/**
 * Returns the state after a replica with the parser `ownVersion` has read which parser versions are running.
 * `runningVersions` includes `ownVersion`. If no replica has ever stored a state, `state` is null.
 */
export function nextDigestSalt(
  state: DigestSaltState | null,
  ownVersion: string,
  runningVersions: ReadonlySet<string>,
  now: Date,
): DigestSaltState {
  if (state === null)
    return {
      parserVersion: ownVersion,
      epoch: 0,
      isMixed: runningVersions.size > 1,
      previousSalt: null,
      changedAt: now,
    };
  if (runningVersions.size > 1) return state.isMixed ? state : { ...state, isMixed: true };
  if (state.parserVersion === ownVersion && !state.isMixed) return state;
  const epoch = state.epoch + 1;
  return { parserVersion: ownVersion, epoch, isMixed: false, previousSalt: saltOf(state), changedAt: now };
}

/**
 * Returns whether a process that has used `current` must wait before it uses `next`. Until the other replicas have read
 * that this salt is mixed, they treat digests with this salt as stored by their own parser.
 */
export const isJoining = (current: DigestSaltState | null, next: DigestSaltState): boolean =>
  next.isMixed && next.epoch !== current?.epoch;

/**
 * Returns the salt for a host's digests. `isOwn` is true if only this replica's parser has stored digests with this
 * salt, so that a matching digest shows that the rows are what this parser would write.
 */
export function digestSaltFor(
  state: DigestSaltState,
  ownVersion: string,
  hostId: string,
  now: Date,
): { salt: string; isOwn: boolean } {
  const sinceMs = now.getTime() - state.changedAt.getTime() - NEW_SALT_DELAY_MS;
  if (state.previousSalt !== null && sinceMs < hostFraction(hostId) * SPREAD_MS)
    return { salt: state.previousSalt, isOwn: false };
  return { salt: saltOf(state), isOwn: state.parserVersion === ownVersion && !state.isMixed };
}

/** Returns a number from 0 up to 1 that is always the same for a host, and evenly distributed over the hosts. */
const hostFraction = (hostId: string): number => createHash('sha256').update(hostId).digest().readUInt32BE(0) / 2 ** 32;
