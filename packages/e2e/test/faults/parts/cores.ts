import { postmasterPid } from '@muster/testkit/databases';
import { pinFamily } from '@muster/testkit/proc';

export { onCore } from '@muster/testkit/proc';

/** Keeps a PostgreSQL server on one core, so that it does not slow down the load generator on another core. */
export const pinServer = async (url: string, core: number): Promise<void> => pinFamily(await postmasterPid(url), core);
