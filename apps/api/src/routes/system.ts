import { Operations } from '@muster/contracts';
import type { Database } from '@muster/db';
import { route, type Route } from '../http/route.js';
import { getSystem } from '../services/system/index.js';

/** The route that describes this installation. */
export const systemRoutes = (db: Database, now: () => Date): Route[] => [
  route(Operations.getSystem, () => getSystem(db, now())),
];
