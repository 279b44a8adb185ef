// Each neuron as a cell, layer by layer, in the frame that the picture is about: a cell is bright
// when its neuron spikes, and fades over the frames after.

import { palette } from "/palette.js";
import { bytes } from "/trace.js";

const COLUMNS = 64; // cells in a row
const FADING = 6; // frames until a spike is no longer seen
const CELL = 8; // pixels

export class Neurons {
  constructor(model, place) {
    let from = 0;
    this.layers = model.layers.map((layer, i) => {
      const columns = Math.min(COLUMNS, layer.neurons);
      const canvas = document.createElement("canvas");
      canvas.width = columns;
      canvas.height = Math.ceil(layer.neurons / columns);
      canvas.style.aspectRatio = `${canvas.width} / ${canvas.height}`;
      canvas.style.maxWidth = `${2 * CELL * columns}px`;
      canvas.setAttribute("role", "img");
      const name = document.createElement("p");
      name.textContent = `Layer ${i + 1}`;
      place.append(name, canvas);
      const made = { name, canvas, number: i + 1, neurons: layer.neurons, from };
      from += bytes(layer);
      return made;
    });
  }

  /** Draw a frame of a trace; isCalm: without the frames before. */
  draw(trace, frame, isCalm) {
    const { well, snn } = palette();
    for (const layer of this.layers) {
      const pen = layer.canvas.getContext("2d");
      const image = pen.createImageData(layer.canvas.width, layer.canvas.height);
      let spikes = 0;
      for (let neuron = 0; neuron < layer.neurons; neuron += 1) {
        const age = this.age(layer, neuron, trace, frame, isCalm ? 1 : FADING);
        if (age === 0) spikes += 1;
        const share = age === null ? 0 : 1 - age / FADING;
        for (let c = 0; c < 3; c += 1) image.data[4 * neuron + c] = well[c] + share * (snn[c] - well[c]);
        image.data[4 * neuron + 3] = 255;
      }
      pen.putImageData(image, 0, 0);
      const words = trace && frame >= 0 ? `${spikes} of ${layer.neurons} neurons spike` : "no sound yet";
      layer.name.textContent = `Layer ${layer.number}: ${words}`;
      layer.canvas.setAttribute("aria-label", layer.name.textContent);
    }
  }

  /** Frames since the neuron's latest spike, of so many that count; null: none. */
  age(layer, neuron, trace, frame, count) {
    const mask = 128 >> (neuron % 8);
    for (let age = 0; trace && age < count && frame - age >= 0 && frame < trace.processed; age += 1) {
      if (trace.spikes.value(frame - age, layer.from + (neuron >> 3)) & mask) return age;
    }
    return null;
  }
}
