/** A place in the history of an organization: behind the event that has it, and before all later ones. */
export interface FeedPosition {
  /** The transaction that wrote the event. */
  tx: bigint;
  id: bigint;
}

/** Before all events: the position in a history that has none yet. */
export const FEED_START: FeedPosition = { tx: 0n, id: 0n };

const TEXT = /^(\d{1,19})-(\d{1,19})$/;
const INT8_MAX = 2n ** 63n - 1n;

/** As an event's id has it: `tx-id`. */
export const formatPosition = ({ tx, id }: FeedPosition): string => `${tx}-${id}`;

/** Null for what no event has as its id. */
export function parsePosition(text: string): FeedPosition | null {
  const [, tx = '', id = ''] = TEXT.exec(text) ?? [];
  if (tx === '') return null;
  const position = { tx: BigInt(tx), id: BigInt(id) };
  return position.tx <= INT8_MAX && position.id <= INT8_MAX ? position : null;
}

/** Whether `a` lies behind `b`. */
export const isBehind = (a: FeedPosition, b: FeedPosition): boolean => a.tx > b.tx || (a.tx === b.tx && a.id > b.id);
