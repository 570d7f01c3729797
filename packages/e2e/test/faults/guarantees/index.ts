import type { Guarantee } from '../../../src/faults/guarantee.js';
import { abuse } from './abuse.js';
import { clock } from './clock.js';
import { document } from './document.js';
import { deploy } from './deploy.js';
import { frozen } from './frozen.js';
import { kill } from './kill.js';
import { lagging } from './lagging.js';
import { leaks } from './leaks.js';
import { limits } from './limits.js';
import { noisy } from './noisy.js';
import { overload } from './overload.js';
import { restored } from './restored.js';
import { revoked } from './revoked.js';

/**
 * The tested guarantees, in the order in which they run. Each key is the name of a guarantee in reports and on the
 * command line.
 */
export const GUARANTEES = {
  ...{ kill, deploy, frozen, restored, clock, lagging },
  ...{ overload, noisy, abuse, document, limits, revoked, leaks },
} satisfies Record<string, Guarantee>;
export type GuaranteeId = keyof typeof GUARANTEES;
