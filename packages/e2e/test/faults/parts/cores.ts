import { postmasterPid } from '@muster/testkit/databases';
import { pinFamily } from '@muster/testkit/proc';

export { onCore } from '@muster/testkit/proc';

/** Keeps a PostgreSQL server on one core. Otherwise a load generator on the same core would measure itself. */
export const pinServer = async (url: string, core: number): Promise<void> => pinFamily(await postmasterPid(url), core);
