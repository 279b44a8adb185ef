// The events of a sound, by onset: those that have ended, and those under way.

import { clock } from "/clock.js";

const LISTED = 500; // rows of the table; labels that are downloaded hold all events

export function counted(number) {
  return number === 1 ? "1 event" : `${number} events`;
}

export class Events {
  /** model: as the server describes it; rows: the table's body; show(seconds) is called by a row's button. */
  constructor(model, rows, show) {
    this.columns = new Map(model.classes.map((each, i) => [each.name, i]));
    this.hopS = model.hop_s;
    this.rows = rows;
    this.show = show;
    this.reset();
  }

  reset() {
    this.all = []; // as they begin, so by onset
    this.going = new Map();
    this.rows.replaceChildren();
  }

  get ended() {
    const ended = this.all.filter((each) => each.offset_s !== null);
    return ended.map(({ row, ...event }) => event);
  }

  /** Take the events of a message, whose results are those from a frame on. */
  take({ opened, events, results }, first) {
    for (const event of opened) this.open(event);
    for (const event of events) {
      const going = this.going.get(key(event));
      this.close(going ?? this.open(event), event.offset_s, event.score);
    }
    for (const event of this.going.values()) {
      const column = this.columns.get(event.label);
      results.forEach(({ scores }, i) => {
        const isIn = event.onset_s < (first + i + 0.5) * this.hopS;
        if (isIn) event.score = Math.max(event.score, scores[column]);
      });
      event.row.children[3].textContent = event.score.toFixed(2);
    }
  }

  /** End the events that are under way: nothing more will be known of them. */
  endAt(seconds) {
    for (const event of [...this.going.values()]) {
      this.close(event, Math.max(seconds, event.onset_s), event.score);
    }
  }

  open({ label, onset_s: onsetS, score }) {
    const event = { label, onset_s: onsetS, offset_s: null, score, row: this.row(label, onsetS) };
    this.all.push(event);
    this.going.set(key(event), event);
    this.rows.append(event.row);
    if (this.rows.children.length > LISTED) this.rows.firstElementChild.remove();
    return event;
  }

  close(event, offsetS, score) {
    this.going.delete(key(event));
    event.offset_s = offsetS;
    event.score = score;
    event.row.classList.remove("going");
    event.row.children[2].textContent = clock(offsetS);
    event.row.children[3].textContent = score.toFixed(2);
  }

  row(label, onsetS) {
    const row = document.createElement("tr");
    row.className = "going";
    const head = document.createElement("th");
    head.scope = "row";
    head.textContent = label;
    const show = document.createElement("button");
    show.type = "button";
    show.textContent = "Show";
    show.setAttribute("aria-label", `Show ${label} at ${clock(onsetS)}`);
    show.addEventListener("click", () => this.show(onsetS));
    const cells = [clock(onsetS), "under way", "", show].map((content) => {
      const cell = document.createElement("td");
      cell.append(content);
      return cell;
    });
    row.append(head, ...cells);
    return row;
  }

  caption() {
    const going = this.going.size ? `, ${this.going.size} under way` : "";
    const more = this.all.length > LISTED ? `; the latest ${LISTED} are listed` : "";
    return `${counted(this.all.length - this.going.size)}${going}${more}`;
  }
}

/** An event is named by its class and its onset. */
function key({ label, onset_s: onsetS }) {
  return `${onsetS} ${label}`;
}
