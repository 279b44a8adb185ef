// The picture of a trace: mel, spikes of each layer, scores of each class, over time.

import { clock } from "/clock.js";
import { palette } from "/palette.js";
import { Strip } from "/strip.js";
import { KEPT } from "/trace.js";

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
      name: model.input, height: MEL, upwards: true,
      rows: model.bins,
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
    this.open(null);
  }

  /** Show a trace, from where it grows; null: nothing. */
  open(trace) {
    this.trace = trace;
    this.cursor = null;
    this.follow = true;
    this.first = 0;
  }

  get processed() {
    return this.trace?.processed ?? 0;
  }

  /** The frame that the picture is about: that of the player, else the last one. */
  get at() {
    return this.cursor ?? this.processed - 1;
  }

  /** Show from a frame on, or whatever comes last (null). */
  show(first) {
    this.follow = first === null;
    if (!this.follow) this.first = Math.max(0, Math.min(first, this.processed - this.shown));
  }

  spans() {
    const span = { first: this.first, count: this.shown, cursor: this.cursor };
    const known = this.trace?.known ?? 0;
    return {
      input: { ...span, oldest: this.processed - KEPT, end: this.processed },
      scores: { ...span, oldest: known - KEPT, end: known },
    };
  }

  draw() {
    if (this.follow) this.first = Math.max(0, this.processed - this.shown);
    const colours = palette();
    const { input, scores } = this.spans();
    const { trace } = this;
    this.mel.paint(trace?.mel, input, colours.well, colours.text, colours.link);
    this.layers.forEach((layer, i) => {
      layer.paint(trace?.layers[i], input, colours.well, colours.snn, colours.link);
      layer.label(trace && i in trace.rates ? percent(trace.rates[i]) : "", false);
    });
    const latest = this.cursor === null ? scores.end - 1 : Math.min(this.cursor, scores.end - 1);
    this.bars.forEach((bar, i) => {
      bar.bars(trace?.scores[i], trace?.active[i], scores, this.thresholds[i], colours);
      const isKnown = latest >= Math.max(0, scores.oldest);
      const score = isKnown ? (trace.scores[i].value(latest, 0) / 255).toFixed(2) : "";
      bar.label(score, isKnown && Boolean(trace.active[i].value(latest, 0)));
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
    const { trace } = this;
    const { input, scores } = this.spans();
    const at = (frame) => clock(frame * this.hopS);
    const span = `${at(this.first)} to ${at(this.first + this.shown)}`;
    const describe = (strip, frames, words) => {
      strip.describe(frames.length ? `${span}; ${words(highest(frames))}` : "no sound yet");
    };
    const loud = this.mel.means(trace?.mel, input);
    describe(this.mel, loud, ([frame]) => `loudest at ${at(frame)}`);
    this.layers.forEach((layer, i) => {
      const rates = layer.means(trace?.layers[i], input);
      describe(layer, rates, ([frame, most]) => `${percent(mean(rates))} of the neurons spike in a frame `
        + `on average, at most ${percent(most)}, at ${at(frame)}`);
    });
    this.bars.forEach((bar, i) => {
      const known = bar.means(trace?.scores[i], scores);
      const on = known.filter(([frame]) => trace.active[i].value(frame, 0)).length;
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
