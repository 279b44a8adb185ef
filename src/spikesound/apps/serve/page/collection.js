// All sounds and their events, mirrored to the store as they change.
//
// A sound: { id, owner, name, kind: "file" | "microphone", state, seconds, rate_hz, error, ... }.
// An event: { id, sound, label, onset_s, offset_s, score, state, was }. Its label is null where the
// detector knows none; its offset is null while it is under way; its state is "detected" until a
// person has "checked" or "deleted" it, and "added" if a person made it. `was` is what the detector
// gave: null of one that was added.

export const UNKNOWN = "unknown";
export const NONE = "none of these"; // an event that a class began, and that is of none

export class Collection {
  /** changed() is called after each change. */
  constructor(store, owner, changed) {
    this.store = store;
    this.owner = owner;
    this.changed = changed;
    this.sounds = new Map();
    this.events = new Map();
    this.done = []; // by a person, to be undone: [event, what it was before, or null]
  }

  /** Take over what is kept of tabs that are gone; taken(sounds) is called with their sounds. */
  async load(taken) {
    const stored = await this.store.all("sounds");
    this.owner.whenGone(new Set(stored.map((sound) => sound.owner)), async (owner) => {
      const sounds = (await this.store.all("sounds")).filter((sound) => sound.owner === owner);
      if (!sounds.length) return;
      const events = await this.store.all("events");
      for (const sound of sounds.sort((a, b) => a.added - b.added)) {
        sound.owner = this.owner.id;
        this.sounds.set(sound.id, sound);
      }
      await this.store.put("sounds", sounds);
      for (const event of events) {
        const sound = this.sounds.get(event.sound);
        if (!sound || this.events.has(event.id)) continue;
        event.offset_s ??= Math.max(sound.seconds, event.onset_s);
        this.events.set(event.id, event);
      }
      taken(sounds);
      this.changed();
    });
  }

  addSound(name, kind) {
    const sound = {
      id: unique(), owner: this.owner.id, added: Date.now(), name, kind,
      state: "waiting", seconds: 0, rate_hz: null, error: "",
    };
    this.sounds.set(sound.id, sound);
    this.changeSound(sound, {});
    return sound;
  }

  changeSound(sound, changes) {
    Object.assign(sound, changes);
    this.changed();
    return this.store.put("sounds", [sound]);
  }

  removeSound(sound) {
    const events = this.of(sound).map((event) => event.id);
    this.sounds.delete(sound.id);
    events.forEach((id) => this.events.delete(id));
    this.done = this.done.filter(([event]) => event.sound !== sound.id);
    this.store.remove("events", events);
    this.store.remove("sounds", [sound.id]);
    this.changed();
  }

  /** The events of a sound, in the order in which they were detected or added. */
  of(sound) {
    return [...this.events.values()].filter((event) => event.sound === sound.id);
  }

  /** How many events a sound has, in words. */
  counts(sound) {
    const events = this.of(sound).filter((event) => event.state !== "deleted");
    const known = events.filter((event) => event.label !== null).length;
    const unknown = events.length - known;
    return counted(known) + (unknown ? `, ${unknown} unknown` : "");
  }

  addEvent(values) {
    const event = { id: unique(), ...values };
    this.events.set(event.id, event);
    this.change(event, {});
    return event;
  }

  change(event, changes) {
    Object.assign(event, changes);
    this.changed();
    return this.store.put("events", [event]);
  }

  drop(events) {
    events.forEach((event) => this.events.delete(event.id));
    this.store.remove("events", events.map((event) => event.id));
    this.changed();
  }

  /** A person's change of an event. */
  correct(event, changes) {
    this.done.push([event, { ...event }]);
    const state = event.state === "added" ? "added" : "checked";
    return this.change(event, { state, ...changes });
  }

  /** A person's event, which has no label yet. */
  add(sound, onsetS, offsetS) {
    const event = this.addEvent({
      sound: sound.id, label: null, onset_s: onsetS, offset_s: offsetS, score: null,
      state: "added", was: null,
    });
    this.done.push([event, null]);
    return event;
  }

  /** Undo a person's latest change; return its event, or null if there is none. */
  undo() {
    const [event, before] = this.done.pop() ?? [null, null];
    if (!event) return null;
    if (before) this.change(event, { ...before, offset_s: before.offset_s ?? event.offset_s });
    else this.drop([event]);
    return event;
  }
}

/** The detector's score of an event; null where the label is a person's, or there is none. */
export function scoreOf(event) {
  return event.was && event.was.label === event.label ? event.score : null;
}

/** The name of an event: its label, or what it is without one. */
export function nameOf(event) {
  return event.label ?? (event.was?.label ? NONE : UNKNOWN);
}

export function counted(number) {
  return number === 1 ? "1 event" : `${number} events`;
}

let made = 0;

/** A name that no other has, by which names are in the order in which they were made. */
function unique() {
  made += 1;
  const order = Date.now().toString(36).padStart(9, "0") + String(made).padStart(7, "0");
  return `${order}-${Math.random().toString(36).slice(2)}`;
}
