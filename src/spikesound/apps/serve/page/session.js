// One sound while it is processed: what the server says about it goes into the trace and the events.

import { Detections } from "/detections.js";
import { Unknown } from "/unknown.js";

const KEEP_MS = 1000; // between two notes of how far the sound has come

export class Session {
  /** source: see sound.js. */
  constructor(model, collection, sound, trace, source, quietDb) {
    this.collection = collection;
    this.sound = sound;
    this.trace = trace;
    this.source = source;
    this.detections = new Detections(collection, sound, model);
    this.unknown = new Unknown(model.hop_s, quietDb);
    this.noted = 0;
    this.last = null;
  }

  stop() {
    this.source.stop();
  }

  /** Process to the end, or until the source stops; return the error, or null. */
  async run() {
    this.collection.changeSound(this.sound, { state: "running", error: "", seconds: 0 });
    let error = null;
    try {
      await this.source.run((message) => this.take(message));
    } catch (thrown) {
      error = thrown;
    }
    this.detections.take({ ...this.unknown.finish(), results: [] }, 0);
    this.detections.endAt(this.trace.knownS);
    if (this.last) this.detections.replaceEarlier();
    return error;
  }

  take(message) {
    const first = this.trace.known;
    this.trace.take(message);
    this.detections.take(message, first);
    this.detections.take({ ...this.unknown.take(message, first), results: [] }, first);
    const { sound } = this;
    sound.rate_hz = message.rate_hz ?? this.source.rateHz ?? sound.rate_hz;
    sound.seconds = message.sound_s ?? this.trace.knownS;
    if (message.sound_s !== undefined) this.last = message;
    if (Date.now() - this.noted > KEEP_MS) {
      this.noted = Date.now();
      this.collection.changeSound(sound, {});
    }
    this.collection.changed();
  }
}
