// Stretches of sound in which no class reaches its threshold: shown as unknown, not as the class
// that comes nearest. Below a level there is no sound, and so nothing unknown.

const SHORTEST_S = 0.25; // what is shorter is not listed
const GAP_S = 0.5; // of quiet, within a stretch

export class Unknown {
  constructor(hopS, quietDb) {
    this.hopS = hopS;
    this.quietDb = quietDb;
    this.levels = [];
    this.from = null; // first and last frame of the stretch
    this.to = null;
    this.isOpen = false;
  }

  /** Whether a frame, of which it is known whether a class is active, is of unknown sound. */
  is(frame, active) {
    return !active && (this.levels[frame] ?? -Infinity) >= this.quietDb;
  }

  /** Return { opened, events } of a message, whose results are those from a frame on. */
  take({ levels, results }, first) {
    const changes = { opened: [], events: [] };
    this.levels.push(...levels);
    results.forEach(({ active }, i) => {
      const frame = first + i;
      const isActive = active.some(Boolean);
      const ends = isActive || frame - this.to > GAP_S / this.hopS;
      if (this.from !== null && ends) this.close(changes);
      if (!this.is(frame, isActive)) return;
      this.from ??= frame;
      this.to = frame;
      if (!this.isOpen && (this.to - this.from + 1) * this.hopS >= SHORTEST_S) {
        this.isOpen = true;
        changes.opened.push(this.event(null));
      }
    });
    return changes;
  }

  /** End a stretch that is under way; return it as take() does. */
  finish() {
    const changes = { opened: [], events: [] };
    if (this.from !== null) this.close(changes);
    return changes;
  }

  close(changes) {
    if (this.isOpen) changes.events.push(this.event((this.to + 0.5) * this.hopS));
    this.from = null;
    this.to = null;
    this.isOpen = false;
  }

  event(offsetS) {
    return { label: null, onset_s: Math.max(0, this.from - 0.5) * this.hopS, offset_s: offsetS, score: null };
  }
}
