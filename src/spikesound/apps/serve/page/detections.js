// What the detector finds in one sound, taken into the collection. A sound that is processed again
// gives its events again: those that a person has changed stay as they are.

export class Detections {
  constructor(collection, sound, model) {
    this.collection = collection;
    this.sound = sound;
    this.columns = new Map(model.classes.map((each, i) => [each.name, i]));
    this.hopS = model.hop_s;
    this.earlier = new Map();
    for (const event of collection.of(sound)) if (event.was) this.earlier.set(key(event.was), event);
    this.current = new Set();
    this.going = new Map();
  }

  /** Take { opened, events, results } of a message, whose results are those from a frame on. */
  take({ opened, events, results }, first) {
    for (const each of opened) this.open(each);
    for (const each of events) {
      this.close(this.going.get(key(each)) ?? this.open(each), each.offset_s, each.score, each.refused);
    }
    for (const event of this.going.values()) {
      const column = this.columns.get(event.was.label);
      if (column === undefined) continue;
      results.forEach(({ scores }, i) => {
        const isIn = event.was.onset_s < (first + i + 0.5) * this.hopS;
        if (isIn) event.score = Math.max(event.score, scores[column]);
      });
    }
  }

  open({ label, onset_s, score }) {
    const was = { label, onset_s };
    const event = this.earlier.get(key(was)) ?? this.collection.addEvent({
      sound: this.sound.id, label, onset_s, offset_s: null, score, state: "detected", was,
    });
    this.current.add(event);
    this.going.set(key(was), event);
    return event;
  }

  /** refused: it is of none of the classes, and listed as unknown unless a person has named it. */
  close(event, offsetS, score, refused = false) {
    this.going.delete(key(event.was));
    const isLeft = event.state === "detected" || event.offset_s === null;
    const end = Math.max(offsetS, event.onset_s);
    const was = { ...event.was, offset_s: offsetS };
    const label = refused && event.state === "detected" ? { label: null } : {};
    this.collection.change(event, { was, score, ...label, ...(isLeft ? { offset_s: end } : {}) });
  }

  /** End the events that are under way: nothing more will be known of them. */
  endAt(seconds) {
    for (const event of [...this.going.values()]) this.close(event, seconds, event.score);
  }

  /** Drop what an earlier run found and this one, which is whole, did not. */
  replaceEarlier() {
    this.collection.drop([...this.earlier.values()].filter(
      (event) => event.state === "detected" && !this.current.has(event),
    ));
  }

  /** Drop all that no person has changed: a file that cannot be processed to its end has no labels. */
  refuse() {
    const events = this.collection.of(this.sound);
    this.collection.drop(events.filter((event) => event.state === "detected"));
  }
}

/** An event is named by its class and its onset, as they were detected. */
function key({ label, onset_s: onsetS }) {
  return JSON.stringify([label, onsetS]);
}
