// The events of all sounds, for a person to filter, to listen to, to correct and to save.

import { counted } from "/collection.js";
import { Editor } from "/editor.js";
import { Filter } from "/filter.js";
import { download, labelsOf } from "/labels.js";
import { Table } from "/table.js";

export const DRAW_MS = 100; // between two drawings of the table

export class Review {
  /** play(event) plays an event; show(event) shows it in the picture; say(words, error). */
  constructor(model, at, collection, { play, show, say }) {
    this.model = model;
    this.at = at;
    this.collection = collection;
    this.show = show;
    this.say = say;
    this.changed = true;
    this.drawnAt = 0;
    const redraw = () => { this.draw(); };
    const act = { play, done: (event) => this.close(event) };
    this.editor = new Editor(at("editor"), collection, act);
    at("editor").remove(); // it comes back under the row that is chosen
    const elements = {
      body: at("events"), caption: at("caption"), earlier: at("earlier"), later: at("later"),
    };
    this.table = new Table(elements, { choose: (event) => this.choose(event), play }, redraw);
    this.filter = new Filter({
      sound: at("by-sound"), label: at("by-label"), score: at("by-score"), state: at("by-state"),
      scoreText: at("by-score-text"), order: at("order"), clear: at("clear"),
    }, () => { this.changed = true; });
    at("format").append(...model.formats.map((each) => new Option(each, each)));
    at("download").addEventListener("click", () => this.save());
    at("undo").addEventListener("click", () => this.undo());
  }

  /** Open the editor under an event's row, or close it. */
  choose(event) {
    if (this.table.chosen === event) return void this.close(event);
    this.table.chosen = event;
    this.editor.open(event, this.collection.sounds.get(event.sound));
    this.draw();
    this.table.reveal(event);
    this.draw();
    this.show(event);
    return void this.editor.label.focus();
  }

  close(event) {
    this.table.chosen = null;
    this.draw();
    this.table.focus(event);
  }

  /** The event whose row, or editor, has the focus. */
  get focused() {
    const row = document.activeElement?.closest("tr");
    if (row?.id === "editor") return this.editor.event;
    return this.collection.events.get(row?.dataset.event) ?? null;
  }

  /** Move the focus so many rows on. */
  step(by) {
    this.table.focus(this.table.neighbour(by));
  }

  add(sound, atS) {
    const event = this.collection.add(sound, atS, Math.min(atS + 1, Math.max(sound.seconds, atS + 0.1)));
    this.filter.elements.clear.click();
    this.choose(event);
    return event;
  }

  delete(event) {
    this.editor.delete(event);
    if (this.table.chosen === event) this.table.chosen = null;
    this.draw();
    this.say(`${event.state === "deleted" ? "Deleted" : "Restored"}: ${event.label ?? "unknown"}.`);
  }

  undo() {
    const event = this.collection.undo();
    if (!event) return void this.say("Nothing to undo.");
    this.draw();
    if (this.table.rows.has(event.id)) this.table.focus(event);
    return void this.say("Undone.");
  }

  frame(now) {
    if (!this.changed || now - this.drawnAt < DRAW_MS) return;
    this.drawnAt = now;
    this.draw();
  }

  draw() {
    this.changed = false;
    const { at, collection, filter } = this;
    const sounds = [...collection.sounds.values()];
    const events = [...collection.events.values()];
    const labels = new Set([...this.model.classes.map((each) => each.name), ...events.map(({ label }) => label)]);
    labels.delete(null);
    filter.offer(sounds, [...labels]);
    at("classes").replaceChildren(...[...labels].map((label) => new Option(label)));
    this.listed = filter.sorted(events.filter((event) => filter.takes(event)), sounds);
    const { chosen } = this.table;
    if (chosen && !collection.events.has(chosen.id)) this.table.chosen = null;
    if (chosen && !this.listed.includes(chosen)) this.listed.unshift(chosen);
    this.table.draw(this.listed, events.length, collection.sounds, this.editor.row);
    if (this.table.chosen) this.editor.fill();
    at("none").textContent = events.length ? "No event passes the filter." : "No event yet.";
    at("none").hidden = this.listed.length > 0;
    const isEmpty = this.listed.length === 0;
    if (isEmpty && at("table").contains(document.activeElement)) at("clear").focus();
    at("table").hidden = isEmpty;
    at("undo").disabled = collection.done.length === 0;
    at("download").disabled = events.length === 0;
  }

  /** Save the labels of the events that are asked for. */
  async save() {
    const events = [...this.collection.events.values()];
    const chosen = {
      listed: this.listed,
      checked: events.filter((event) => event.state !== "detected"),
      all: events,
    }[this.at("which").value];
    const { sounds, unknown } = labelsOf([...this.collection.sounds.values()], chosen);
    const number = sounds.reduce((sum, sound) => sum + sound.events.length, 0);
    const left = unknown ? ` ${counted(unknown)} without a label ${unknown === 1 ? "is" : "are"} not in it.` : "";
    if (!number) return void this.say("", `No event to save.${left}`);
    try {
      const wrong = await download(sounds, this.at("format").value);
      this.say(`Saved: ${counted(number)} of ${sounds.length === 1 ? "1 sound" : `${sounds.length} sounds`}.${left}`, wrong);
    } catch (error) {
      this.say("", error.message);
    }
    return undefined;
  }
}
