export { recordHostFacts, writeHostFacts, type ReportedFacts } from './host-facts.js';
