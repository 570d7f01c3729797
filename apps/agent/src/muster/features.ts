import { ACCEPTS_PORT_RANGES, Accepts } from '@muster/contracts';
import { z } from 'zod';

/** Returns whether a response of the API states that it accepts ranges of ports. Earlier versions do not state it. */
export const offersPortRanges = (data: unknown): boolean =>
  z.object({ accepts: Accepts }).safeParse(data).data?.accepts.includes(ACCEPTS_PORT_RANGES) ?? false;
