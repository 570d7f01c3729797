import { formatNumber } from '@muster/testkit/report';

export const seconds = (ms: number): string => `${formatNumber(ms / 1_000)} s`;
export const percent = (share: number): string => `${formatNumber(100 * share)} %`;
export const perSecond = (rate: number): string => `${formatNumber(rate)}/s`;
export const count = (value: number): string => value.toLocaleString('en-US');
