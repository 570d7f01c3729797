import type { Guarantee, GuaranteeId } from '../../../src/faults/guarantee.js';
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

export const GUARANTEES: Readonly<Record<GuaranteeId, Guarantee>> = {
  ...{ kill, deploy, frozen, restored, clock, lagging },
  ...{ overload, noisy, abuse, document, limits, revoked, leaks },
};
