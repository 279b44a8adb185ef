// The list of sounds: files that wait, are processed or are done, and recordings of the microphone.

import { clock } from "/clock.js";

export class SoundsList {
  /**
   * place: the list; act: { show, stop, again, save, remove }, each called with a sound;
   * about(sound): { shown, live, away, events, part }: what the page knows beside it.
   */
  constructor(place, act, about) {
    this.place = place;
    this.act = act;
    this.about = about;
    this.items = new Map();
  }

  draw(sounds) {
    const ids = new Set(sounds.map((sound) => sound.id));
    for (const [id, item] of this.items) {
      if (ids.has(id)) continue;
      const hadFocus = item.row.contains(document.activeElement);
      item.row.remove();
      this.items.delete(id);
      if (hadFocus) this.place.focus();
    }
    for (const sound of sounds) {
      if (!this.items.has(sound.id)) this.items.set(sound.id, this.make(sound));
      this.fill(this.items.get(sound.id), sound);
    }
  }

  make(sound) {
    const row = document.createElement("li");
    const name = document.createElement("span");
    name.className = "title";
    name.textContent = sound.name;
    const bar = document.createElement("progress");
    bar.max = 1;
    bar.setAttribute("aria-label", `Share of ${sound.name} that is processed`);
    const state = document.createElement("span");
    state.className = "soft state";
    const error = document.createElement("span");
    error.className = "wrong";
    const buttons = document.createElement("span");
    buttons.className = "buttons";
    const button = (text, act) => {
      const made = document.createElement("button");
      made.type = "button";
      made.textContent = text;
      made.setAttribute("aria-label", `${text} ${sound.name}`);
      made.addEventListener("click", () => act(sound));
      buttons.append(made);
      return made;
    };
    const item = {
      row, bar, state, error,
      show: button("Show", this.act.show),
      stop: button("Stop", this.act.stop),
      again: button("Process again", this.act.again),
      save: button("Save sound", this.act.save),
      remove: button("Remove", this.act.remove),
    };
    row.append(name, bar, state, error, buttons);
    this.place.append(row);
    return item;
  }

  fill(item, sound) {
    const { shown, live, away, events, part } = this.about(sound);
    const isActive = sound.state === "running" || sound.state === "waiting";
    item.row.classList.toggle("shown", shown);
    item.show.setAttribute("aria-pressed", String(shown));
    item.bar.hidden = !isActive || live;
    if (sound.state === "waiting") item.bar.value = 0;
    else if (part === null) item.bar.removeAttribute("value");
    else item.bar.value = part;
    set(item.state, `${stateOf(sound, live, away)}${events}`);
    set(item.error, sound.error);
    item.stop.hidden = !isActive;
    item.again.hidden = isActive;
    item.save.hidden = sound.kind !== "microphone" || isActive;
    item.remove.hidden = sound.state === "running";
  }
}

function stateOf(sound, live, away) {
  const until = clock(sound.seconds);
  if (sound.state === "waiting") return away ? "waits for the program" : "waiting";
  if (sound.state === "running" && live) return `listening, ${until}`;
  if (sound.state === "running") return until + (sound.expected_s ? ` of ${clock(sound.expected_s)}` : "");
  if (sound.state === "stopped") return sound.seconds ? `stopped at ${until}` : "stopped";
  if (sound.state === "failed") return "not processed";
  return `${until}, real-time factor ${sound.factor.toFixed(3)}`;
}

/** Change a text only where it is another: else a screen reader would read it again. */
function set(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
