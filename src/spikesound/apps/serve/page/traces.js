// The traces of the sounds that were processed last, as long as there is room for them.

const ROOM = 128 * 2 ** 20; // bytes

export class Traces {
  constructor() {
    this.traces = new Map();
  }

  put(sound, trace) {
    this.traces.delete(sound.id);
    this.traces.set(sound.id, trace);
    let size = [...this.traces.values()].reduce((sum, each) => sum + each.size, 0);
    for (const [id, each] of this.traces) {
      if (size <= ROOM || each === trace) break;
      this.traces.delete(id);
      size -= each.size;
    }
  }

  get(sound) {
    return this.traces.get(sound.id);
  }

  remove(sound) {
    this.traces.delete(sound.id);
  }
}
