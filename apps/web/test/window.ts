/**
 * The parts of a browser's window that modules of the dashboard use when they are loaded. Import this file before those
 * modules.
 */
Object.assign(globalThis, {
  window: { location: { origin: 'http://muster.test' }, addEventListener() {}, removeEventListener() {} },
});

export {};
