// A module that is loaded before a program: offsets the wall clock by the milliseconds in the file WRONG_CLOCK_FILE.
// The process reads the file at its start and on SIGUSR2. A Linux time namespace cannot replace this module, because it
// does not offset the wall clock.
import { readFileSync } from 'node:fs';

const RealDate = Date;
const readError = () => Number(readFileSync(process.env.WRONG_CLOCK_FILE, 'utf8'));
let errorMs = readError();
process.on('SIGUSR2', () => {
  errorMs = readError();
});

globalThis.Date = class extends RealDate {
  constructor(...given) {
    if (given.length === 0) super(RealDate.now() + errorMs);
    else super(...given);
  }

  static now() {
    return RealDate.now() + errorMs;
  }
};
