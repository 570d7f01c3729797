/** A position in an organization's history: directly after the event with these values. */
export interface FeedPosition {
  /** The transaction that wrote the event. */
  tx: bigint;
  id: bigint;
}

/** The position before all events. It is also the position of an empty history. */
export const FEED_START: FeedPosition = { tx: 0n, id: 0n };

const POSITION_PATTERN = /^(\d{1,19})-(\d{1,19})$/;
const BIGINT_MAX = 2n ** 63n - 1n;

/** Formats a position as an event id: `tx-id`. */
export const formatPosition = ({ tx, id }: FeedPosition): string => `${tx}-${id}`;

/** Parses an event id; null if the text is not a valid id. */
export function parsePosition(text: string): FeedPosition | null {
  const [, tx = '', id = ''] = POSITION_PATTERN.exec(text) ?? [];
  if (tx === '') return null;
  const position = { tx: BigInt(tx), id: BigInt(id) };
  return position.tx <= BIGINT_MAX && position.id <= BIGINT_MAX ? position : null;
}

/** Whether `a` is later than `b`. */
export const isPositionAfter = (a: FeedPosition, b: FeedPosition): boolean =>
  a.tx > b.tx || (a.tx === b.tx && a.id > b.id);
