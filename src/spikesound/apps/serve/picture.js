// The picture of the processed frames: mel, spikes of each layer, scores of each class.

const KEPT = 1 << 15; // frames; with a hop of 46 ms, 25 minutes
const SHOWN_S = 10;
const BAR = 22; // pixels of a class's bar

export class Picture {
  constructor(model, place) {
    this.hopS = model.hop_s;
    this.shown = Math.round(SHOWN_S / model.hop_s);
    this.thresholds = model.classes.map((each) => each.threshold);
    this.mel = new Strip(place, "Mel spectrogram", model.bins, 128, true, this.shown);
    this.layers = model.layers.map((layer, i) => {
      const name = `Layer ${i + 1}: ${layer.neurons} neurons`;
      return new Strip(place, name, layer.rows, Math.max(36, 2 * layer.rows), false, this.shown);
    });
    this.bars = model.classes.map((each) => new Strip(place, each.name, 1, BAR, false, this.shown));
    this.active = model.classes.map(() => new Uint8Array(KEPT));
    this.reset();
  }

  reset() {
    this.processed = 0;
    this.known = 0;
    this.rates = [];
    this.rateSum = 0;
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

  draw() {
    if (this.follow) this.first = Math.max(0, this.processed - this.shown);
    const colours = palette();
    const span = { first: this.first, count: this.shown, cursor: this.cursor };
    const oldest = this.processed - KEPT;
    this.mel.paint({ ...span, oldest, end: this.processed }, colours.well, colours.text, colours.link);
    for (const layer of this.layers) {
      layer.paint({ ...span, oldest, end: this.processed }, colours.well, colours.snn, colours.link);
    }
    this.bars.forEach((bar, i) => {
      const known = { ...span, oldest: this.known - KEPT, end: this.known };
      bar.bars(known, this.active[i], this.thresholds[i], colours);
      const score = this.latest?.scores[i];
      bar.label(score === undefined ? "" : score.toFixed(2), Boolean(this.latest?.active[i]));
    });
    this.layers.forEach((layer, i) => {
      layer.label(i in this.rates ? `${(100 * this.rates[i]).toFixed(1)} %` : "", false);
    });
  }
}

class Strip {
  constructor(place, name, rows, height, upwards, width) {
    this.rows = rows;
    this.upwards = upwards;
    this.values = new Uint8Array(rows * KEPT);
    this.row = document.createElement("div");
    this.row.className = "strip";
    const label = document.createElement("div");
    label.className = "name";
    this.value = document.createElement("span");
    this.value.className = "value";
    const words = document.createElement("span");
    words.textContent = name;
    words.title = name;
    label.append(words, this.value);
    this.canvas = document.createElement("canvas");
    this.canvas.width = width;
    this.canvas.height = rows > 1 ? rows : height;
    this.canvas.style.height = `${height}px`;
    this.canvas.setAttribute("role", "img");
    this.canvas.setAttribute("aria-label", `${name}, over time`);
    this.row.append(label, this.canvas);
    place.append(this.row);
    this.pen = this.canvas.getContext("2d");
  }

  put(frame, values) {
    this.values.set(values, (frame % KEPT) * this.rows);
  }

  label(text, on) {
    if (this.value.textContent !== text) this.value.textContent = text;
    this.row.classList.toggle("on", on);
  }

  /** Draw rows of values from one colour to another. */
  paint({ first, count, cursor, oldest, end }, from, to, mark) {
    const image = this.pen.createImageData(count, this.rows);
    for (let x = 0; x < count; x += 1) {
      const frame = first + x;
      const known = frame >= oldest && frame < end;
      for (let row = 0; row < this.rows && (known || frame === cursor); row += 1) {
        const value = this.values[(frame % KEPT) * this.rows + row] / 255;
        const at = 4 * ((this.upwards ? this.rows - 1 - row : row) * count + x);
        for (let c = 0; c < 3; c += 1) {
          const shade = from[c] + value * (to[c] - from[c]);
          image.data[at + c] = frame === cursor ? mark[c] : shade;
        }
        image.data[at + 3] = 255;
      }
    }
    this.pen.putImageData(image, 0, 0);
  }

  /** Draw a bar for each frame, and a line at the threshold. */
  bars({ first, count, cursor, oldest, end }, active, threshold, colours) {
    const { width, height } = this.canvas;
    this.pen.clearRect(0, 0, width, height);
    for (let x = 0; x < count; x += 1) {
      const frame = first + x;
      if (frame >= oldest && frame < end) {
        const high = Math.round((this.values[frame % KEPT] / 255) * height);
        this.pen.fillStyle = css(active[frame % KEPT] ? colours.snn : colours.soft);
        this.pen.fillRect(x, height - high, 1, high);
      }
      if (frame === cursor) {
        this.pen.fillStyle = css(colours.link);
        this.pen.fillRect(x, 0, 1, height);
      }
    }
    this.pen.fillStyle = css(colours.text);
    this.pen.globalAlpha = 0.45;
    this.pen.fillRect(0, Math.min(height - 1, Math.round((1 - threshold) * height)), width, 1);
    this.pen.globalAlpha = 1;
  }
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

function css([red, green, blue]) {
  return `rgb(${red} ${green} ${blue})`;
}
