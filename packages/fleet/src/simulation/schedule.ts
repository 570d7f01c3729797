/**
 * When whom to wake: one time for each of `count` keys (0 to `count` - 1), and the next of them at hand. A binary heap
 * under one timer costs less than a timer for each host of a fleet.
 */
export interface Schedule {
  /** Sets a key's time, in place of the one before; infinite: never. */
  set(key: number, atMs: number): void;
  /** The first time that is set; infinite where none is. */
  nextAtMs(): number;
  /** Takes out the first key whose time has come by `nowMs`; null: none. */
  takeDue(nowMs: number): number | null;
}

/** A schedule without times. Each call costs at most the logarithm of how many keys have one. */
export function createSchedule(count: number): Schedule {
  const times = new Float64Array(count).fill(Number.POSITIVE_INFINITY);
  const places = new Int32Array(count).fill(-1);
  const heap: number[] = [];

  const timeAt = (place: number): number => times[heap[place]!]!;

  function put(key: number, place: number): void {
    heap[place] = key;
    places[key] = place;
  }

  function rise(from: number): void {
    const key = heap[from]!;
    let place = from;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (timeAt(parent) <= times[key]!) break;
      put(heap[parent]!, place);
      place = parent;
    }
    put(key, place);
  }

  function sink(from: number): void {
    const key = heap[from]!;
    let place = from;
    for (;;) {
      let child = 2 * place + 1;
      if (child + 1 < heap.length && timeAt(child + 1) < timeAt(child)) child += 1;
      if (child >= heap.length || timeAt(child) >= times[key]!) break;
      put(heap[child]!, place);
      place = child;
    }
    put(key, place);
  }

  function remove(key: number): void {
    const place = places[key]!;
    const last = heap.pop()!;
    places[key] = -1;
    if (last === key) return;
    put(last, place);
    rise(place);
    sink(places[last]!);
  }

  return {
    set(key, atMs) {
      if (places[key] !== -1) remove(key);
      times[key] = atMs;
      if (atMs === Number.POSITIVE_INFINITY) return;
      heap.push(key);
      rise(heap.length - 1);
    },
    nextAtMs: () => (heap.length === 0 ? Number.POSITIVE_INFINITY : timeAt(0)),
    takeDue(nowMs) {
      if (heap.length === 0 || timeAt(0) > nowMs) return null;
      const key = heap[0]!;
      remove(key);
      return key;
    },
  };
}
