// Each neuron as a cell, layer by layer, in the frame that the picture is about: bright when it
// spikes, fading over the frames after; or coloured by its membrane potential.

import { palette } from "/palette.js";
import { bytes } from "/trace.js";

const COLUMNS = 64; // cells in a row
const FADING = 6; // frames until a spike is no longer seen
const CELL = 8; // pixels

export class Neurons {
  /** choose(layer, index) is called when a cell is clicked. */
  constructor(model, place, choose) {
    let from = 0;
    let first = 0;
    this.layers = model.layers.map((layer, i) => {
      const columns = Math.min(COLUMNS, layer.neurons);
      const canvas = document.createElement("canvas");
      canvas.width = columns;
      canvas.height = Math.ceil(layer.neurons / columns);
      canvas.style.aspectRatio = `${canvas.width} / ${canvas.height}`;
      canvas.setAttribute("role", "img");
      const name = document.createElement("p");
      const cells = document.createElement("div");
      cells.className = "cells";
      cells.style.maxWidth = `${2 * CELL * columns}px`;
      const mark = document.createElement("span");
      mark.className = "cell";
      mark.style.width = `${100 / canvas.width}%`;
      mark.style.height = `${100 / canvas.height}%`;
      cells.append(canvas, mark);
      name.textContent = `Layer ${i + 1}`;
      place.append(name, cells);
      const made = { name, canvas, mark, number: i + 1, neurons: layer.neurons, from, first };
      if (model.membranes !== null) canvas.addEventListener("click", (event) => this.click(made, event, choose));
      from += bytes(layer);
      first += layer.neurons;
      return made;
    });
  }

  click(layer, { offsetX, offsetY }, choose) {
    const { canvas } = layer;
    const column = Math.floor((offsetX / canvas.clientWidth) * canvas.width);
    const row = Math.floor((offsetY / canvas.clientHeight) * canvas.height);
    choose(layer, Math.max(0, Math.min(layer.neurons - 1, row * canvas.width + column)));
  }

  /** Mark a neuron's cell; null: none. */
  mark(neuron) {
    for (const layer of this.layers) {
      const isOwn = neuron?.layer === layer;
      layer.mark.hidden = !isOwn;
      if (isOwn) {
        layer.mark.style.left = `${(100 * (neuron.index % layer.canvas.width)) / layer.canvas.width}%`;
        layer.mark.style.top = `${(100 * Math.floor(neuron.index / layer.canvas.width)) / layer.canvas.height}%`;
      }
    }
  }

  /** Draw a frame of a trace; isCalm: without the frames before; potential: of a neuron, null: spikes. */
  draw(trace, frame, isCalm, potential) {
    const { well, snn, link } = palette();
    const isIn = trace && frame >= 0 && frame < trace.processed;
    for (const layer of this.layers) {
      const pen = layer.canvas.getContext("2d");
      const image = pen.createImageData(layer.canvas.width, layer.canvas.height);
      let spikes = 0;
      for (let neuron = 0; neuron < layer.neurons; neuron += 1) {
        const age = this.age(layer, neuron, trace, frame, isCalm ? 1 : FADING);
        if (age === 0) spikes += 1;
        let to = snn;
        let share = age === null ? 0 : 1 - age / FADING;
        if (potential) {
          const value = isIn ? potential(trace, frame, layer.first + neuron) : 0;
          to = value < 0 ? link : snn;
          share = Math.min(1, Math.abs(value));
        }
        for (let c = 0; c < 3; c += 1) image.data[4 * neuron + c] = well[c] + share * (to[c] - well[c]);
        image.data[4 * neuron + 3] = 255;
      }
      pen.putImageData(image, 0, 0);
      const words = isIn ? `${spikes} of ${layer.neurons} neurons spike` : "no sound yet";
      layer.name.textContent = `Layer ${layer.number}: ${words}`;
      layer.canvas.setAttribute("aria-label", layer.name.textContent);
    }
  }

  /** Frames since the neuron's latest spike, of so many that count; null: none. */
  age(layer, index, trace, frame, count) {
    for (let age = 0; trace && age < count && frame - age >= 0 && frame < trace.processed; age += 1) {
      if (spiked(trace, frame - age, { layer, index })) return age;
    }
    return null;
  }
}

/** Whether a neuron, {layer, index}, spikes in a frame. */
export function spiked(trace, frame, { layer, index }) {
  return Boolean(trace.spikes.value(frame, layer.from + (index >> 3)) & (128 >> (index % 8)));
}
