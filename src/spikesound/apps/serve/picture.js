// The picture of the processed frames: mel, spikes of each layer, scores of each class.

import { clock } from "/clock.js";
import { KEPT, Strip } from "/strip.js";

const SHOWN_S = 10;
const TICK_S = 2;
const MEL = 128; // pixels of the spectrogram
const BAR = 22; // of a class's bar

export class Picture {
  /** place: for the strips; time: for the ticks of the time axis. */
  constructor(model, place, time) {
    this.hopS = model.hop_s;
    this.shown = Math.round(SHOWN_S / model.hop_s);
    this.thresholds = model.classes.map((each) => each.threshold);
    this.time = time;
    const strip = (given) => new Strip(place, given, this.shown);
    this.mel = strip({
      name: model.input, rows: model.bins, height: MEL, upwards: true,
      ticks: model.ticks.map(({ hz, bin }) => [
        1 - (bin + 0.5) / model.bins, hz < 1000 ? `${hz} Hz` : `${hz / 1000} kHz`,
      ]),
    });
    this.layers = model.layers.map((layer, i) => strip({
      name: `Layer ${i + 1}: ${layer.neurons} neurons`,
      rows: layer.rows, height: Math.max(36, 2 * layer.rows), upwards: false,
      ticks: [[0, "1"], [1, String(layer.neurons)]],
    }));
    this.bars = model.classes.map((each) => strip({
      name: each.name, rows: 1, height: BAR, upwards: false,
      ticks: [[1 - each.threshold, each.threshold.toFixed(2)]],
    }));
    this.active = model.classes.map(() => new Uint8Array(KEPT));
    this.reset();
  }

  reset() {
    this.processed = 0;
    this.known = 0;
    this.rates = [];
    this.rateSum = 0;
    this.latest = null;
    this.cursor = null;
    this.follow = true;
    this.first = 0;
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
      this.rates = frame.rates;
      this.rateSum += frame.rate;
      this.processed += 1;
    }
    for (const frame of message.results) {
      frame.scores.forEach((score, i) => this.bars[i].put(this.known, [Math.round(255 * score)]));
      frame.active.forEach((on, i) => { this.active[i][this.known % KEPT] = on; });
      this.latest = frame;
      this.known += 1;
    }
  }

  /** Show from a frame on, or whatever comes last (null). */
  show(first) {
    this.follow = first === null;
    if (!this.follow) this.first = Math.max(0, Math.min(first, this.processed - this.shown));
  }

  spans() {
    const span = { first: this.first, count: this.shown, cursor: this.cursor };
    return {
      input: { ...span, oldest: this.processed - KEPT, end: this.processed },
      scores: { ...span, oldest: this.known - KEPT, end: this.known },
    };
  }

  draw() {
    if (this.follow) this.first = Math.max(0, this.processed - this.shown);
    const colours = palette();
    const { input, scores } = this.spans();
    this.mel.paint(input, colours.well, colours.text, colours.link);
    this.layers.forEach((layer, i) => {
      layer.paint(input, colours.well, colours.snn, colours.link);
      layer.label(i in this.rates ? percent(this.rates[i]) : "", false);
    });
    this.bars.forEach((bar, i) => {
      bar.bars(scores, this.active[i], this.thresholds[i], colours);
      const score = this.latest?.scores[i];
      bar.label(score === undefined ? "" : score.toFixed(2), Boolean(this.latest?.active[i]));
    });
    this.ticks();
  }

  /** Mark each second step of the time axis that is shown. */
  ticks() {
    const from = this.first * this.hopS;
    const marks = [];
    for (let at = Math.ceil(from / TICK_S) * TICK_S; at <= from + this.shown * this.hopS; at += TICK_S) {
      const mark = document.createElement("span");
      mark.textContent = clock(at, true);
      mark.style.left = `${(100 * (at - from)) / (this.shown * this.hopS)}%`;
      marks.push(mark);
    }
    this.time.replaceChildren(...marks);
  }

  /** Say in words what the strips show, for who does not see them. */
  describe() {
    const { input, scores } = this.spans();
    const at = (frame) => clock(frame * this.hopS);
    const span = `${at(this.first)} to ${at(this.first + this.shown)}`;
    const describe = (strip, frames, words) => {
      strip.describe(frames.length ? `${span}; ${words(highest(frames))}` : "no sound yet");
    };
    const loud = this.mel.means(input);
    describe(this.mel, loud, ([frame]) => `loudest at ${at(frame)}`);
    for (const layer of this.layers) {
      const rates = layer.means(input);
      describe(layer, rates, ([frame, most]) => `${percent(mean(rates))} of the neurons spike in a frame `
        + `on average, at most ${percent(most)}, at ${at(frame)}`);
    }
    this.bars.forEach((bar, i) => {
      const known = bar.means(scores);
      const on = known.filter(([frame]) => this.active[i][frame % KEPT]).length;
      describe(bar, known, ([frame, most]) => `highest score ${most.toFixed(2)} at ${at(frame)}; at or above `
        + `the threshold of ${this.thresholds[i].toFixed(2)} for ${(on * this.hopS).toFixed(1)} s`);
    });
  }
}

function highest(frames) {
  return frames.reduce((best, each) => (each[1] > best[1] ? each : best));
}

function mean(frames) {
  return frames.reduce((sum, each) => sum + each[1], 0) / frames.length;
}

function percent(share) {
  return `${(100 * share).toFixed(1)}\u00a0%`;
}

const NAMES = ["well", "text", "soft", "snn", "link"];
const probe = document.createElement("canvas").getContext("2d", { willReadFrequently: true });

/** The page's colours as they are now, each [red, green, blue]. */
function palette() {
  const found = {};
  const place = document.createElement("span");
  document.body.append(place);
  for (const name of NAMES) {
    place.style.color = `var(--${name})`;
    probe.fillStyle = getComputedStyle(place).color;
    probe.fillRect(0, 0, 1, 1);
    found[name] = [...probe.getImageData(0, 0, 1, 1).data.slice(0, 3)];
  }
  place.remove();
  return found;
}
