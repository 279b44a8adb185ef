// The table of the events of all sounds. The row that is chosen has the editor under it.

import { clock } from "/clock.js";
import { UNKNOWN, counted, nameOf, scoreOf } from "/collection.js";

const LISTED = 200; // rows at once

export class Table {
  /** elements: { body, caption, earlier, later }; act: { choose, play }, called with an event. */
  constructor(elements, act, redraw) {
    Object.assign(this, elements);
    this.act = act;
    this.rows = new Map();
    this.chosen = null;
    this.from = null; // of the list; null: its end
    this.events = [];
    const turn = (by) => {
      const last = Math.max(0, this.events.length - LISTED);
      const from = Math.max(0, (this.from ?? last) + by);
      this.from = from >= last ? null : from;
      redraw();
    };
    this.earlier.addEventListener("click", () => turn(-LISTED));
    this.later.addEventListener("click", () => turn(LISTED));
  }

  /** events: those that pass the filter, in order; whole: of how many; editor: the editor's row. */
  draw(events, whole, sounds, editor) {
    this.events = events;
    const focused = this.body.contains(document.activeElement) ? document.activeElement : null;
    const last = Math.max(0, events.length - LISTED);
    const from = Math.min(this.from ?? last, last);
    const listed = events.slice(from, from + LISTED);
    const wanted = new Map(listed.map((event) => [event.id, event]));
    const nearest = focused && nearestOf(focused.closest("tr"), wanted);
    for (const [id, row] of this.rows) {
      if (wanted.has(id)) continue;
      row.remove();
      this.rows.delete(id);
    }
    let next = this.body.firstElementChild;
    const place = (row) => {
      if (row === next) next = next.nextElementSibling;
      else this.body.insertBefore(row, next);
    };
    for (const event of listed) {
      if (!this.rows.has(event.id)) this.rows.set(event.id, this.make(event));
      const row = this.rows.get(event.id);
      fill(row, event, sounds.get(event.sound), event === this.chosen);
      place(row);
      if (event === this.chosen) place(editor);
    }
    if (!wanted.has(this.chosen?.id)) editor.remove();
    if (focused?.isConnected) focused.focus(); // a row that moves loses it
    else if (focused) this.focus(nearest);
    this.earlier.hidden = from === 0;
    this.later.hidden = from >= last;
    this.caption.textContent = captionOf(events.length, whole, listed.length, from);
  }

  /** List the part that an event is in. */
  reveal(event) {
    const place = this.events.indexOf(event);
    const last = Math.max(0, this.events.length - LISTED);
    const from = Math.min(this.from ?? last, last);
    if (place < 0 || (place >= from && place < from + LISTED)) return;
    this.from = Math.max(0, Math.min(last, place - LISTED / 2));
  }

  make(event) {
    const row = document.createElement("tr");
    const head = document.createElement("th");
    head.scope = "row";
    const choose = document.createElement("button");
    choose.type = "button";
    choose.className = "label";
    choose.addEventListener("click", () => this.act.choose(event));
    const note = document.createElement("span");
    note.className = "soft note";
    const where = document.createElement("span");
    where.className = "soft where"; // on narrow screens, instead of the column
    head.append(choose, note, where);
    const play = document.createElement("button");
    play.type = "button";
    play.textContent = "Play";
    play.addEventListener("click", () => this.act.play(event));
    const cells = [0, 1, 2, 3, 4].map(() => document.createElement("td"));
    cells[0].className = "sound";
    cells[4].append(play);
    row.append(head, ...cells);
    row.dataset.event = event.id;
    return row;
  }

  /** Put the focus on an event's row, or on the table where it is not listed. */
  focus(event) {
    (this.rows.get(event?.id)?.querySelector("button") ?? this.body.closest("[tabindex]")).focus();
  }

  /** The event so many rows on from the one that has the focus, or is chosen. */
  neighbour(by) {
    const focused = document.activeElement?.closest("tr[data-event]")?.dataset.event;
    const at = this.events.findIndex(({ id }) => id === (focused ?? this.chosen?.id));
    return this.events[Math.max(0, Math.min(this.events.length - 1, at + by))] ?? null;
  }
}

function fill(row, event, sound, isChosen) {
  const name = nameOf(event);
  const [choose, note, where] = row.firstElementChild.children;
  row.className = [
    event.offset_s === null ? "going" : "", isChosen ? "chosen" : "", event.state,
    event.label === null ? "unknown" : "",
  ].join(" ");
  set(choose, name);
  choose.setAttribute("aria-label", `Correct ${name} at ${clock(event.onset_s)}`);
  choose.setAttribute("aria-expanded", String(isChosen));
  set(note, noteOf(event));
  const [, file, start, end, score, last] = row.children;
  set(file, sound.name);
  set(where, sound.name);
  set(start, clock(event.onset_s));
  set(end, event.offset_s === null ? "under way" : clock(event.offset_s));
  const own = scoreOf(event);
  set(score, own === null ? (event.label === null ? "none" : "by you") : own.toFixed(2));
  last.firstElementChild.setAttribute("aria-label", `Play ${name} at ${clock(event.onset_s)}`);
  last.firstElementChild.disabled = event.offset_s === null;
}

function noteOf({ state, label, was, onset_s: onsetS, offset_s: offsetS }) {
  if (state === "added") return "added";
  if (state === "deleted") return "deleted";
  if (state !== "checked") return label === null && was?.label ? `nearest: ${was.label}` : "";
  if (was.label !== label) return `was ${was.label ?? UNKNOWN}`;
  return was.onset_s !== onsetS || was.offset_s !== offsetS ? "moved" : "checked";
}

/** The event of a row, else of the nearest one after it or before it, that stays in the table. */
function nearestOf(row, wanted) {
  const rows = [...row.parentElement.rows];
  const at = rows.indexOf(row.id === "editor" ? row.previousElementSibling : row);
  const ids = [...rows.slice(at), ...rows.slice(0, at).reverse()].map((each) => each.dataset.event);
  return wanted.get(ids.find((id) => wanted.has(id)));
}

function captionOf(number, whole, listed, from) {
  const of = number === whole ? counted(whole) : `${number} of ${counted(whole)}`;
  return listed === number ? of : `${of}; ${from + 1} to ${from + listed} are listed`;
}

function set(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
