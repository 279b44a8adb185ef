// What sounds at one moment: events of known classes, a sound of none, or quiet.

import { NONE, UNKNOWN, nameOf } from "/collection.js";

const WITHOUT = {
  [UNKNOWN]: "unknown: a sound, and no class reaches its threshold",
  [NONE]: "none of these: a sound that is unlike those of the classes",
};
const SAY_MS = 1000; // between two sentences for who does not see them

export class Now {
  /** place: for the marks; words: a live region, which is told of changes only. */
  constructor(place, words) {
    this.place = place;
    this.words = words;
    this.shown = null;
    this.latest = ""; // in words
    this.sounded = new Set(); // names of events since words were said last
    this.said = "";
    this.saidAt = -SAY_MS;
    this.timer = null;
  }

  /** events: those that sound, of a sound that is processed or played; null: there is none. */
  show(events, atS) {
    const marks = marksOf(events, atS);
    const text = marks.map(([kind, ...rest]) => kind + rest.join(" ")).join();
    if (text !== this.shown) {
      this.shown = text;
      this.place.replaceChildren(...marks.map(([kind, name, figures]) => mark(kind, name, figures)));
    }
    this.latest = marks.map(([, name]) => name).join(", ");
    for (const [kind, name] of marks) if (kind === "known" || kind === "unknown") this.sounded.add(name);
    this.later();
  }

  later() {
    this.timer ??= setTimeout(() => this.say(), this.saidAt + SAY_MS - performance.now());
  }

  /** Say what sounds, and what has sounded since words were said last, however short it was. */
  say() {
    this.timer = null;
    const words = [...this.sounded].join(", ") || this.latest;
    this.sounded.clear();
    if (words !== this.said) {
      this.said = words;
      this.saidAt = performance.now();
      this.words.textContent = words;
    }
    if (this.latest !== this.said) this.later();
  }
}

function marksOf(events, atS) {
  if (!events) return [["none", "nothing is played or processed", ""]];
  if (!events.length) return [["quiet", "no event", ""]];
  const isKnown = events.some((event) => event.label !== null);
  return events.filter((event) => !isKnown || event.label !== null).map((event) => {
    const figures = `${event.score === null ? "" : `${event.score.toFixed(2)}, `}for ${
      Math.max(0, atS - event.onset_s).toFixed(1)} s`;
    return event.label === null
      ? ["unknown", WITHOUT[nameOf(event)], figures]
      : ["known", event.label, figures];
  });
}

function mark(kind, name, figures) {
  const element = document.createElement("span");
  element.className = `mark ${kind}`;
  const value = document.createElement("span");
  value.className = "value";
  value.textContent = figures;
  element.append(`${name} `, value);
  return element;
}
