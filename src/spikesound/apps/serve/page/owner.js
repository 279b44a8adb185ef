// Which of several open tabs holds which of the kept sounds: a tab that lives holds a lock of the
// browser, and when it goes, another tab takes over what it had.

export class Owner {
  constructor() {
    this.id = `${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}`;
    this.asked = new Set([this.id]);
    // Without locks (only at another address than 127.0.0.1) each tab takes all that is kept.
    navigator.locks?.request(this.id, () => new Promise(() => {}));
  }

  /** Call take(owner) once the tab that had these sounds is gone: at once if it is gone already. */
  whenGone(owners, take) {
    for (const owner of owners) {
      if (this.asked.has(owner)) continue;
      this.asked.add(owner);
      if (navigator.locks) navigator.locks.request(owner, () => take(owner));
      else take(owner);
    }
  }
}
