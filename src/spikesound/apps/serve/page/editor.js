// The form under the chosen row: an event's label and times as a person corrects them.

const NUDGE_S = 0.05;

export class Editor {
  /** row: the table's row with the form; act: { play, done, sayUndo }. */
  constructor(row, collection, act) {
    this.row = row;
    this.collection = collection;
    this.event = null;
    this.sound = null;
    const at = (name) => row.querySelector(`[data-edit="${name}"]`);
    this.label = at("label");
    this.onset = at("onset");
    this.offset = at("offset");
    this.wrong = at("wrong");
    this.label.addEventListener("change", () => this.relabel());
    for (const each of [this.onset, this.offset]) each.addEventListener("change", () => this.move());
    row.querySelector("form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.check();
      act.done(this.event);
    });
    at("play").addEventListener("click", () => act.play(this.event));
    at("delete").addEventListener("click", () => this.delete());
    at("close").addEventListener("click", () => act.done(this.event));
    this.remove = at("delete");
  }

  open(event, sound) {
    this.event = event;
    this.sound = sound;
    this.times = null; // that the fields show, or that a person has begun to change
    this.fill();
  }

  /** Show the event's values, but for one that is being written, and times that are not yet right. */
  fill() {
    if (!this.event) return;
    const { label, onset_s: onsetS, offset_s: offsetS, state } = this.event;
    this.remove.textContent = state === "deleted" ? "Restore" : "Delete";
    const put = (field, value) => { if (field !== document.activeElement) field.value = value; };
    put(this.label, label ?? "");
    const times = `${onsetS} ${offsetS}`;
    if (times === this.times && this.wrong.textContent) return;
    this.times = times;
    this.wrong.textContent = "";
    put(this.onset, onsetS.toFixed(2));
    put(this.offset, offsetS === null ? "" : offsetS.toFixed(2));
  }

  relabel() {
    const label = this.label.value.trim();
    if (label !== (this.event.label ?? "")) this.collection.correct(this.event, { label: label || null });
  }

  /** What is wrong with the times as they are written; null: nothing. */
  fault() {
    const onset = Number(this.onset.value);
    const offset = this.offset.value === "" ? null : Number(this.offset.value);
    if (this.onset.value === "" || !(onset >= 0)) return "Start: expected seconds, at least 0.";
    if (offset === null) return this.event.offset_s === null ? null : "End: expected seconds.";
    if (!(offset > onset)) return "End: expected a time after the start.";
    const longest = this.sound.state === "done" ? this.sound.seconds : Infinity;
    return offset > longest + 0.01 ? `End: the sound is ${longest.toFixed(2)} s long.` : null;
  }

  move() {
    this.wrong.textContent = this.fault() ?? "";
    if (this.wrong.textContent) return;
    const changes = {};
    const take = (field, name) => {
      const isOther = field.value !== "" && field.value !== this.event[name]?.toFixed(2);
      if (isOther) changes[name] = Number(field.value);
    };
    take(this.onset, "onset_s");
    take(this.offset, "offset_s");
    if (Object.keys(changes).length) this.collection.correct(this.event, changes);
  }

  /** Move an end by some steps. */
  nudge(event, name, steps, longest) {
    if (event[name] === null) return;
    const onset = name === "onset_s" ? event.onset_s + steps * NUDGE_S : event.onset_s;
    const offset = name === "offset_s" ? event.offset_s + steps * NUDGE_S : event.offset_s;
    if (onset < 0 || (offset !== null && (offset <= onset || offset > longest))) return;
    this.collection.correct(event, { [name]: name === "onset_s" ? onset : offset });
  }

  /** Say that the event is right as it is. */
  check(event = this.event) {
    if (event.state === "detected") this.collection.correct(event, {});
  }

  delete(event = this.event) {
    const isBack = event.state === "deleted";
    const restored = event.was ? "checked" : "added";
    this.collection.correct(event, { state: isBack ? restored : "deleted" });
  }
}
