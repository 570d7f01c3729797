/** Who calls: operators, and clients without an account. */
export { findActorNames } from './actor-names.js';
export type { Caller } from './caller.js';
export type { OperatorActor, OperatorIdentity } from './operator-identity.js';
