// The membrane potential of one neuron over time: a line, its threshold, its spikes.

import { clock } from "/clock.js";
import { css } from "/palette.js";
import { spiked } from "/neurons.js";
import { Strip } from "/strip.js";

const HEIGHT = 120; // pixels
const TICK = 7; // of a spike's mark, at the top

export class Membrane {
  /** limit: potentials run from minus to plus so many thresholds. */
  constructor(model, place, words, width) {
    this.limit = model.membranes;
    this.hopS = model.hop_s;
    this.words = words;
    const at = (thresholds) => 0.5 - thresholds / (2 * this.limit);
    this.strip = new Strip(place, {
      name: "Membrane potential", rows: 1, height: HEIGHT, upwards: false,
      ticks: [[at(1), "θ"], [at(0), "0"]],
    }, width);
  }

  /** The potential of a neuron after a frame, in thresholds. */
  value(trace, frame, number) {
    return (trace.potentials.value(frame, number) / 255 - 0.5) * 2 * this.limit;
  }

  /** span: what is shown; at: the frame that the picture is about; neuron: {layer, index, number}. */
  draw(trace, { first, count, cursor, oldest, end }, at, neuron, colours) {
    const { canvas, pen } = this.strip;
    const { width, height } = canvas;
    pen.clearRect(0, 0, width, height);
    const y = (thresholds) => Math.round((0.5 - thresholds / (2 * this.limit)) * (height - 1));
    const line = (thresholds, alpha) => {
      pen.globalAlpha = alpha;
      pen.fillStyle = css(colours.text);
      pen.fillRect(0, y(thresholds), width, 1);
      pen.globalAlpha = 1;
    };
    line(0, 0.2);
    let before = null;
    for (let x = 0; x < count; x += 1) {
      const frame = first + x;
      const isKnown = trace && frame >= oldest && frame < end;
      if (frame === cursor) {
        pen.fillStyle = css(colours.link);
        pen.fillRect(x, 0, 1, height);
      }
      if (isKnown) {
        const high = y(this.value(trace, frame, neuron.number));
        const from = before ?? high;
        const spikes = spiked(trace, frame, neuron);
        pen.fillStyle = css(spikes ? colours.snn : colours.text);
        pen.fillRect(x, Math.min(from, high), 1, Math.abs(from - high) + 1);
        if (spikes) pen.fillRect(x, 0, 1, TICK);
        before = high;
      }
    }
    line(1, 0.5);
    const known = trace && at >= Math.max(0, oldest) && at < end;
    this.strip.label(known ? `${this.value(trace, at, neuron.number).toFixed(2)} θ` : "",
      Boolean(known) && spiked(trace, at, neuron));
  }

  /** Say in words what is drawn. */
  describe(trace, { first, count, oldest, end }, neuron) {
    let low = Infinity;
    let high = -Infinity;
    let spikes = 0;
    for (let frame = Math.max(first, oldest, 0); trace && frame < Math.min(first + count, end); frame += 1) {
      const value = this.value(trace, frame, neuron.number);
      low = Math.min(low, value);
      high = Math.max(high, value);
      spikes += Number(spiked(trace, frame, neuron));
    }
    const who = `neuron ${neuron.index + 1} of layer ${neuron.layer.number}`;
    const what = low > high ? `${who}: no sound yet`
      : `${who}, ${clock(first * this.hopS)} to ${clock((first + count) * this.hopS)}: from ${bounded(low, this.limit)} `
        + `to ${bounded(high, this.limit)} of the threshold, ${spikes === 1 ? "1 spike" : `${spikes} spikes`}`;
    this.strip.describe(what);
    this.words.textContent = `${what[0].toUpperCase()}${what.slice(1)}.`;
  }
}

/** A potential as text; those beyond what is sent are said to be. */
function bounded(value, limit) {
  if (value >= limit) return `${limit} or more`;
  return value <= -limit ? `\u2212${limit} or less` : value.toFixed(2).replace("-", "\u2212");
}
