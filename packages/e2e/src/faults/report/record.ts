import type { Finding, Guarantee } from '../guarantee.js';

/** What a test found, and when. */
export interface GuaranteeRecord {
  guarantee: Pick<Guarantee, 'id' | 'title'>;
  findings: readonly Finding[];
  /** 2: what a busy machine can spoil was spoilt the first time, and the figures are those of a second try. */
  tries: number;
  /** RFC 3339, as it began. */
  at: string;
  seconds: number;
}
