// The sound itself, kept beside its events: a file as it is, a microphone's samples in parts.

const PART_S = 1; // of a microphone's sound

export class Recordings {
  constructor(store) {
    this.store = store;
    this.files = new Map(); // of this visit: also where the browser keeps nothing
  }

  keepFile(sound, file) {
    this.files.set(sound.id, file);
    return this.store.put("audio", [file], [[sound.id, 0]]);
  }

  /** Return a function that keeps blocks of samples, and keeps the rest when it is given none. */
  recorder(sound) {
    const parts = [];
    this.files.set(sound.id, parts);
    let blocks = [];
    let length = 0;
    return (block, rateHz) => {
      if (block?.length) {
        blocks.push(block);
        length += block.length;
      }
      if (length < (block ? PART_S * rateHz : 1)) return;
      const part = new Blob(blocks.map(pcm));
      this.store.put("audio", [part], [[sound.id, parts.length]]);
      parts.push(part);
      blocks = [];
      length = 0;
    };
  }

  /** The sound as a file: null if it was not kept. */
  async file(sound) {
    const own = this.files.get(sound.id) ?? (await this.store.all("audio", partsOf(sound)));
    if (sound.kind === "file") return (Array.isArray(own) ? own[0] : own) ?? null;
    return own.length ? new File([head(own, sound.rate_hz), ...own], sound.name, { type: "audio/wav" }) : null;
  }

  remove(sound) {
    this.files.delete(sound.id);
    return this.store.remove("audio", [partsOf(sound)]);
  }
}

/** The length of a file in seconds, as the browser's player knows it; null if it cannot play it. */
export function lengthOf(file) {
  return new Promise((resolve) => {
    const player = document.createElement("audio");
    const done = (seconds) => {
      URL.revokeObjectURL(player.src);
      resolve(Number.isFinite(seconds) && seconds > 0 ? seconds : null);
    };
    player.preload = "metadata";
    player.onloadedmetadata = () => done(player.duration);
    player.onerror = () => done(null);
    player.src = URL.createObjectURL(file);
  });
}

function partsOf(sound) {
  return IDBKeyRange.bound([sound.id, 0], [sound.id, Infinity]);
}

function pcm(block) {
  return Int16Array.from(block, (value) => Math.round(32767 * Math.max(-1, Math.min(1, value))));
}

/** The head of a WAV file: one channel, 16 bits, little-endian. */
function head(parts, rateHz) {
  const bytes = parts.reduce((sum, part) => sum + part.size, 0);
  const view = new DataView(new ArrayBuffer(44));
  const text = (at, word) => [...word].forEach((letter, i) => view.setUint8(at + i, letter.charCodeAt(0)));
  text(0, "RIFF");
  view.setUint32(4, 36 + bytes, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, rateHz, true);
  view.setUint32(28, 2 * rateHz, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  text(36, "data");
  view.setUint32(40, bytes, true);
  return view;
}
