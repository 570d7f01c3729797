/** The identity of callers: operators, and clients without an account. */
export { findActorNames } from './actor-names.js';
export type { Caller, OperatorActor, OperatorIdentity } from './identity.js';
