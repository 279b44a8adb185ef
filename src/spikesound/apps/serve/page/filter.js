// Which events the table lists, and in which order.

import { UNKNOWN, scoreOf } from "/collection.js";

const KNOWN = "all but unknown";
const ALL = "";

const STATES = {
  "not deleted": (event) => event.state !== "deleted",
  "not checked": (event) => event.state === "detected",
  "by you": (event) => event.state === "checked" || event.state === "added",
  deleted: (event) => event.state === "deleted",
};

export class Filter {
  /** elements: { sound, label, score, scoreText, state, order, clear }; changed() after each change. */
  constructor(elements, changed) {
    this.elements = elements;
    elements.state.append(...Object.keys(STATES).map((name) => new Option(name, name)));
    const { sound, label, score, state, order, clear } = elements;
    const all = () => {
      elements.scoreText.textContent = Number(score.value).toFixed(2);
      changed();
    };
    for (const each of [sound, label, score, state, order]) each.addEventListener("input", all);
    clear.addEventListener("click", () => {
      for (const each of [sound, label, state, order]) each.selectedIndex = 0;
      score.value = "0";
      all();
    });
    all();
  }

  /** Offer the sounds and labels that there are, and keep what is chosen. */
  offer(sounds, labels) {
    options(this.elements.sound, [[ALL, "all sounds"], ...sounds.map(({ id, name }) => [id, name])]);
    const given = [[ALL, "all classes"], [KNOWN, KNOWN], [UNKNOWN, UNKNOWN]];
    options(this.elements.label, [...given, ...labels.map((label) => [`= ${label}`, label])]);
  }

  takes(event) {
    const { sound, label, score, state } = this.elements;
    if (sound.value !== ALL && event.sound !== sound.value) return false;
    if (label.value === KNOWN && event.label === null) return false;
    if (label.value === UNKNOWN && event.label !== null) return false;
    if (label.value.startsWith("= ") && event.label !== label.value.slice(2)) return false;
    const lowest = Number(score.value);
    if (lowest > 0 && event.label === null) return false;
    const own = scoreOf(event);
    return (own === null || own >= lowest) && STATES[state.value](event);
  }

  /** Sort by the time in each sound, in the order of the sounds, or by the score. */
  sorted(events, sounds) {
    const place = new Map(sounds.map(({ id }, i) => [id, i]));
    const byTime = (a, b) => place.get(a.sound) - place.get(b.sound) || a.onset_s - b.onset_s;
    if (this.elements.order.value === "time") return events.sort(byTime);
    const sign = this.elements.order.value === "highest" ? -1 : 1;
    const score = (event) => scoreOf(event) ?? (event.label === null ? 0 : 1);
    return events.sort((a, b) => sign * (score(a) - score(b)) || byTime(a, b));
  }
}

function options(select, wanted) {
  const now = JSON.stringify(wanted);
  if (select.dataset.options === now) return;
  const { value } = select;
  select.dataset.options = now;
  select.replaceChildren(...wanted.map(([id, text]) => new Option(text, id)));
  select.value = wanted.some(([id]) => id === value) ? value : wanted[0][0];
}
