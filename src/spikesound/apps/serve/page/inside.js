// Inside the network: every neuron in one frame, and the membrane potential of one of them.

import { Membrane } from "/membrane.js";
import { Neurons, spiked } from "/neurons.js";
import { palette } from "/palette.js";

export class Inside {
  /** at(id): an element; shown: frames of the picture; changed(): is called when a person chooses. */
  constructor(model, at, shown, changed) {
    this.part = at("neurons-part");
    this.part.hidden = !model.spiking;
    this.cells = at("cells");
    this.layer = at("layer");
    this.index = at("neuron");
    this.neuron = null;
    this.isChosen = false; // by a person
    this.changed = changed;
    this.neurons = new Neurons(model, at("neurons"), (layer, index) => this.choose(layer, index, true));
    this.part.addEventListener("toggle", changed);
    this.hasMembranes = model.spiking && model.membranes !== null;
    at("membranes-part").hidden = !this.hasMembranes;
    at("cells-part").hidden = !this.hasMembranes;
    at("no-membranes").hidden = this.hasMembranes;
    this.neurons.mark(null);
    if (!this.hasMembranes) return;
    this.membrane = new Membrane(model, at("membrane"), at("membrane-words"), shown);
    this.layer.replaceChildren(...this.neurons.layers.map((layer) => new Option(`${layer.number}`, layer.number)));
    this.cells.addEventListener("change", changed);
    this.layer.addEventListener("change", () => this.choose(this.chosenLayer, this.neuron.index, true));
    this.index.addEventListener("input", () => {
      if (this.index.checkValidity() && this.index.value) this.choose(this.chosenLayer, Number(this.index.value) - 1, true);
    });
    this.index.addEventListener("change", () => { this.index.value = String(this.neuron.index + 1); });
    at("busiest").addEventListener("click", () => this.chooseBusiest(this.chosenLayer, true));
    this.choose(this.neurons.layers[0], 0, false);
  }

  get chosenLayer() {
    return this.neurons.layers[Number(this.layer.value) - 1];
  }

  choose(layer, index, isChosen) {
    const within = Math.min(index, layer.neurons - 1);
    this.isChosen ||= isChosen;
    this.neuron = { layer, index: within, number: layer.first + within };
    this.layer.value = String(layer.number);
    this.index.max = String(layer.neurons);
    if (document.activeElement !== this.index || Number(this.index.value) !== within + 1) {
      this.index.value = String(within + 1);
    }
    this.neurons.mark(this.neuron);
    this.changed();
  }

  /** Choose the neuron of a layer with the most spikes in what is shown. */
  chooseBusiest(layer, isChosen) {
    const { trace, span } = this;
    let best = 0;
    let most = -1;
    for (let index = 0; trace && index < layer.neurons; index += 1) {
      let spikes = 0;
      for (let frame = Math.max(span.first, span.oldest, 0); frame < Math.min(span.first + span.count, span.end); frame += 1) {
        spikes += Number(spiked(trace, frame, { layer, index }));
      }
      if (spikes > most) [best, most] = [index, spikes];
    }
    this.choose(layer, best, isChosen);
  }

  draw(trace, span, at, isCalm) {
    [this.trace, this.span] = [trace, span];
    if (!this.part.open) return;
    const isPotential = this.hasMembranes && this.cells.value === "potentials";
    const potential = isPotential ? (...given) => this.membrane.value(...given) : null;
    this.neurons.draw(trace, at, isCalm, potential);
    if (!this.hasMembranes) return;
    if (!this.isChosen && trace?.processed && this.seen !== trace) {
      this.seen = trace;
      this.chooseBusiest(this.chosenLayer, false);
    }
    this.membrane.draw(trace, span, at, this.neuron, palette());
  }

  describe() {
    if (this.hasMembranes && this.part.open && this.span) this.membrane.describe(this.trace, this.span, this.neuron);
  }
}
