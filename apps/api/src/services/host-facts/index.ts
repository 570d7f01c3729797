/** The facts that an agent reports about its host: name, labels, addresses and so on. */
export { recordHostFacts, writeHostFacts } from './host-facts.js';
