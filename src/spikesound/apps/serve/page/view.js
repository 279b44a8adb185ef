// What is seen of the sound that is shown: what sounds now, the picture over time, the neurons.

import { clock } from "/clock.js";
import { Inside } from "/inside.js";
import { Now } from "/now.js";
import { Picture } from "/picture.js";

const CALM_MS = 1000; // between pictures, where motion is not welcome
const DESCRIBE_MS = 1000; // between descriptions of the picture in words
const calm = matchMedia("(prefers-reduced-motion: reduce)");

export class View {
  /** at(id): an element; collection: of the events. */
  constructor(model, at, player, collection) {
    this.model = model;
    this.at = at;
    this.player = player;
    this.collection = collection;
    this.picture = new Picture(model, at("strips"), at("time"));
    this.inside = new Inside(model, at, this.picture.shown, () => { this.changed = true; });
    this.now = new Now(at("now"), at("now-words"));
    this.sound = null;
    this.session = null;
    this.changed = true;
    this.drawnAt = 0;
    this.describedAt = 0;
    this.isUndescribed = true;
    this.wasPlaying = false;
    at("first").addEventListener("input", () => this.wind(Number(at("first").value)));
  }

  /** Show a sound; session: while it is processed; trace: null if nothing is known of its frames. */
  open(sound, trace, session) {
    this.sound = sound;
    this.session = session;
    this.picture.open(trace);
    if (trace && !session) this.picture.show(0);
    this.at("picture-of").textContent = sound ? `of ${sound.name}` : "";
    this.at("no-trace").hidden = !sound || trace !== null;
    this.changed = true;
  }

  /** Show a time. */
  seek(seconds) {
    const { picture } = this;
    const frame = Math.round(seconds / this.model.hop_s);
    const isIn = frame >= picture.first && frame < picture.first + (3 * picture.shown) / 4;
    if (!isIn) picture.show(frame - Math.round(picture.shown / 4));
    this.changed = true;
  }

  wind(first) {
    const { picture } = this;
    picture.show(this.session && first >= picture.processed - picture.shown ? null : first);
    this.changed = true;
  }

  get isPlaying() {
    return this.player.isPlaying && this.player.sound === this.sound;
  }

  frame(now) {
    if (this.isPlaying) {
      this.player.check();
      const place = Math.round(this.player.at / this.model.hop_s);
      const { first, shown } = this.picture;
      if (place < first || place >= first + shown) this.picture.show(place);
      this.changed = true;
    } else if (this.wasPlaying && this.session) {
      this.picture.show(null); // what is processed goes on meanwhile
    }
    this.wasPlaying = this.isPlaying;
    if (this.isUndescribed && now - this.describedAt > DESCRIBE_MS) {
      this.picture.describe();
      this.inside.describe();
      this.isUndescribed = false;
      this.describedAt = now;
    }
    if (!this.changed || (calm.matches && now - this.drawnAt < CALM_MS)) return;
    this.changed = false;
    this.drawnAt = now;
    this.draw();
  }

  draw() {
    const { picture } = this;
    const hasCursor = this.player.at !== null && this.player.sound === this.sound
      && (this.isPlaying || !this.session);
    picture.cursor = hasCursor ? Math.round(this.player.at / this.model.hop_s) : null;
    picture.draw();
    this.inside.draw(picture.trace, picture.spans().input, picture.at, calm.matches);
    const [events, atS] = this.sounding();
    this.now.show(events, atS);
    this.isUndescribed = true;
    this.slide();
    this.at("figures").textContent = this.figures();
  }

  /** The events that sound, and when: where the player is, else where the processing is. */
  sounding() {
    if (this.isPlaying) {
      const { at } = this.player;
      const own = this.collection.of(this.sound);
      return [own.filter((event) => event.state !== "deleted" && event.onset_s <= at
        && at < (event.offset_s ?? Infinity)), at];
    }
    if (!this.session) return [null, 0];
    const going = [...this.session.detections.going.values()];
    return [going.filter((event) => event.state !== "deleted"), this.picture.trace.knownS];
  }

  slide() {
    const { picture } = this;
    const slack = picture.processed - picture.shown;
    const bar = this.at("first");
    this.at("wind").hidden = slack <= 0;
    const oldest = Math.round((picture.trace?.keptFromS ?? 0) / this.model.hop_s);
    bar.min = String(Math.max(0, Math.min(slack, oldest)));
    bar.max = String(Math.max(0, slack));
    bar.value = String(picture.first);
    bar.setAttribute("aria-valuetext", `from ${clock(picture.first * this.model.hop_s)}`);
  }

  figures() {
    const { trace } = this.picture;
    if (!trace?.processed) return "";
    const parts = [`${clock(trace.processed * this.model.hop_s)} processed`];
    const share = (100 * trace.meanRate).toFixed(1);
    if (this.model.spiking) parts.push(`${share} % of the neurons spike in a frame, on average`);
    const droppedS = this.session?.source.droppedS;
    if (droppedS) parts.push(`${droppedS.toFixed(1)} s lost: the computer is too slow`);
    if (trace.keptFromS > 0) parts.push(`the picture begins at ${clock(trace.keptFromS)}`);
    return parts.join(" · ");
  }
}
