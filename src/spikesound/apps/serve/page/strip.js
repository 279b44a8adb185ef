// A row of the picture: values over time on a canvas, with its name, latest value and axis.

import { css } from "/palette.js";

export class Strip {
  /** ticks: [[share of the height from the top, text]]. */
  constructor(place, { name, rows, height, upwards, ticks }, width) {
    this.name = name;
    this.rows = rows;
    this.upwards = upwards;
    this.row = document.createElement("div");
    this.row.className = "strip";
    const label = document.createElement("div");
    label.className = "name";
    this.value = document.createElement("span");
    this.value.className = "value";
    const words = document.createElement("span");
    words.textContent = name;
    label.append(words, this.value);
    this.canvas = document.createElement("canvas");
    this.canvas.width = width;
    this.canvas.height = rows > 1 ? rows : height;
    this.canvas.style.height = `${height}px`;
    this.canvas.setAttribute("role", "img");
    this.row.append(label, axis(ticks, height), this.canvas);
    place.append(this.row);
    this.pen = this.canvas.getContext("2d");
    this.describe("no sound yet");
  }

  label(text, on) {
    if (this.value.textContent !== text) this.value.textContent = text;
    this.row.classList.toggle("on", on);
  }

  /** Say in words what the canvas shows. */
  describe(words) {
    this.canvas.setAttribute("aria-label", `${this.name}: ${words}`);
  }

  /** The mean of the rows of each frame that is shown and known, [[frame, 0 to 1]]. */
  means(data, { first, count, oldest, end }) {
    const means = [];
    for (let frame = Math.max(first, oldest, 0); frame < Math.min(first + count, end); frame += 1) {
      let sum = 0;
      for (let row = 0; row < this.rows; row += 1) sum += data.value(frame, row);
      means.push([frame, sum / this.rows / 255]);
    }
    return means;
  }

  /** Draw rows of values from one colour to another. */
  paint(data, { first, count, cursor, oldest, end }, from, to, mark) {
    const image = this.pen.createImageData(count, this.rows);
    for (let x = 0; x < count; x += 1) {
      const frame = first + x;
      const known = frame >= oldest && frame < end;
      for (let row = 0; row < this.rows && (known || frame === cursor); row += 1) {
        const value = known ? data.value(frame, row) / 255 : 0;
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
  bars(scores, active, { first, count, cursor, oldest, end }, threshold, colours) {
    const { width, height } = this.canvas;
    this.pen.clearRect(0, 0, width, height);
    for (let x = 0; x < count; x += 1) {
      const frame = first + x;
      if (frame >= oldest && frame < end) {
        const high = Math.round((scores.value(frame, 0) / 255) * height);
        this.pen.fillStyle = css(active.value(frame, 0) ? colours.snn : colours.soft);
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

const TEXT = 13; // pixels of a tick's text, which stays within the strip

function axis(ticks, height) {
  const made = document.createElement("div");
  made.className = "axis";
  made.setAttribute("aria-hidden", "true");
  made.style.height = `${height}px`;
  for (const [share, text] of ticks) {
    const tick = document.createElement("span");
    tick.textContent = text;
    const top = Math.min(height - TEXT, Math.max(0, share * height - TEXT / 2));
    tick.style.top = `${top}px`;
    made.append(tick);
  }
  return made;
}
