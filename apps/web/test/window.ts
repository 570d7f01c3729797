/**
 * The parts of a browser's window that the dashboard's modules use while they load. Import this file before these
 * modules.
 */
Object.assign(globalThis, {
  window: { location: { origin: 'http://muster.test' }, addEventListener() {}, removeEventListener() {} },
});

export {};
