export { peakBytes, residentBytes, resetPeak as forgetPeak } from '@muster/testkit/proc';
