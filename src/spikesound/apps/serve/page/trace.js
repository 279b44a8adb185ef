// What the network got and gave for one sound, frame by frame, as the picture shows it.

export const KEPT = 1 << 15; // frames; with a hop of 46 ms, 25 minutes
const BEGIN = 256; // frames that there is room for at first

/** Rows of values from 0 to 255, one column a frame; the last KEPT frames are held. */
class Rows {
  constructor(rows) {
    this.rows = rows;
    this.values = new Uint8Array(rows * BEGIN);
  }

  put(frame, values) {
    const at = (frame % KEPT) * this.rows;
    if (at + this.rows > this.values.length) {
      const larger = new Uint8Array(2 * this.values.length);
      larger.set(this.values);
      this.values = larger;
    }
    this.values.set(values, at);
  }

  value(frame, row) {
    return this.values[(frame % KEPT) * this.rows + row];
  }
}

export class Trace {
  constructor(model) {
    this.hopS = model.hop_s;
    this.mel = new Rows(model.bins);
    this.layers = model.layers.map((layer) => new Rows(layer.rows));
    this.spikes = new Rows(model.layers.reduce((sum, layer) => sum + bytes(layer), 0));
    const neurons = model.layers.reduce((sum, layer) => sum + layer.neurons, 0);
    this.potentials = new Rows(model.membranes === null ? 0 : neurons);
    this.scores = model.classes.map(() => new Rows(1));
    this.active = model.classes.map(() => new Rows(1));
    this.processed = 0; // frames
    this.known = 0; // frames whose scores are known
    this.rates = [];
    this.rateSum = 0;
  }

  get size() {
    const rows = [this.mel, ...this.layers, this.spikes, this.potentials, ...this.scores, ...this.active];
    return rows.reduce((sum, each) => sum + each.values.length, 0);
  }

  /** Seconds from which on frames are kept. */
  get keptFromS() {
    return Math.max(0, this.processed - KEPT) * this.hopS;
  }

  /** Spikes per neuron and frame, of all frames. */
  get meanRate() {
    return this.rateSum / Math.max(1, this.processed);
  }

  /** The end of the last frame whose scores are known, in seconds. */
  get knownS() {
    return Math.max(0, this.known - 0.5) * this.hopS;
  }

  take(message) {
    for (const frame of message.frames) {
      this.mel.put(this.processed, frame.mel);
      frame.layers.forEach((values, i) => this.layers[i].put(this.processed, values));
      this.spikes.put(this.processed, decoded(frame.spikes));
      if (frame.potentials) this.potentials.put(this.processed, decoded(frame.potentials));
      this.rates = frame.rates;
      this.rateSum += frame.rate;
      this.processed += 1;
    }
    for (const frame of message.results) {
      frame.scores.forEach((score, i) => this.scores[i].put(this.known, [Math.round(255 * score)]));
      frame.active.forEach((on, i) => this.active[i].put(this.known, [Number(on)]));
      this.known += 1;
    }
  }
}

function decoded(text) {
  return Uint8Array.from(atob(text), (each) => each.charCodeAt(0));
}

/** Bytes that the spikes of a layer take, a bit a neuron. */
export function bytes(layer) {
  return Math.ceil(layer.neurons / 8);
}
